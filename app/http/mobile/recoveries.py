"""A lost account comes back, step by step, from a new phone: app/auth/recovery.py tells the story.

Every step carries a proof of the device key that began. No step takes an Idempotency-Key: there is no principal to keep
an answer for. What a lost answer said, `getRecovery` says; a finished recovery signs in with its new passkey.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock, language, limits
from app.auth import contact, contested, recovery, verification
from app.auth.credential import Assertion, Attestation, CreationOptions
from app.auth.recovery import Recovery
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.auth import device_key, refused
from app.http.mobile.contacts import Code, Kind, Value
from app.http.mobile.identity import ScanDocument
from app.http.wire import Wire

_TAGS = ["Recovery"]
_PROVEN = {"device_key": Provide(device_key)}


class BeginRecovery(Wire, frozen=True):
    """A contact that was added to the account."""

    kind: Kind
    value: Value


class RecoveryView(Wire, frozen=True):
    """Where a recovery is; `next` is the step to take. The first answer is always the same."""

    id: Annotated[str, Meta(examples=["recovery_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    next: Annotated[Literal["code", "document", "passkey", "sign_in"], Meta(examples=["code"])]
    expires_at: datetime


class EnterRecoveryCode(Wire, frozen=True):
    """The code that was sent."""

    code: Code


class RecoveryPasskeyView(Wire, frozen=True):
    """What the new device answers with a passkey, at `/v1/auth/recoveries/{id}/passkey`."""

    id: Annotated[str, Meta(examples=["registration_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    options: CreationOptions
    expires_at: datetime


class RecoveryPasskey(Wire, frozen=True):
    """The new passkey, and which request for one it answers."""

    registration_id: Annotated[str, Meta(examples=["registration_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    credential: Attestation


class ContestRecovery(Wire, frozen=True):
    """A former passkey's answer to a challenge of `/v1/auth/assertions`."""

    assertion_id: Annotated[str, Meta(examples=["assertion_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    credential: Assertion


@post(
    "/v1/auth/recoveries",
    operation_id="beginRecovery",
    opt={"scope": "public", "proof": True, "quota": "codes"},
    tags=_TAGS,
    summary="Begin to recover an account: a code is sent to a contact of it",
    dependencies=_PROVEN,
    status_code=202,
)
async def begin_recovery(
    request: Request[Any, Any, State],
    data: JSONBody[BeginRecovery],
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> RecoveryView:
    """Send a code. Whether somebody has this contact is not said, and the same is done where nobody has."""
    spoken = language.choose(request.headers.get("accept-language"))
    wanted = contact.named(house.keys.kms, data.kind, data.value, spoken)
    sender = limits.address(request.scope)
    return _view(await recovery.begin(story, house, wanted, jkt=device_key, sender=sender, now=clock.real()))


@get(
    "/v1/auth/recoveries/{recovery_id:str}",
    operation_id="getRecovery",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="Where a recovery is",
    dependencies=_PROVEN,
)
async def get_recovery(
    recovery_id: FromPath[str], device_key: NamedDependency[str], story: NamedDependency[Story]
) -> RecoveryView:
    """Say which step is next, to the device that began."""
    return _view(await recovery.load(story, ids.parse("recovery", recovery_id), jkt=device_key, now=clock.real()))


@post(
    "/v1/auth/recoveries/{recovery_id:str}/code",
    operation_id="enterRecoveryCode",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="Enter the code",
    dependencies=_PROVEN,
    status_code=200,
)
async def enter_recovery_code(
    request: Request[Any, Any, State],
    recovery_id: FromPath[str],
    data: JSONBody[EnterRecoveryCode],
    *,
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[RecoveryView]:
    """Take the code; five are looked at, wrong and expired look alike."""
    asked = ids.parse("recovery", recovery_id)
    found = await recovery.enter_code(story, house, asked, data.code, jkt=device_key, now=clock.real())
    return _answer(request, found)


@post(
    "/v1/auth/recoveries/{recovery_id:str}/document",
    operation_id="showRecoveryDocument",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="Show the document again",
    dependencies=_PROVEN,
    status_code=200,
)
async def show_recovery_document(
    request: Request[Any, Any, State],
    recovery_id: FromPath[str],
    data: JSONBody[ScanDocument],
    *,
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[RecoveryView]:
    """Take a document that proves the person as surely as the one they enrolled with; five are looked at."""
    asked = ids.parse("recovery", recovery_id)
    found = await recovery.show_document(story, house, asked, data.reading(), jkt=device_key, now=clock.real())
    return _answer(request, found)


@post(
    "/v1/auth/recoveries/{recovery_id:str}/registrations",
    operation_id="beginRecoveryPasskey",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="Get a challenge for the new passkey",
    dependencies=_PROVEN,
)
async def begin_recovery_passkey(
    recovery_id: FromPath[str],
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> RecoveryPasskeyView:
    """Give what `navigator.credentials.create` takes; its challenge serves this recovery alone."""
    asked = ids.parse("recovery", recovery_id)
    made, options = await recovery.ask_passkey(story, house.settings, asked, jkt=device_key, now=clock.real())
    return RecoveryPasskeyView(id=ids.show("registration", made.id), options=options, expires_at=made.expires_at)


@post(
    "/v1/auth/recoveries/{recovery_id:str}/passkey",
    operation_id="finishRecovery",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="Finish to recover an account: the new passkey takes over",
    dependencies=_PROVEN,
    status_code=200,
)
async def finish_recovery(
    recovery_id: FromPath[str],
    data: JSONBody[RecoveryPasskey],
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> RecoveryView:
    """Keep the new passkey; all others and every session end. For 24 hours nothing leaves the account. Then sign in."""
    return _view(
        await recovery.finish(
            story,
            house,
            ids.parse("recovery", recovery_id),
            ids.parse("registration", data.registration_id),
            data.credential,
            jkt=device_key,
            now=clock.real(),
        )
    )


@post(
    "/v1/auth/recovery-contests",
    operation_id="contestRecovery",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=_TAGS,
    summary="It was not me: stop a recovered account",
    dependencies=_PROVEN,
    status_code=204,
)
async def contest_recovery(
    data: JSONBody[ContestRecovery],
    device_key: NamedDependency[str],  # noqa: ARG001  proves that the request was made here and now
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> None:
    """Suspend the account, on the word of a passkey it had before, within 24 hours; an officer looks at it then."""
    asked = ids.parse("assertion", data.assertion_id)
    await contested.contest(story, house.settings, asked, data.credential, now=clock.real())


def _view(found: Recovery) -> RecoveryView:
    return RecoveryView(id=ids.show("recovery", found.id), next=found.next, expires_at=found.expires_at)


def _answer(
    request: Request[Any, Any, State], found: Recovery | recovery.Refused | verification.Refused
) -> Response[RecoveryView]:
    return Response(_view(found)) if isinstance(found, Recovery) else refused(request, found)


routes = [
    begin_recovery,
    get_recovery,
    enter_recovery_code,
    show_recovery_document,
    begin_recovery_passkey,
    finish_recovery,
    contest_recovery,
]
