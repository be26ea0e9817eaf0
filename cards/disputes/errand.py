"""What the network is to be told about a hop: a row until it has heard, under a name that is the same at every try."""

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.disputes import tables


class Kind(enum.StrEnum):
    """What we tell."""

    FILE = "file"  # this is wrong: give it back
    WITHDRAW = "withdraw"  # of so much nothing is wrong any more
    ESCALATE = "escalate"  # we insist
    ARBITRATE = "arbitrate"  # decide
    GIVE_UP = "give_up"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell about one hop."""

    dispute: UUID
    number: int
    kind: Kind
    amount_minor: int
    attempts: int = 0


async def add(db: AsyncConnection, asked: Errand) -> None:
    """Note what to tell: due at once, by the machine's clock."""
    values = msgspec.structs.asdict(asked)
    await db.execute(insert(tables.errand).values(**values, due_at=text("now()")))


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> Sequence[Errand]:
    """Take what is due, of each dispute the earliest only, and keep others from it `until` (machine's clock)."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [msgspec.convert(row, Errand, from_attributes=True) for row in rows]


async def done(db: AsyncConnection, told: Errand, *, now: datetime) -> None:
    """Note that the network has heard."""
    await _update(db, told, due_at=None, done_at=now, leased_until=None, trouble=None)


async def later(db: AsyncConnection, told: Errand, *, due_at: datetime, trouble: str) -> None:
    """Try again at `due_at`."""
    attempts = tables.errand.c.attempts + 1
    await _update(db, told, due_at=due_at, leased_until=None, trouble=trouble[:200], attempts=attempts)


async def _update(db: AsyncConnection, told: Errand, **values: object) -> None:
    columns = tables.errand.c
    mine = (columns.dispute == told.dispute) & (columns.number == told.number) & columns.done_at.is_(None)
    await db.execute(update(tables.errand).where(mine).values(**values))


_CLAIM = text(
    """
    WITH due AS (
        SELECT dispute, number FROM cards.dispute_errand AS errand
        WHERE due_at <= :now AND coalesce(leased_until <= :now, true) AND NOT EXISTS (
            SELECT FROM cards.dispute_errand AS earlier
            WHERE earlier.dispute = errand.dispute AND earlier.number < errand.number AND earlier.done_at IS NULL
        )
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE cards.dispute_errand AS errand SET leased_until = :until
    FROM due WHERE errand.dispute = due.dispute AND errand.number = due.number
    RETURNING errand.dispute, errand.number, errand.kind, errand.amount_minor, errand.attempts
    """
)
