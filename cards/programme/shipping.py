"""The way of a plastic card to its holder: made, sent, delivered or returned; one parcel at a time.

route      app/http/mobile/card_shipping.py    where to, and how far it is
           app/http/officer/card_parcels.py    what the maker and the carrier say
moves      cards/programme/shipping.py         <- you are here
turns      cards/programme/change.py           turn(): the card goes along

Address and tracking number are sealed under the holder's key by the house; here they are bytes.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import card as cards_card
from cards.card import LIFE, Act, Card, Closing, Form, WrongState
from cards.programme import change
from cards.programme.tables import parcel as table

#: Where a card is still, or again, at its maker's.
_AT_HOME = frozenset({cards_card.State.ORDERED, cards_card.State.PERSONALISING})


class State(enum.StrEnum):
    """Where a parcel is."""

    WAITING = "waiting"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    CANCELLED = "cancelled"


class UnknownParcel(Exception):
    """There is no such parcel, or the card has none."""


class ParcelOnItsWay(Exception):
    """The carrier has the parcel: where it goes can't be changed now."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One try to send a card. `address` and `tracking` are sealed."""

    id: UUID
    card: UUID
    holder: UUID
    address: bytes
    state: State
    asked_at: datetime
    carrier: str | None = None
    tracking: bytes | None = None
    shipped_at: datetime | None = None
    ended_at: datetime | None = None


async def address(db: AsyncConnection, card: Card, parcel: UUID, sealed: bytes, *, at: datetime) -> Parcel:
    """Say where a plastic card that was `locked` is to be sent: a new parcel, instead of one that still waits.

    Raises WrongState, ParcelOnItsWay.
    """
    if card.state is cards_card.State.SHIPPED:
        raise ParcelOnItsWay
    if card.form is not Form.PLASTIC or card.state not in _AT_HOME:
        raise WrongState("address", card.state)
    earlier = await _find(db, (table.c.card == card.id) & table.c.ended_at.is_(None))
    if earlier is not None:
        await _end(db, earlier, State.CANCELLED, at)
    made = Parcel(id=parcel, card=card.id, holder=card.holder, address=sealed, state=State.WAITING, asked_at=at)
    await db.execute(insert(table).values(**{**msgspec.structs.asdict(made), "state": made.state.value}))
    return made


async def ship(
    db: AsyncConnection, card: Card, *, carrier: str, tracking: bytes | None, actor: str, at: datetime
) -> Card:
    """Hand the parcel that waits to a carrier; raises UnknownParcel, WrongState. The card was `locked`."""
    waiting = await _open(db, card, State.WAITING)
    moved = await change.turn(db, card, Act.SHIP, actor=actor, at=at)
    values = {"state": State.SHIPPED.value, "carrier": carrier, "tracking": tracking, "shipped_at": at}
    await db.execute(update(table).where(table.c.id == waiting.id).values(values))
    return moved


async def deliver(db: AsyncConnection, card: Card, *, actor: str, at: datetime) -> Card:
    """Take the carrier's word that the holder has the card, which may be in use by then; raises UnknownParcel."""
    await _end(db, await _open(db, card, State.SHIPPED), State.DELIVERED, at)
    return await change.turn(db, card, Act.DELIVER, actor=actor, at=at) if (card.state, Act.DELIVER) in LIFE else card


async def take_back(db: AsyncConnection, card: Card, *, actor: str, at: datetime) -> Card:
    """Take back what could not be delivered: the card waits for another address; raises UnknownParcel, WrongState."""
    moved = await change.turn(db, card, Act.RETURN, actor=actor, at=at)
    await _end(db, await _open(db, card, State.SHIPPED), State.UNDELIVERABLE, at)
    return moved


async def give_up(db: AsyncConnection, card: Card, *, actor: str, at: datetime) -> Card:
    """Close a card that nobody could be brought; raises WrongState."""
    earlier = await _find(db, (table.c.card == card.id) & table.c.ended_at.is_(None))
    if earlier is not None:
        await _end(db, earlier, State.CANCELLED, at)
    [closed] = await change.close(db, [card], Closing.UNDELIVERABLE, actor=actor, at=at)
    return closed


async def of_card(db: AsyncConnection, card: UUID) -> list[Parcel]:
    """List every try to send a card, the newest first."""
    rows = await db.execute(select(*_COLUMNS).where(table.c.card == card).order_by(table.c.id.desc()))
    return [msgspec.convert(row, Parcel, from_attributes=True) for row in rows]


async def waiting(db: AsyncConnection, *, after: UUID | None, limit: int) -> list[Parcel]:
    """List what is to be sent or on its way, the oldest first."""
    query = select(*_COLUMNS).where(table.c.ended_at.is_(None)).order_by(table.c.id).limit(limit)
    rows = await db.execute(query if after is None else query.where(table.c.id > after))
    return [msgspec.convert(row, Parcel, from_attributes=True) for row in rows]


async def undo(db: AsyncConnection, card: Card, parcel: UUID, *, at: datetime) -> None:
    """Take back a parcel that nobody will send, of a card that was `locked`; the one it stood for waits again."""
    made = await _find(db, (table.c.card == card.id) & (table.c.id == parcel) & (table.c.state == State.WAITING.value))
    if made is None:
        return  # another stands for it by now
    await _end(db, made, State.CANCELLED, at)
    before = await _find(
        db, (table.c.card == card.id) & (table.c.id < parcel) & (table.c.state == State.CANCELLED.value)
    )
    if before is not None:
        again = {"state": State.WAITING.value, "ended_at": None}
        await db.execute(update(table).where(table.c.id == before.id).values(again))


async def _open(db: AsyncConnection, card: Card, state: State) -> Parcel:
    found = await _find(db, (table.c.card == card.id) & (table.c.state == state.value))
    if found is None:
        raise UnknownParcel
    return found


async def _find(db: AsyncConnection, wanted: ColumnElement[bool]) -> Parcel | None:
    row = (await db.execute(select(*_COLUMNS).where(wanted).order_by(table.c.id.desc()).limit(1))).one_or_none()
    return None if row is None else msgspec.convert(row, Parcel, from_attributes=True)


async def _end(db: AsyncConnection, parcel: Parcel, state: State, at: datetime) -> None:
    await db.execute(update(table).where(table.c.id == parcel.id).values(state=state.value, ended_at=at))


_COLUMNS = [table.c[name] for name in Parcel.__struct_fields__]
