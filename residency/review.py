"""Officers decide under four eyes: what one proposes, another one confirms, or the case is looked at anew.

That two officers who said the same stand behind every decision is held by the database as well (`residency.decision`).
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from law import calendar
from residency import application, case, comment, reason, service, status, tables
from residency.application import Application
from residency.case import Act, State
from residency.comment import Comment
from residency.eligibility import Person
from residency.rules import RULES


class Verdict(StrEnum):
    """What an officer says about a case."""

    APPROVE = "approve"
    REFUSE = "refuse"
    ASK = "ask"


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """One officer's review: `reason` is a code unless they approve.

    Only `reason` and the comment for the applicant may ever reach them, and only when they are asked or refused.
    """

    officer: UUID
    verdict: Verdict
    reason: str | None = None
    comments: tuple[Comment, ...] = ()


class Review(Opinion, frozen=True, kw_only=True):
    """A stored opinion; `round` is the transition that opened the round it was given in."""

    id: UUID
    round: int
    at: datetime


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What two officers decided. A refusal says why, on what ground, and until when a complaint may be made."""

    application_id: UUID
    outcome: State
    first_officer: UUID
    second_officer: UUID
    reason: str | None
    ground: str | None
    complain_until: date | None
    at: datetime


class SameReviewer(Exception):
    """The officer has reviewed this case already; the other pair of eyes must be somebody else's."""


_USES = {Verdict.REFUSE: reason.Use.REFUSE, Verdict.ASK: reason.Use.ASK}
_COLUMNS = [tables.review.c[field] for field in Review.__struct_fields__ if field != "comments"]


def settle(first: Opinion | None, opinion: Opinion) -> Act:
    """Answer what an opinion does to the case, given the first one of the same round."""
    if opinion.verdict is Verdict.ASK:
        return Act.ASK
    if first is None:
        return Act.PROPOSE
    if (first.verdict, first.reason) != (opinion.verdict, opinion.reason):
        return Act.DISAGREE
    return Act.GRANT if opinion.verdict is Verdict.APPROVE else Act.REFUSE


async def give(
    db: AsyncConnection, reviewed: Application, opinion: Opinion, *, person: Person, at: datetime, by: str
) -> Application:
    """Record an officer's opinion on a locked application and do what follows from it.

    `person` is what was verified about the applicant, for the status a grant assigns. Raises case.IllegalMove,
    SameReviewer, reason.UnknownReason and what status.assign raises.
    """
    _check_reason(opinion)
    if reviewed.state not in case.UNDER_REVIEW:
        raise case.IllegalMove(reviewed.state, Act.PROPOSE)
    opened = await _round(db, reviewed.id)
    earlier = [review for review in await of(db, reviewed.id) if review.round == opened]
    if any(review.officer == opinion.officer for review in earlier):
        raise SameReviewer
    given = await _store(db, reviewed.id, opened, opinion, at)
    first = earlier[0] if earlier else None
    act = settle(first, opinion)
    if first is not None and act in {Act.GRANT, Act.REFUSE}:
        await _decide(db, reviewed, act, (first, opinion), at)
    told = act in {Act.ASK, Act.REFUSE}
    moved = await application.advance(db, reviewed, act, at=at, by=by, reason=opinion.reason if told else None)
    await comment.store(db, given, moved, opinion.comments, told=told)
    if act is Act.GRANT:
        await _assign(db, moved, person, at, by)
    return moved


async def of(db: AsyncConnection, application_id: UUID) -> list[Review]:
    """List the reviews of a case, the first one first; for officers only."""
    reviews = tables.review.c
    query = select(*_COLUMNS).where(reviews.application_id == application_id).order_by(reviews.round, reviews.at)
    said = await comment.of(db, application_id)
    return [Review(**row._asdict(), comments=said.get(row.id, ())) for row in await db.execute(query)]


async def decision(db: AsyncConnection, application_id: UUID) -> Decision | None:
    """Load the decision on a case, None while there is none."""
    columns = [tables.decision.c[field] for field in Decision.__struct_fields__]
    query = select(*columns).where(tables.decision.c.application_id == application_id)
    row = (await db.execute(query)).one_or_none()
    return msgspec.convert(row, Decision, from_attributes=True) if row else None


def _check_reason(opinion: Opinion) -> None:
    if opinion.verdict in _USES:
        reason.of(opinion.reason, _USES[opinion.verdict])
    elif opinion.reason is not None:
        raise reason.UnknownReason(opinion.reason)


async def _round(db: AsyncConnection, application_id: UUID) -> int:
    moves = tables.transition
    query = select(func.max(moves.c.sort)).where(
        moves.c.application_id == application_id, moves.c.state == State.IN_REVIEW
    )
    opened: int | None = await db.scalar(query)
    assert opened is not None, "a case under review was opened for it"
    return opened


async def _store(db: AsyncConnection, application_id: UUID, opened: int, opinion: Opinion, at: datetime) -> UUID:
    said = {"officer": opinion.officer, "verdict": opinion.verdict, "reason": opinion.reason}
    row = insert(tables.review).values(application_id=application_id, round=opened, at=at, **said)
    given: UUID = (await db.execute(row.returning(tables.review.c.id))).scalar_one()
    return given


async def _decide(
    db: AsyncConnection,
    decided: Application,
    act: Act,
    eyes: tuple[Review, Opinion],
    at: datetime,
) -> None:
    first, second = eyes
    refusal = reason.of(second.reason, reason.Use.REFUSE) if act is Act.REFUSE else None
    decided_on = calendar.statutory_date(at)
    await db.execute(
        insert(tables.decision).values(
            application_id=decided.id,
            resident=decided.resident,
            outcome=case.move(decided.state, act).state,
            round=first.round,
            first_officer=first.officer,
            second_officer=second.officer,
            reason=refusal.code if refusal else None,
            ground=refusal.ground if refusal else None,
            complain_until=reason.complain_until(decided_on, RULES) if refusal else None,
            at=at,
        )
    )


async def _assign(db: AsyncConnection, granted: Application, person: Person, at: datetime, by: str) -> None:
    assert granted.submitted_at is not None, "what was granted was filed"
    await status.assign(
        db,
        resident=granted.resident,
        kind=service.of(granted.service).grants,
        application_id=granted.id,
        person=person,
        filed_at=granted.submitted_at,
        at=at,
        by=by,
    )
