"""Verification: until when a holder's identity holds; what lapses suspends the holder's cards until it is done again.

step       app/cards/holders.py               step()      looks at those whose day is over
route      app/http/mobile/card_notice.py     POST /v1/cards/verification
decides    cards/programme/verification.py    note(), lapse()      <- you are here

How a person is verified, kyc knows; the house says when it last was (app/cards/holders.py).
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import card as cards_card
from cards import tables
from cards.card import Card, Owner
from cards.programme import change
from cards.programme import tables as programme_tables
from cards.programme.events import IdentityLapsed, IdentityVerified
from law import calendar
from law.regime import Policy
from proof import journal

REASON = "verification_lapsed"
#: How often the worker looks whether somebody whose identity lapsed was verified again without saying so.
_LOOK_AGAIN = timedelta(hours=1)


class IdentityNotVerified(Exception):
    """The holder's identity has to be verified again before there is another card."""


class Verification(msgspec.Struct, frozen=True):
    """When the holder was last verified, and the last day in Kazakhstan for which that is enough; None: for ever."""

    verified_at: datetime
    verified_until: date | None


async def find(db: AsyncConnection, holder: UUID) -> Verification | None:
    """Read what is known of a holder."""
    columns = programme_tables.verification.c
    query = select(columns.verified_at, columns.verified_until).where(columns.holder == holder)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else Verification(row.verified_at, row.verified_until)


async def note(
    db: AsyncConnection, holder: UUID, verified_at: datetime, *, policy: Policy, actor: str, at: datetime
) -> Verification:
    """Take that `holder` was verified at `verified_at`, or later as is known already.

    Where that is enough today, what lapsed of their cards is lifted.
    """
    stored = await find(db, holder)
    newest = max(verified_at, stored.verified_at) if stored else verified_at
    known = Verification(newest, _until(newest, policy))
    values = {
        "verified_at": known.verified_at,
        "verified_until": known.verified_until,
        "due_at": calendar.day_starts(known.verified_until + timedelta(days=1)) if known.verified_until else None,
    }
    table = programme_tables.verification
    put = insert(table).values(holder=holder, **values)
    until = table.c.verified_until.is_distinct_from(known.verified_until)
    newer = (table.c.verified_at < newest) | ((table.c.verified_at == newest) & until)
    written = await db.execute(
        put.on_conflict_do_update(index_elements=["holder"], set_=values, where=newer).returning(table.c.holder)
    )
    if written.one_or_none() is not None and known.verified_until is not None:
        await _tell(db, holder, IdentityVerified(verified_until=known.verified_until), actor, at)
    if known.verified_until is None or calendar.statutory_date(at) <= known.verified_until:
        await _lift(db, holder, actor=actor, at=at)
    return known


async def _lift(db: AsyncConnection, holder: UUID, *, actor: str, at: datetime) -> None:
    # Mostly there is nothing to lift, and then no card is locked: who orders or replaces one has others to wait for.
    if any(card.suspended_by(Owner.REVERIFY) for card in await cards_card.alive_of(db, holder)):
        waiting = [card for card in await _locked(db, holder) if card.suspended_by(Owner.REVERIFY)]
        await change.record_all(db, [change.lifted(card, Owner.REVERIFY) for card in waiting], actor=actor, at=at)


def _until(verified_at: datetime, policy: Policy) -> date | None:
    if policy.reverify_days is None:
        return None
    return calendar.statutory_date(verified_at) + timedelta(days=policy.reverify_days)


def ensure(known: Verification, today: date) -> None:
    """Refuse (IdentityNotVerified) who has to be verified again."""
    if known.verified_until is not None and today > known.verified_until:
        raise IdentityNotVerified


async def due(db: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Take some holders whose verification is to be looked at; nobody else takes them meanwhile."""
    return list((await db.execute(_DUE, {"now": now, "limit": limit})).scalars())


async def lapse(db: AsyncConnection, holder: UUID, *, actor: str, at: datetime) -> None:
    """Suspend every living card of a holder who was not verified in time; again is nothing."""
    known = await find(db, holder)
    assert known is not None, "it was due"
    assert known.verified_until is not None, "what holds for ever is never due"
    living = [card for card in await _locked(db, holder) if not card.suspended_by(Owner.REVERIFY)]
    await change.record_all(db, [change.suspended(card, Owner.REVERIFY, REASON) for card in living], actor=actor, at=at)
    if living:
        await _tell(db, holder, IdentityLapsed(verified_until=known.verified_until), actor, at)
    await db.execute(_LATER, {"holder": holder, "due_at": at + _LOOK_AGAIN})


async def _locked(db: AsyncConnection, holder: UUID) -> list[Card]:
    living = await cards_card.alive_of(db, holder)
    return [card for card in await change.all_locked(db, [card.id for card in living]) if card.alive] if living else []


async def _tell(
    db: AsyncConnection, holder: UUID, fact: IdentityVerified | IdentityLapsed, actor: str, at: datetime
) -> None:
    told = journal.Fact(aggregate=holder, holder=holder, at=at, actor=actor, event=fact)
    await journal.append(db, tables.event, told)


_DUE = text(
    """
    SELECT holder FROM cards.verification WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_LATER = text("UPDATE cards.verification SET due_at = :due_at WHERE holder = :holder")
