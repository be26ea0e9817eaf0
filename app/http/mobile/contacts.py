"""Where a person can be written to: claim a contact, prove it with the code that is sent there, remove it.

path   POST /v1/me/contacts            ->  app/auth/contact.py        claim()
       POST /v1/me/contacts/{id}/code  ->  app/auth/verification.py   evaluate(), then confirm()

Entering a code takes no Idempotency-Key: a code is good once, and whether a lost answer was a yes, the list tells.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, language
from app.auth import contact, stepup, verification
from app.auth.contact import Contact
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.auth import refused
from app.http.wire import Wire
from app.idempotency import Once

_TAGS = ["Contacts"]
Kind = Annotated[Literal["email", "phone"], Meta(examples=["email"])]
#: An e-mail address, or a phone number with its country code.
Value = Annotated[
    str, Meta(min_length=3, max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", examples=["anna@example.com"])
]
Code = Annotated[str, Meta(pattern=r"^[0-9]{6,8}$(?!\n)", examples=["48151623"])]


class ClaimContact(Wire, frozen=True):
    """Where the code is sent."""

    kind: Kind
    value: Value


class ContactView(Wire, frozen=True, kw_only=True):
    """A contact of the caller, in its normal form; with no `verified_at` it is only claimed."""

    id: Annotated[str, Meta(examples=["contact_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    kind: Kind
    value: Annotated[str, Meta(examples=["anna@example.com"])]
    added_at: datetime
    verified_at: datetime | None = None


class ClaimedContact(Wire, frozen=True):
    """The claimed contact; its code is entered at `/v1/me/contacts/{id}/code` until `expires_at`."""

    id: Annotated[str, Meta(examples=["contact_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    expires_at: datetime


class Contacts(Wire, frozen=True):
    """Where the caller can be written to, the oldest first."""

    contacts: list[ContactView]


class EnterContactCode(Wire, frozen=True):
    """The code, and the confirmation of `contact.add`, which shows `contact_id` and `kind`."""

    code: Code
    step_up: stepup.Confirmation | None = None


class RemoveContact(Wire, frozen=True):
    """The confirmation of `contact.remove`, which shows `contact_id` and `kind`."""

    step_up: stepup.Confirmation | None = None


_UNCONFIRMED = RemoveContact()


@get(
    "/v1/me/contacts",
    operation_id="listContacts",
    opt={"scope": "contact:read"},
    tags=_TAGS,
    summary="Where I can be written to",
)
async def list_contacts(
    me: NamedDependency[Principal], story: NamedDependency[Story], house: NamedDependency[House]
) -> Contacts:
    """List the caller's contacts."""
    return Contacts(contacts=[_view(each) for each in await contact.of(await story(), house.keys.kms, me.subject)])


@post(
    "/v1/me/contacts",
    operation_id="claimContact",
    opt={"scope": "contact:write", "quota": "codes"},
    tags=_TAGS,
    summary="Begin to add a contact: a code is sent there",
    status_code=202,
)
async def claim_contact(
    request: Request[Any, Any, State],
    data: JSONBody[ClaimContact],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[ClaimedContact]:
    """Send a code to a contact. The answer does not name it: it is kept for repeats."""

    async def act(story: Story) -> ClaimedContact:
        kms, now = house.keys.kms, clock.real()
        spoken = language.choose(request.headers.get("accept-language"))
        wanted = contact.named(kms, data.kind, data.value, spoken)
        claimed = await contact.claim(await story(), kms, me, wanted, sender=me.actor, now=now)
        return ClaimedContact(id=ids.show("contact", claimed.id), expires_at=now + verification.LIFETIME)

    return await once(act)


@post(
    "/v1/me/contacts/{contact_id:str}/code",
    operation_id="proveContact",
    opt={"scope": "contact:write"},
    tags=_TAGS,
    summary="Finish to add a contact: enter its code",
)
async def prove_contact(
    request: Request[Any, Any, State],
    contact_id: FromPath[str],
    data: JSONBody[EnterContactCode],
    *,
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[ContactView]:
    """Take the code; five are looked at, wrong and expired look alike. Then the contact can recover the account."""
    db, now, kms = await story(), clock.real(), house.keys.kms
    claimed = ids.parse("contact", contact_id)
    if not await verification.evaluate(db, kms, "contact", claimed, data.code, now=now):
        return refused(request, verification.Refused())
    # A refusal from here on leaves the code as it was: nothing of this story stays.
    shown: stepup.Shown = {"contact_id": contact_id, "kind": (await _known(db, house, me, contact_id)).kind}
    await stepup.redeem(db, house.settings, me, operation="contact.add", shown=shown, confirmation=data.step_up)
    return Response(_view(await contact.confirm(db, kms, me, claimed, now)))


@delete(
    "/v1/me/contacts/{contact_id:str}",
    operation_id="removeContact",
    opt={"scope": "contact:write"},
    tags=_TAGS,
    summary="Remove a contact",
)
async def remove_contact(
    contact_id: FromPath[str],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    data: JSONBody[RemoveContact] = _UNCONFIRMED,
) -> None:
    """Forget a contact; confirmed with a passkey."""
    db = await story()
    known = await _known(db, house, me, contact_id)
    shown: stepup.Shown = {"contact_id": contact_id, "kind": known.kind}
    await stepup.redeem(db, house.settings, me, operation="contact.remove", shown=shown, confirmation=data.step_up)
    await contact.remove(db, house.keys.kms, me, known.id, clock.real())


async def _known(db: AsyncConnection, house: House, me: Principal, contact_id: str) -> Contact:
    wanted = ids.parse("contact", contact_id)
    for each in await contact.of(db, house.keys.kms, me.subject):
        if each.id == wanted:
            return each
    raise NotFoundException


def _view(each: Contact) -> ContactView:
    return ContactView(
        id=ids.show("contact", each.id),
        kind=each.kind,
        value=each.value,
        added_at=each.at,
        verified_at=each.verified_at,
    )


routes = [list_contacts, claim_contact, prove_contact, remove_contact]
