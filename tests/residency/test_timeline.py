"""The timeline is the event log, and tells neither findings nor opinions."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from app import db
from residency import application, checking, tables, timeline
from residency.case import State
from residency.eligibility import Finding, Verdict
from residency.timeline import Entry, Side
from tests.conftest import Engines
from tests.residency import cases

pytestmark = pytest.mark.asyncio

_A, _B = cases.somebody(), cases.somebody()
_DAY = timedelta(days=1)


async def test_the_timeline_is_the_event_log(engines: Engines) -> None:
    granted = await cases.granted(engines, cases.somebody())

    told = await _timeline(engines, granted)

    async with db.transaction(engines.report) as story:
        event = tables.event
        query = select(event.c.kind, event.c.at).where(event.c.aggregate == granted.id).order_by(event.c.version)
        log = [tuple(row) for row in await (await story()).execute(query)]
    assert [(entry.fact, entry.at) for entry in told] == log
    assert [entry.state for entry in told] == [
        State.DRAFT,
        State.SUBMITTED,
        State.CHECKING,
        State.IN_REVIEW,
        State.SECOND_REVIEW,
        State.GRANTED,
    ]
    assert [entry.by for entry in told] == [Side.APPLICANT] * 2 + [Side.OPERATOR] * 4


async def test_a_question_stops_the_clock_and_says_why(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    asked = await cases.reviewed(engines, waiting.id, cases.asks(_A), at=cases.FILED_AT + _DAY)

    *_, before, last = await _timeline(engines, asked)
    assert before.due_on == date(2026, 9, 22)
    assert (last.reason, last.due_on) == ("information_needed", None)
    assert last.remark is not None
    assert last.remark.sealed == cases.SEALED
    assert timeline.waits_for(last.state) is Side.APPLICANT


async def test_a_screening_hit_leaves_no_trace_in_what_the_applicant_sees(engines: Engines) -> None:
    clean, suspected = cases.somebody(), cases.somebody()
    findings = {
        clean: Finding("screening", Verdict.PASS),
        suspected: Finding("screening", Verdict.FAIL, "not_confirmed"),
    }

    stories = []
    for resident, finding in findings.items():
        waiting = await cases.checked(engines, await cases.filed(engines, resident), finding)
        stories.append(await _timeline(engines, waiting))

    assert stories[0] == stories[1]


async def test_a_term_that_ends_without_a_decision_is_told_once(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    assert waiting.due_at is not None

    early = await _woken(engines, waiting, at=waiting.due_at - timedelta(seconds=1))
    late = await _woken(engines, waiting, at=waiting.due_at)
    again = await _woken(engines, waiting, at=waiting.due_at + _DAY)

    told = await _timeline(engines, waiting)
    assert (early, late, again) == (False, True, False)
    assert [entry.fact for entry in told].count("application.overdue") == 1
    assert (told[-1].fact, told[-1].state, told[-1].due_on) == (
        "application.overdue",
        State.IN_REVIEW,
        date(2026, 9, 22),
    )


async def test_an_overdue_case_is_decided_like_any_other(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    assert waiting.due_at is not None
    await _woken(engines, waiting, at=waiting.due_at)

    await cases.reviewed(engines, waiting.id, cases.approves(_A), at=waiting.due_at + _DAY)
    decided = await cases.reviewed(engines, waiting.id, cases.approves(_B), at=waiting.due_at + _DAY)

    assert decided.state is State.GRANTED
    assert decided.overdue_on == date(2026, 9, 22)


async def _timeline(engines: Engines, applied: application.Application) -> list[Entry]:
    async with db.transaction(engines.api, holder=applied.resident, audience="resident") as story:
        return await timeline.of(await story(), applied)


async def _woken(engines: Engines, waiting: application.Application, *, at: datetime) -> bool:
    """Let a worker look at the application if it is due at that instant; the others of this database stay asleep."""
    async with db.transaction(engines.worker) as story:
        connection = await story()
        found = await application.lock(connection, waiting.id)
        if found.due_at is None or found.due_at > at:
            return False
        await checking.notice_overdue(connection, found, at=at, by=cases.WORKER)
        return True
