"""What the applicant does: begins a draft, answers its questions, files it, takes it back.

route      app/http/mobile/applications.py
files      residency/filing.py       begin() answer() submit()   <- you are here
checks     app/pipeline.py           step()
decides    residency/review.py       give()
assigns    residency/status.py       assign()
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from law import calendar
from law.threshold import Thresholds
from residency import application, case, number, service, status, tables
from residency.application import Application
from residency.case import Act, State


class ApplicationOpen(Exception):
    """The person has an undecided application for this service already."""

    def __init__(self, application_id: UUID) -> None:
        super().__init__(application_id)
        self.application_id = application_id


class AnswersFixed(Exception):
    """Answers are changed in a draft or when the applicant was asked for something, and at no other time."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


async def begin(
    db: AsyncConnection, resident: UUID, code: str, *, at: datetime, by: str, thresholds: Thresholds
) -> Application:
    """Start a draft.

    Raises service.UnknownService, law.threshold.NotInForce, status.StatusHeld, ApplicationOpen.
    """
    wanted = service.of(code)
    service.require_open(wanted, calendar.statutory_date(at), thresholds)
    if await status.held(db, resident, wanted.grants):
        raise status.StatusHeld(wanted.grants)
    new = {"resident": resident, "service": code, "state": case.BIRTH.state, "version": 1, "revision": 1}
    row = (
        await db.execute(
            insert(tables.application)
            .values(new)
            .on_conflict_do_nothing(index_elements=["resident", "service"], index_where=tables.STILL_OPEN)
            .returning(*application.COLUMNS)
        )
    ).one_or_none()
    if row is None:
        raise ApplicationOpen(await _open(db, resident, code))
    begun = msgspec.convert(row, Application, from_attributes=True)
    await application.born(db, begun, at=at, by=by)
    return begun


async def answer(db: AsyncConnection, filed: Application, answers: service.Answers) -> Application:
    """Replace the answers of a locked application; raises AnswersFixed, service.BadAnswer."""
    if filed.state not in case.EDITABLE:
        raise AnswersFixed(filed.state)
    accepted = service.read(service.of(filed.service), answers)
    answered = msgspec.structs.replace(filed, answers=accepted, revision=filed.revision + 1)
    await db.execute(
        update(tables.application)
        .where(tables.application.c.id == filed.id)
        .values(answers=answered.answers, revision=answered.revision)
    )
    return answered


async def submit(
    db: AsyncConnection, draft: Application, *, at: datetime, by: str, thresholds: Thresholds
) -> Application:
    """File a locked application, or send it in again after a question.

    The first filing fixes the receipt number, the term and the calendar it is counted by.
    Raises case.IllegalMove, service.IncompleteAnswers, law.threshold.NotInForce.
    """
    case.move(draft.state, Act.SUBMIT)
    wanted = service.of(draft.service)
    service.complete(wanted, draft.answers)
    service.require_ground(wanted, draft.answers, calendar.statutory_date(draft.submitted_at or at), thresholds)
    filing = None if draft.receipt else await _promise(db, wanted, at, thresholds)
    return await application.advance(db, draft, Act.SUBMIT, at=at, by=by, filing=filing)


async def withdraw(db: AsyncConnection, filed: Application, *, at: datetime, by: str) -> Application:
    """Take a locked application back; raises case.IllegalMove once it is decided."""
    return await application.advance(db, filed, Act.WITHDRAW, at=at, by=by)


async def _promise(
    db: AsyncConnection, wanted: service.Service, at: datetime, thresholds: Thresholds
) -> dict[str, object]:
    filed_on = calendar.statutory_date(at)
    serial = await db.scalar(select(func.nextval(text("'residency.receipt_serial'"))))
    assert serial is not None, "a sequence always answers"
    return {
        "receipt": number.of(filed_on.year, serial),
        "submitted_at": at,
        "term_days": thresholds.value(wanted.term.threshold, filed_on),
        "calendar": calendar.current(filed_on).version,
    }


async def _open(db: AsyncConnection, resident: UUID, code: str) -> UUID:
    query = select(tables.application.c.id).where(
        tables.application.c.resident == resident,
        tables.application.c.service == code,
        tables.application.c.state.not_in(case.CLOSED),
    )
    found: UUID | None = await db.scalar(query)
    assert found is not None, "the index refused because of a row"
    return found
