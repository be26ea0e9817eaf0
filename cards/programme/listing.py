"""Lists of the programme: merchants that are paid nothing, and persons, found by a keyed digest of a document.

route      app/http/officer/card_lists.py    put on a list, take off
reads      cards/programme/programme.py      merchants
           cards/card.py                     `listed` of a card, by its holder
keeps      cards/programme/listing.py        <- you are here

A person may be listed before one of ours shows that document: the house compares when somebody is listed and when a
card is ordered (app/cards/holders.py). Bets hide behind other categories (Law 219 of 2007, art. 15-1), so a category
alone stops nobody.
"""

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Listing
from cards.programme import events
from cards.programme.tables import listed_merchant, listed_person
from proof import journal


class Reason(enum.StrEnum):
    """Why a merchant is paid nothing."""

    ILLEGAL_GAMBLING = "illegal_gambling"
    QUASI_CASH = "quasi_cash"
    FRAUD = "fraud"
    REGULATOR_ORDER = "regulator_order"


class UnknownListing(Exception):
    """There is none with this id, or it has ended."""


class AlreadyListed(Exception):
    """The merchant or the person is on this list."""


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant by its id in the network."""

    id: UUID
    merchant: str
    reason: Reason
    listed_by: str
    listed_at: datetime


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody by the digest of a document; `holder` once one of ours has shown it, `until` the last day of it."""

    id: UUID
    listing: Listing
    blind: bytes
    listed_by: str
    listed_at: datetime
    holder: UUID | None = None
    until: date | None = None


async def add_merchant(db: AsyncConnection, wanted: Merchant) -> Merchant:
    """Put a merchant on the list: no purchase there passes from now on. Raises AlreadyListed."""
    await _add(db, listed_merchant, {**msgspec.structs.asdict(wanted), "reason": wanted.reason.value})
    fact = events.MerchantListed(listing=wanted.id, merchant=wanted.merchant, reason=wanted.reason)
    await _tell(db, wanted.id, fact, wanted.listed_by, wanted.listed_at)
    return wanted


async def add_person(db: AsyncConnection, wanted: Person) -> Person:
    """Put a person on a list; raises AlreadyListed."""
    await _add(db, listed_person, {**msgspec.structs.asdict(wanted), "listing": wanted.listing.value})
    # Nobody's feed shows it, not even the person's own (tipping-off).
    fact = events.PersonListed(listing=wanted.id, kind=wanted.listing)
    await _tell(db, wanted.id, fact, wanted.listed_by, wanted.listed_at)
    return wanted


async def end(db: AsyncConnection, listing: UUID, *, actor: str, at: datetime) -> None:
    """Take a merchant or a person off a list; raises UnknownListing."""
    for table in (listed_person, listed_merchant):
        wanted = (table.c.id == listing) & table.c.ended_at.is_(None)
        ended = await db.execute(update(table).where(wanted).values(ended_by=actor, ended_at=at).returning(table.c.id))
        if ended.one_or_none() is not None:
            return await _tell(db, listing, events.ListingEnded(listing=listing), actor, at)
    raise UnknownListing


async def end_overdue(db: AsyncConnection, today: date, *, actor: str, at: datetime) -> int:
    """Take persons off whose last day is over; answers how many."""
    over = list((await db.execute(_OVERDUE, {"today": today})).scalars())
    for listing in over:
        await end(db, listing, actor=actor, at=at)
    return len(over)


async def merchants(db: AsyncConnection, *, after: UUID | None, limit: int) -> list[Merchant]:
    """List the merchants that are paid nothing, the first listed first."""
    columns = [listed_merchant.c[name] for name in Merchant.__struct_fields__]
    query = select(*columns).where(listed_merchant.c.ended_at.is_(None))
    if after is not None:
        query = query.where(listed_merchant.c.id > after)
    rows = await db.execute(query.order_by(listed_merchant.c.id).limit(limit))
    return [msgspec.convert(row, Merchant, from_attributes=True) for row in rows]


async def persons(db: AsyncConnection, *, after: UUID | None, limit: int) -> list[Person]:
    """List the persons, the first listed first."""
    columns = [listed_person.c[name] for name in Person.__struct_fields__]
    query = select(*columns).where(listed_person.c.ended_at.is_(None))
    if after is not None:
        query = query.where(listed_person.c.id > after)
    rows = await db.execute(query.order_by(listed_person.c.id).limit(limit))
    return [msgspec.convert(row, Person, from_attributes=True) for row in rows]


async def _add(db: AsyncConnection, table: Table, row: dict[str, object]) -> None:
    try:
        async with db.begin_nested():
            await db.execute(insert(table).values(row))
    except IntegrityError as refused:
        if f"{table.name}_now" in str(refused):
            raise AlreadyListed from refused
        raise


async def _tell(db: AsyncConnection, listing: UUID, fact: msgspec.Struct, actor: str, at: datetime) -> None:
    await journal.append(db, tables.event, journal.Fact(aggregate=listing, at=at, actor=actor, event=fact))


_OVERDUE = text(
    "SELECT id FROM cards.listed_person WHERE until < :today AND ended_at IS NULL ORDER BY id LIMIT 100"
    " FOR UPDATE SKIP LOCKED"
)
