"""What a bank says about a placement, by webhook or when asked: it counts once, and only where it says what was agreed.

hears      app/partners/inbox.py       placement.confirmed, placement.rejected, placement.matured
asks       app/partners/placing.py     step()
decides    app/partners/placements.py  heard()      <- you are here
records    invest/placement.py         record()     the money follows in app/partners/placing.py
"""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.house import House
from app.http import ids as public_ids
from app.partners.message import Message, TooEarly, Unfit, read
from invest import placement
from invest.life import Act, State
from invest.placement import Change, Placement
from law import calendar

_OPENED = frozenset({State.CONFIRMED, State.BOOKED, State.MATURED, State.REPAID})
_REFUSED = frozenset({State.REJECTED, State.RELEASED})
_ASKED = frozenset({State.SENT, State.UNKNOWN})

Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$(?!\n)")]
BankReference = Annotated[str, Meta(min_length=1, max_length=64)]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """`placement.confirmed`: the bank opened the deposit on these terms."""

    placement_id: str
    bank_reference: BankReference
    principal_minor: int
    interest_minor: int
    currency: str
    starts_on: date
    matures_on: date


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """`placement.rejected`: the bank won't; `reason` is one word."""

    placement_id: str
    reason: Word


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """`placement.matured`: the term is over; `paid_minor`, principal and interest, was paid back."""

    placement_id: str
    bank_reference: BankReference
    paid_minor: int
    currency: str


Said = Opened | Refused | Over


async def confirmed(house: House, message: Message) -> str:
    """Act on `placement.confirmed`; raises Unfit, TooEarly."""
    return await _hear(house, message, read(message.data, Opened))


async def rejected(house: House, message: Message) -> str:
    """Act on `placement.rejected`; raises Unfit, TooEarly."""
    return await _hear(house, message, read(message.data, Refused))


async def matured(house: House, message: Message) -> str:
    """Act on `placement.matured`; raises Unfit, TooEarly."""
    return await _hear(house, message, read(message.data, Over))


async def _hear(house: House, message: Message, said: Said) -> str:
    try:
        about = public_ids.parse("placement", said.placement_id)
    except public_ids.UnknownId as error:
        raise Unfit("no such placement") from error
    async with db.transaction(house.worker) as story:
        return await heard(await story(), about, message.partner.id, said, at=story.now)


async def heard(connection: AsyncConnection, about: UUID, partner: UUID, said: Said, *, at: datetime) -> str:
    """Record what `partner` says about its placement and let the money follow; raises Unfit, TooEarly.

    `at` is the installation's clock.
    """
    found = (await placement.lock(connection, [about])).get(about)
    if found is None or found.partner != partner:
        raise Unfit("no such placement")
    act = decide(found, said, today=calendar.statutory_date(at))
    if act is None:
        return "known already"
    change = Change(
        placement=found,
        act=act,
        at=at,
        actor=f"partner:{partner}",
        due_at=clock.real(),
        bank_reference=None if isinstance(said, Refused) else said.bank_reference,
        reason=said.reason if isinstance(said, Refused) else None,
    )
    await placement.record(connection, [change])
    return act.value


def decide(found: Placement, said: Said, *, today: date) -> Act | None:
    """Say what follows from the bank's words, None where they are no news; raises Unfit, TooEarly."""
    match said:
        case Opened():
            return _opened(found, said)
        case Refused():
            return _refused(found)
        case Over():
            return _over(found, said, today)


def _opened(found: Placement, said: Opened) -> Act | None:
    if found.state in _REFUSED:
        raise Unfit("it was rejected before")
    if (said.principal_minor, said.interest_minor, said.currency) != (
        found.principal_minor,
        found.interest_minor,
        found.currency.value,
    ) or (said.starts_on, said.matures_on) != (found.starts_on, found.matures_on):
        raise Unfit("not what was agreed")
    if found.state in _OPENED:
        _check_reference(found, said.bank_reference)
        return None
    if found.state not in _ASKED:
        raise TooEarly("the bank was not asked yet")
    return Act.CONFIRM


def _refused(found: Placement) -> Act | None:
    if found.state in _OPENED:
        raise Unfit("it was confirmed before")
    if found.state in _REFUSED:
        return None
    return Act.REJECT


def _over(found: Placement, said: Over, today: date) -> Act | None:
    if found.state in _REFUSED:
        raise Unfit("it was rejected before")
    if found.state not in {State.BOOKED, State.MATURED, State.REPAID}:
        raise TooEarly("it is not booked yet")
    _check_reference(found, said.bank_reference)
    if found.state is not State.BOOKED:
        return None
    if (said.paid_minor, said.currency) != (found.principal_minor + found.interest_minor, found.currency.value):
        raise Unfit("not the amount agreed")
    if today < found.matures_on:
        raise Unfit("before its term")
    return Act.MATURE


def _check_reference(found: Placement, bank_reference: str) -> None:
    if bank_reference != found.bank_reference:
        raise Unfit("another bank reference")
