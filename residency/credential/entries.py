"""Entries of the status lists: each copy of a credential gets one that nobody can guess and nobody else has.

An index is drawn at random and taken by inserting it: the primary key refuses what another transaction took first, and
the draw is repeated. When draws collide, a sample tells whether about half of the list is taken; it is then closed and
the next one opened, so that a few draws always do and nobody counts a million rows.
"""

import secrets
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential.tables import entry, status_list

#: 2^20 entries are 256 KiB, some kilobytes when compressed: what a verifier fetches, and the crowd a holder hides in.
SIZE = 2**20
_DRAWS_MAX = 64
_SAMPLE = 64


class Entry(msgspec.Struct, frozen=True):
    """Entry `idx` of a status list."""

    list: UUID
    idx: int


class Exhausted(Exception):
    """So many draws in a row were taken that something is wrong with the lists."""


async def take(db: AsyncConnection, count: int, *, at: datetime, size: int = SIZE) -> list[Entry]:
    """Take `count` entries that no copy ever had; raises Exhausted."""
    taken: list[Entry] = []
    for _ in range(_DRAWS_MAX):
        current = await _open_list(db, at, size)
        won = await _draw(db, current, count - len(taken), size)
        taken += won
        if len(taken) == count:
            return taken
        if await _is_crowded(db, current, size):
            await db.execute(update(status_list).where(status_list.c.id == current).values(closed_at=at))
    raise Exhausted


async def _open_list(db: AsyncConnection, at: datetime, size: int) -> UUID:
    """Find the list that takes entries, opening one where there is none; of two that try at once one waits."""
    is_open = select(status_list.c.id).where(status_list.c.closed_at.is_(None))
    found: UUID | None = await db.scalar(is_open)
    if found is None:
        await db.execute(insert(status_list).values(size=size, opened_at=at).on_conflict_do_nothing())
        return await _open_list(db, at, size)
    return found


# Whoever takes an entry holds its lock first and nobody waits for one, so no two transactions wait for each other.
_DRAW = text(
    """
    INSERT INTO credential.entry (list, idx)
    SELECT :list, drawn.idx FROM unnest(CAST(:drawn AS integer[])) AS drawn (idx)
    WHERE pg_try_advisory_xact_lock(hashtext('credential.entry' || CAST(:list AS uuid)), drawn.idx)
    ON CONFLICT DO NOTHING RETURNING idx
    """
)


async def _draw(db: AsyncConnection, into: UUID, count: int, size: int) -> list[Entry]:
    drawn = {secrets.randbelow(size) for _ in range(count)}
    won = (await db.scalars(_DRAW, {"list": into, "drawn": list(drawn)})).all()
    return [Entry(into, idx) for idx in won]


async def _is_crowded(db: AsyncConnection, current: UUID, size: int) -> bool:
    sample = {secrets.randbelow(size) for _ in range(_SAMPLE)}
    found = select(func.count()).where(entry.c.list == current, entry.c.idx.in_(sample))
    return 2 * (await db.scalar(found) or 0) > len(sample)


class Snapshot(msgspec.Struct, frozen=True):
    """A list as it stands: its size, and the entries that are not VALID."""

    size: int
    statuses: dict[int, int]


async def living(db: AsyncConnection, *, since: datetime) -> list[UUID]:
    """List the status lists that a copy may still refer to: the open one, and those that were closed after `since`."""
    alive = status_list.c.closed_at.is_(None) | (status_list.c.closed_at > since)
    return list(await db.scalars(select(status_list.c.id).where(alive).order_by(status_list.c.id)))


async def status(db: AsyncConnection, of: UUID, idx: int) -> int | None:
    """Read one entry; None where there is no such list, or it ends before."""
    size = await db.scalar(select(status_list.c.size).where(status_list.c.id == of))
    if size is None or idx >= size:
        return None
    found = await db.scalar(select(entry.c.status).where(entry.c.list == of, entry.c.idx == idx))
    return found or 0


async def version(db: AsyncConnection, of: UUID) -> int | None:
    """Answer how often anything in the list changed; None for a list there is not."""
    found: int | None = await db.scalar(select(status_list.c.version).where(status_list.c.id == of))
    return found


async def snapshot(db: AsyncConnection, of: UUID) -> Snapshot:
    """Read a list that exists. Read its version first: what changes in between is then read again."""
    size = (await db.execute(select(status_list.c.size).where(status_list.c.id == of))).scalar_one()
    rows = await db.execute(select(entry.c.idx, entry.c.status).where(entry.c.list == of, entry.c.status != 0))
    return Snapshot(size, {row.idx: row.status for row in rows})
