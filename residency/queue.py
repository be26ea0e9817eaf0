"""The officers' queue: one for the whole country, in the order the applications were filed (D2.4-b)."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from residency import application, case, tables
from residency.application import Application
from residency.case import State


class Place(msgspec.Struct, frozen=True):
    """Where in the queue a case stands; filing days never change, so a page stays what it was while cases join."""

    submitted_at: datetime
    id: UUID


async def page(db: AsyncConnection, *, state: State | None, after: Place | None, limit: int) -> list[Application]:
    """List up to `limit` filed cases after a place: those in `state`, or all that are still open."""
    cases = tables.application.c
    wanted = cases.state == state if state else cases.state.in_(case.OPEN)
    query = select(*application.COLUMNS).where(wanted, cases.submitted_at.is_not(None))
    if after is not None:
        query = query.where(tuple_(cases.submitted_at, cases.id) > tuple_(after.submitted_at, after.id))
    rows = await db.execute(query.order_by(cases.submitted_at, cases.id).limit(limit))
    return [msgspec.convert(row, Application, from_attributes=True) for row in rows]
