"""Periods: what lies before a closed day is told, so no value date may fall there any more.

proposes   POST /v1/officer/periods                   one officer
approves   POST /v1/officer/periods/{id}/approval     another one
asks       wallet/desk.py                             load_period(), before it takes a value date
refuses    the database (0019)                        whatever the desk may have missed

A mistake in a closed period is corrected by a reversal and a new transfer with value dates of today.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from law.calendar import day_starts, statutory_date
from proof import journal
from wallet import tables
from wallet.events import PeriodClosed, PeriodProposed, PeriodWithdrawn


class Period(msgspec.Struct, frozen=True):
    """An end of a period: proposed, and in force from `approved_at` on. Value dates before `closed_until` are over."""

    id: UUID
    closed_until: date
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None


class UnknownPeriod(Exception):
    """Nobody proposed this, or it is decided."""


class PeriodNotOver(Exception):
    """A period ends when its last day is over: `until` is the latest day that can be asked for today."""

    def __init__(self, until: date) -> None:
        super().__init__(until)
        self.until = until.isoformat()


class PeriodClosedAlready(Exception):
    """Everything before this day is closed already: `until` is where that ends."""

    def __init__(self, until: date) -> None:
        super().__init__(until)
        self.until = until.isoformat()


class PeriodProposedAlready(Exception):
    """Another end waits for its second officer."""


class SameOfficer(Exception):
    """Who approves the end of a period is not who proposed it."""


#: The decree is of this day: no money of anybody is older.
FIRST_DAY = date(2026, 4, 25)
_COLUMNS = [tables.period.c[name] for name in Period.__struct_fields__]
_CLOSED = text("SELECT max(closed_until) FROM wallet.period WHERE approved_at IS NOT NULL")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('wallet.period', 0))")


async def closed_until(db: AsyncConnection) -> datetime | None:
    """Answer the instant before which no value date is taken; None while no period was closed.

    Under the lock of a lane the answer stays true until the lock is let go.
    """
    day: date | None = await db.scalar(_CLOSED)
    return None if day is None else day_starts(day)


async def listed(db: AsyncConnection, *, limit: int) -> list[Period]:
    """List what is proposed or closed, the latest first."""
    return await _found(db, tables.period.c.withdrawn_at.is_(None), limit=limit)


async def propose(db: AsyncConnection, *, period: UUID, until: date, actor: str, at: datetime) -> Period:
    """Ask that all days before `until` be closed; raises PeriodNotOver, PeriodClosedAlready, PeriodProposedAlready."""
    await db.execute(_LOCK)
    today = statutory_date(at)
    if until > today:
        raise PeriodNotOver(today)
    closed: date = await db.scalar(_CLOSED) or FIRST_DAY
    if until <= closed:
        raise PeriodClosedAlready(closed)
    column = tables.period.c
    if await _found(db, column.approved_at.is_(None) & column.withdrawn_at.is_(None), limit=1):
        raise PeriodProposedAlready
    made = Period(period, until, actor, at, None, None)
    proposed = {"id": period, "closed_until": until, "proposed_by": actor, "proposed_at": at}
    await db.execute(insert(tables.period).values(proposed))
    await _record(db, made, PeriodProposed(closed_until=until), actor, at)
    return made


async def approve(db: AsyncConnection, period: UUID, *, actor: str, at: datetime) -> Period:
    """Close it; raises UnknownPeriod, SameOfficer."""
    found = await _proposed(db, period)
    if found.proposed_by == actor:
        raise SameOfficer
    await _set(db, period, approved_by=actor, approved_at=at)
    await _record(db, found, PeriodClosed(closed_until=found.closed_until), actor, at)
    return msgspec.structs.replace(found, approved_by=actor, approved_at=at)


async def withdraw(db: AsyncConnection, period: UUID, *, actor: str, at: datetime) -> None:
    """Take a proposal back, or refuse another officer's; raises UnknownPeriod."""
    found = await _proposed(db, period)
    await _set(db, period, withdrawn_by=actor, withdrawn_at=at)
    await _record(db, found, PeriodWithdrawn(closed_until=found.closed_until), actor, at)


async def _proposed(db: AsyncConnection, period: UUID) -> Period:
    await db.execute(_LOCK)
    column = tables.period.c
    waiting = (column.id == period) & column.approved_at.is_(None) & column.withdrawn_at.is_(None)
    if not (found := await _found(db, waiting, limit=1)):
        raise UnknownPeriod
    return found[0]


async def _found(db: AsyncConnection, wanted: ColumnElement[bool], *, limit: int) -> list[Period]:
    query = select(*_COLUMNS).where(wanted).order_by(tables.period.c.closed_until.desc()).limit(limit)
    return [Period(*row) for row in await db.execute(query)]


async def _set(db: AsyncConnection, period: UUID, **values: object) -> None:
    await db.execute(update(tables.period).where(tables.period.c.id == period).values(**values))


async def _record(
    db: AsyncConnection,
    period: Period,
    event: PeriodProposed | PeriodClosed | PeriodWithdrawn,
    actor: str,
    at: datetime,
) -> None:
    await journal.append(db, tables.event, journal.Fact(aggregate=period.id, at=at, actor=actor, event=event))
