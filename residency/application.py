"""An application as it is stored: loaded, locked, and moved along the table of residency/case.py.

Its row is a running total over its transitions; the database refuses one that stands where no transition leads.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from law import calendar
from proof import journal
from residency import case, clock, service, tables
from residency.case import Act, State
from residency.service import Answers


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application. `version` counts its transitions, `revision` every change a client can see.

    `due_at` is when the worker has to look at it again: to check it, or to notice that the term has ended. The
    statutory due day is `due_on()`, never stored; `overdue_on` is the one that was missed.
    """

    id: UUID
    resident: UUID
    service: str
    state: State
    version: int
    revision: int
    answers: Answers
    receipt: str | None
    submitted_at: datetime | None
    term_days: int | None
    calendar: str | None
    overdue_on: date | None
    due_at: datetime | None

    @property
    def promise(self) -> clock.Promise | None:
        """What was promised at filing; None for a draft."""
        if self.term_days is None or self.calendar is None:
            return None
        return clock.Promise(self.term_days, self.calendar)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One transition: where it led and when. `reason` is for the applicant's eyes."""

    sort: int
    state: State
    at: datetime
    actor: str
    reason: str | None


class UnknownApplication(Exception):
    """There is no application with this id, or not for this caller."""


COLUMNS = [tables.application.c[field] for field in Application.__struct_fields__]
_MOVE = [tables.transition.c[field] for field in Move.__struct_fields__]


async def find(db: AsyncConnection, application_id: UUID) -> Application:
    """Load an application; raises UnknownApplication."""
    return await _one(db, select(*COLUMNS).where(tables.application.c.id == application_id))


async def lock(db: AsyncConnection, application_id: UUID) -> Application:
    """Load an application and keep others from moving it until the transaction ends; raises UnknownApplication."""
    return await _one(db, select(*COLUMNS).where(tables.application.c.id == application_id).with_for_update())


async def of_resident(db: AsyncConnection, resident: UUID, *, before: UUID | None, limit: int) -> list[Application]:
    """List up to `limit` of a person's applications, the latest first, those begun before the one named."""
    query = select(*COLUMNS).where(tables.application.c.resident == resident)
    if before is not None:
        query = query.where(tables.application.c.id < before)
    rows = await db.execute(query.order_by(tables.application.c.id.desc()).limit(limit))
    return [msgspec.convert(row, Application, from_attributes=True) for row in rows]


async def moves(db: AsyncConnection, application_id: UUID) -> list[Move]:
    """List an application's transitions, the first one first."""
    return (await moves_of(db, [application_id]))[application_id]


async def moves_of(db: AsyncConnection, application_ids: Collection[UUID]) -> dict[UUID, list[Move]]:
    """List the transitions of several applications in one look."""
    its = tables.transition.c.application_id
    query = select(its, *_MOVE).where(its.in_(application_ids)).order_by(its, tables.transition.c.sort)
    found: dict[UUID, list[Move]] = {each: [] for each in application_ids}
    for row in await db.execute(query):
        found[row.application_id].append(msgspec.convert(row, Move, from_attributes=True))
    return found


def due_on(application: Application, log: Sequence[Move]) -> date | None:
    """Answer the last day for a decision; None for a draft and while the applicant is waited for."""
    if (promise := application.promise) is None:
        return None
    pauses = service.of(application.service).term.pauses
    marks = clock.ticks([(move.state, move.at) for move in log], pauses)
    return clock.due_on(clock.fold(marks, promise), promise)


async def born(db: AsyncConnection, begun: Application, *, at: datetime, by: str) -> None:
    """Record the first transition and fact of an application whose row was just written."""
    await db.execute(insert(tables.transition).values(_transition(begun, None, at=at, by=by)))
    event = case.BIRTH.fact(application_id=begun.id, service=begun.service, sort=begun.version)
    await record(db, begun, event, at, by)


async def advance(
    db: AsyncConnection,
    application: Application,
    act: Act,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    filing: Mapping[str, object] | None = None,
) -> Application:
    """Move a locked application, record the transition and its fact; raises case.IllegalMove.

    `filing` are the columns that filing fills in.
    """
    step = case.move(application.state, act)
    sort = application.version + 1
    values = {"state": step.state, "version": sort, "revision": application.revision + 1, **(filing or {})}
    moved = msgspec.structs.replace(application, **values)
    await db.execute(insert(tables.transition).values(_transition(moved, act, at=at, by=by, reason=reason)))
    moved = msgspec.structs.replace(moved, due_at=await _next_look(db, moved, at))
    mine = tables.application.c.id == application.id
    await db.execute(update(tables.application).where(mine).values(**values, due_at=moved.due_at))
    await record(db, moved, step.fact(application_id=moved.id, service=moved.service, sort=sort, reason=reason), at, by)
    return moved


async def record(db: AsyncConnection, application: Application, event: msgspec.Struct, at: datetime, by: str) -> None:
    """Tell a fact about an application to its resident's feed and the audit chain."""
    told = journal.Fact(aggregate=application.id, holder=application.resident, at=at, actor=by, event=event)
    await journal.append(db, tables.event, told)


def _transition(
    moved: Application,
    act: Act | None,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
) -> dict[str, object]:
    return {
        "application_id": moved.id,
        "sort": moved.version,
        "resident": moved.resident,
        "act": act,
        "state": moved.state,
        "actor": by,
        "reason": reason,
        "at": at,
    }


async def _next_look(db: AsyncConnection, moved: Application, at: datetime) -> datetime | None:
    if moved.state in case.UNDER_CHECK:
        return at
    if moved.state in case.UNDER_REVIEW and moved.overdue_on is None:
        due = due_on(moved, await moves(db, moved.id))
        return calendar.day_starts(due + timedelta(days=1)) if due else None
    return None


async def _one(db: AsyncConnection, query: Select[tuple[object, ...]]) -> Application:
    if (row := (await db.execute(query)).one_or_none()) is None:
        raise UnknownApplication
    return msgspec.convert(row, Application, from_attributes=True)
