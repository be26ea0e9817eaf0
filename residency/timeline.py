"""What the applicant sees of their case: the event log itself, each fact with the state it led to and the due day then.

Texts in three languages are keyed by the fact (app/texts/residency.toml): what happened, and what happens next. Who
acted is told as a side, never as a person; what officers think and what screening found is not in the log at all.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import Integer, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from residency import application, case, comment, events, tables
from residency.application import Application, Move
from residency.case import State
from residency.comment import Comment


class Side(StrEnum):
    """Who acted, and who has to act next."""

    APPLICANT = "applicant"
    OPERATOR = "operator"
    NOBODY = "nobody"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of the log. `due_on` is the last day for a decision as of then; None while the clock stood still.

    `remark` is what an officer added for the applicant, sealed.
    """

    fact: str
    at: datetime
    by: Side
    state: State
    reason: str | None
    remark: Comment | None
    due_on: date | None


class Told(msgspec.Struct, frozen=True):
    """A row of the log: the kind of fact, when, whose deed, and the transition it belongs to."""

    kind: str
    at: datetime
    actor: str
    sort: int


#: The facts a timeline can hold, as their tags.
FACTS = frozenset(str(step.fact.__struct_config__.tag) for step in (case.BIRTH, *case.LIFE.values())) | {
    str(events.Overdue.__struct_config__.tag)
}


def waits_for(state: State) -> Side:
    """Answer who has the next move in a state."""
    if state in case.EDITABLE:
        return Side.APPLICANT
    return Side.OPERATOR if state in case.OPEN else Side.NOBODY


def tell(
    log: Sequence[Told], moves: Sequence[Move], remarks: Mapping[int, Comment], applied: Application
) -> list[Entry]:
    """Tell the log fact by fact, in its order; `remarks` by the transition they were told with."""
    by_sort = {move.sort: place for place, move in enumerate(moves)}
    return [_entry(told, moves[: by_sort[told.sort] + 1], remarks.get(told.sort), applied) for told in log]


async def of(db: AsyncConnection, applied: Application) -> list[Entry]:
    """Read an application's timeline, the first fact first."""
    event = tables.event
    sort = event.c.body["sort"].as_string().cast(Integer)
    query = (
        select(event.c.kind, event.c.at, event.c.actor, sort.label("sort"))
        .where(and_(event.c.aggregate == applied.id, event.c.kind.in_(FACTS)))
        .order_by(event.c.version)
    )
    log = [msgspec.convert(row, Told, from_attributes=True) for row in await db.execute(query)]
    return tell(log, await application.moves(db, applied.id), await comment.told(db, applied.id), applied)


def _entry(told: Told, so_far: Sequence[Move], remark: Comment | None, applied: Application) -> Entry:
    move = so_far[-1]
    own = told.kind != events.Overdue.__struct_config__.tag
    return Entry(
        fact=told.kind,
        at=told.at,
        by=_side(told.actor, applied.resident),
        state=move.state,
        reason=move.reason if own else None,
        remark=remark if own else None,
        due_on=application.due_on(applied, so_far),
    )


def _side(actor: str, resident: UUID) -> Side:
    return Side.APPLICANT if actor == f"resident:{resident}" else Side.OPERATOR
