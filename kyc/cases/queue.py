"""The officers' queue: cases that wait for them, the soonest due first."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.cases import case, tables
from kyc.cases.case import Case
from kyc.cases.life import State


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of the queue ended."""

    due_at: datetime
    id: UUID

    @classmethod
    def of(cls, last: Case) -> "Place":
        """Name the place of a case in the queue."""
        return cls(last.due_at or last.opened_at, last.id)


#: What has no due time is listed by its beginning.
_DUE = func.coalesce(tables.case.c.due_at, tables.case.c.opened_at)


async def page(db: AsyncConnection, states: Collection[State], *, after: Place | None, limit: int) -> list[Case]:
    """List up to `limit` cases in these states."""
    query = select(*case.COLUMNS).where(tables.case.c.state.in_(sorted(states)))
    if after is not None:
        query = query.where(tuple_(_DUE, tables.case.c.id) > tuple_(after.due_at, after.id))
    rows = await db.execute(query.order_by(_DUE, tables.case.c.id).limit(limit))
    return [msgspec.convert(row, Case, from_attributes=True) for row in rows]
