"""Signing in from the phone: passkey, device key, session.

route      app/http/mobile/auth.py    <- you are here
decides    app/auth/signin.py         enrol(), sign_in()
renews     app/http/oauth/token.py          POST /oauth/token

The POSTs before sign-in take no Idempotency-Key: there is no principal yet to keep an answer for, and the stored answer
would be a token. A lost answer is not repeated but asked for anew: a challenge costs nothing and is good once.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import Meta

from app import clock, problems
from app.auth import authenticate, challenge, device, passkey, session, signin
from app.auth.credential import Assertion, Attestation, CreationOptions, RequestOptions
from app.auth.gate import SessionEnded
from app.auth.principal import Principal, Role
from app.auth.token import Claims
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire

_ExpiresAt = Annotated[datetime, Meta(description="After this instant of the real clock the challenge is void.")]
_Invitation = Annotated[
    str, Meta(max_length=100, description="Given to staff by the operator, to a device by another.")
]
_ProofHeader = Annotated[
    str | None,
    HeaderParameter(name="DPoP", description="RFC 9449 proof by the device key; tokens are bound to that key."),
]


class BeginRegistration(Wire, frozen=True):
    """Who comes: a new resident, or, with an invitation, staff or a further device of somebody who is here."""

    invitation: _Invitation | None = None


class RegistrationView(Wire, frozen=True):
    """What the device answers with a new passkey, at `/v1/auth/registrations/{id}/passkey`."""

    id: Annotated[str, Meta(examples=["registration_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    options: CreationOptions
    expires_at: _ExpiresAt


class NewPasskey(Wire, frozen=True):
    """The device's answer; with the invitation again, if the registration was begun with one or belongs to one."""

    credential: Attestation
    invitation: _Invitation | None = None


class AssertionView(Wire, frozen=True):
    """What the device signs with one of its passkeys, at `/v1/auth/assertions/{id}`."""

    id: Annotated[str, Meta(examples=["assertion_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    options: RequestOptions
    expires_at: _ExpiresAt


class SignIn(Wire, frozen=True):
    """The device's answer."""

    credential: Assertion


class TokensView(Wire, frozen=True):
    """A session's tokens, both bound to the key of the proof; the refresh token works once, at `/oauth/token`."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi…"])]
    token_type: Literal["DPoP"]
    expires_in: Annotated[int, Meta(description="Seconds the access token lives.", examples=[300])]
    refresh_token: Annotated[str, Meta(examples=["AZLzwNtZcAi0eJ0lYHp2c4n5bq1mZ2pX0f3dQe8wVt6K9uRjYhGkLxTnBvCsMaDq"])]
    scope: Annotated[str, Meta(examples=["cards:read cards:write wallet:read"])]
    subject: Annotated[str, Meta(examples=["resident_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]


class SessionView(Wire, frozen=True):
    """The session of the token used for this request."""

    id: Annotated[str, Meta(examples=["session_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    opened_at: datetime
    expires_at: datetime


class MeView(Wire, frozen=True):
    """Who the caller is."""

    id: Annotated[str, Meta(examples=["resident_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    role: Role
    scopes: Annotated[list[str], Meta(description="What this token may do.", examples=[["cards:read", "me:read"]])]
    session: SessionView


async def device_key(
    request: Request[Any, Any, State],
    house: NamedDependency[House],
    dpop: _ProofHeader = None,  # noqa: ARG001  describes the header; it is read from the request, where it may stand twice
) -> str:
    """Give the thumbprint of the key the caller proves to hold; the proof is used up."""
    proof = authenticate.prove(house.door, request.scope, access_token=None)
    await house.door.gate.admit(None, proof)
    return proof.thumbprint


def refused(request: Request[Any, Any, State], refusal: Exception) -> Response[Any]:
    """Answer a refusal that is a value: what was counted or noticed by it is kept."""
    return problems.on_refusal(request, refusal)


@post(
    "/v1/auth/registrations",
    operation_id="beginRegistration",
    opt={"scope": "public", "quota": "sign-in"},
    tags=["Sign-in"],
    summary="Begin to register: get a challenge for a new passkey",
)
async def begin_registration(
    data: JSONBody[BeginRegistration], story: NamedDependency[Story], house: NamedDependency[House]
) -> RegistrationView:
    """Give what `navigator.credentials.create` takes. Nothing is known of the person yet, and nothing is asked."""
    made, options = await signin.begin(story, house.settings, data.invitation, clock.real())
    return RegistrationView(id=ids.show("registration", made.id), options=options, expires_at=made.expires_at)


@post(
    "/v1/auth/registrations/{registration_id:str}/passkey",
    operation_id="finishRegistration",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=["Sign-in"],
    summary="Finish to register: keep the passkey, get tokens",
    dependencies={"device_key": Provide(device_key)},
)
async def finish_registration(
    registration_id: FromPath[str],
    data: JSONBody[NewPasskey],
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> TokensView:
    """Believe the attestation and open the first session of a new resident, or of who was invited: staff, a device."""
    given = await signin.enrol(
        story,
        house.settings,
        house.door,
        ids.parse("registration", registration_id),
        data.credential,
        invitation=data.invitation,
        jkt=device_key,
        now=clock.real(),
    )
    if data.invitation is not None:
        await device.announce(await story(), house.keys.kms, given.session.subject.id, clock.real())
    return _tokens(given)


@post(
    "/v1/auth/assertions",
    operation_id="beginSignIn",
    opt={"scope": "public", "quota": "sign-in"},
    tags=["Sign-in"],
    summary="Begin to sign in: get a challenge",
)
async def begin_sign_in(story: NamedDependency[Story], house: NamedDependency[House]) -> AssertionView:
    """Give what `navigator.credentials.get` takes; the device finds the passkey, we are not told whose."""
    made = await challenge.issue(await story(), "assertion", clock.real())
    options = passkey.request_options(house.settings, made.challenge)
    return AssertionView(id=ids.show("assertion", made.id), options=options, expires_at=made.expires_at)


@post(
    "/v1/auth/assertions/{assertion_id:str}",
    operation_id="finishSignIn",
    opt={"scope": "public", "proof": True, "quota": "sign-in"},
    tags=["Sign-in"],
    summary="Finish to sign in: get tokens",
    dependencies={"device_key": Provide(device_key)},
)
async def finish_sign_in(
    request: Request[Any, Any, State],
    assertion_id: FromPath[str],
    *,
    data: JSONBody[SignIn],
    device_key: NamedDependency[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[TokensView]:
    """Believe the signature and open a session bound to the device key."""
    asked, now = ids.parse("assertion", assertion_id), clock.real()
    given = await signin.sign_in(story, house.settings, house.door, asked, data.credential, jkt=device_key, now=now)
    if isinstance(given, passkey.Regressed):
        await device.warn(await story(), house.keys.kms, given, now)
        return refused(request, given)
    return Response(_tokens(given))


@get(
    "/v1/me",
    operation_id="getMe",
    opt={"scope": "me:read"},
    tags=["Sign-in"],
    summary="Who am I?",
)
async def get_me(
    request: Request[Claims, Principal, State], me: NamedDependency[Principal], story: NamedDependency[Story]
) -> MeView:
    """Show the caller, what the token may do, and its session."""
    mine = await session.find(await story(), request.user.sid)
    if mine is None:  # ended since it was let in, a moment ago
        raise SessionEnded
    shown = SessionView(id=ids.show("session", mine.id), opened_at=mine.at, expires_at=mine.expires_at)
    return MeView(id=ids.show(me.role, me.subject), role=me.role, scopes=sorted(me.scopes), session=shown)


@delete(
    "/v1/auth/session",
    operation_id="signOut",
    opt={"scope": "me:write"},
    tags=["Sign-in"],
    summary="Sign out",
)
async def sign_out(request: Request[Claims, Principal, State], story: NamedDependency[Story]) -> None:
    """End the session of this token: it and the refresh token are void from now on, everywhere."""
    db = await story()
    mine = await session.find(db, request.user.sid)
    if mine is not None:
        await session.end(db, mine.id, mine.subject, "signed_out", clock.real())


def _tokens(given: signin.Tokens) -> TokensView:
    who = given.session.subject
    return TokensView(
        access_token=given.access.token,
        token_type="DPoP",  # noqa: S106  the name of the scheme
        expires_in=given.access.expires_in,
        refresh_token=given.refresh,
        scope=given.session.scope,
        subject=ids.show(who.role, who.id),
    )


routes: list[HTTPRouteHandler] = [
    begin_registration,
    finish_registration,
    begin_sign_in,
    finish_sign_in,
    get_me,
    sign_out,
]
