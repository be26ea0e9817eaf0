"""The applicant's side: one open application, filed once, answered when asked."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from app import db
from law.seed import THRESHOLDS
from residency import application, case, filing, number, service, status
from residency.case import State
from residency.eligibility import Finding, Verdict
from tests.conftest import Engines
from tests.residency import cases

pytestmark = pytest.mark.asyncio

_MISSING = Finding("document", Verdict.FAIL, "document_missing")


async def test_filing_promises_a_receipt_a_term_and_its_calendar(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody(), at=datetime(2026, 11, 20, 4, 0, tzinfo=UTC))

    assert filed.receipt is not None
    assert number.is_valid(filed.receipt)
    assert (filed.state, filed.term_days, filed.calendar) == (State.SUBMITTED, 15, "kz-2026-03-18")
    async with db.transaction(engines.worker) as story:
        log = await application.moves(await story(), filed.id)
    assert application.due_on(filed, log) == date(2026, 12, 11)


async def test_a_second_open_application_for_the_service_is_refused(engines: Engines) -> None:
    resident = cases.somebody()
    first = await cases.drafted(engines, resident)

    with pytest.raises(filing.ApplicationOpen) as refused:
        await cases.drafted(engines, resident)

    assert refused.value.application_id == first.id


async def test_of_two_drafts_begun_at_once_one_is_refused(engines: Engines) -> None:
    resident = cases.somebody()

    ends = await asyncio.gather(*(cases.drafted(engines, resident) for _ in range(4)), return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == ["Application", *["ApplicationOpen"] * 3]


async def test_an_application_filed_twice_at_once_is_filed_once(engines: Engines) -> None:
    draft = await cases.drafted(engines, cases.somebody())

    ends = await asyncio.gather(*(cases.submitted(engines, draft) for _ in range(4)), return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == ["Application", *["IllegalMove"] * 3]
    async with db.transaction(engines.worker) as story:
        log = await application.moves(await story(), draft.id)
    assert [move.state for move in log] == [State.DRAFT, State.SUBMITTED]


async def test_an_incomplete_form_is_not_filed(engines: Engines) -> None:
    resident = cases.somebody()
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        draft = await filing.begin(
            await story(),
            resident,
            cases.SERVICE,
            at=cases.FILED_AT,
            by=f"resident:{resident}",
            thresholds=THRESHOLDS,
        )

    with pytest.raises(service.IncompleteAnswers):
        await cases.submitted(engines, draft)

    assert await cases.state_of(engines, draft.id) is State.DRAFT


async def test_answers_are_fixed_while_a_filed_application_is_dealt_with(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())

    with pytest.raises(filing.AnswersFixed):
        async with db.transaction(engines.api, holder=filed.resident, audience="resident") as story:
            await filing.answer(await story(), await application.lock(await story(), filed.id), cases.ANSWERS)


async def test_an_answered_question_keeps_receipt_and_promise_and_lets_the_clock_run_on(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())
    asked = await cases.checked(engines, filed, _MISSING, at=cases.FILED_AT + timedelta(days=1))

    answered = await cases.submitted(engines, asked, at=cases.FILED_AT + timedelta(days=8))

    assert asked.state is State.AWAITING_APPLICANT
    assert (answered.state, answered.receipt) == (State.SUBMITTED, filed.receipt)
    assert answered.submitted_at == filed.submitted_at
    async with db.transaction(engines.worker) as story:
        log = await application.moves(await story(), filed.id)
    assert application.due_on(answered, log[:2]) == date(2026, 9, 22)
    assert application.due_on(answered, log[:4]) is None
    assert application.due_on(answered, log) == date(2026, 9, 29)


@pytest.mark.parametrize("state", sorted(case.OPEN))
async def test_whatever_is_open_can_be_taken_back_and_applied_for_anew(engines: Engines, state: State) -> None:
    resident = cases.somebody()
    open_case = await _brought_to(engines, resident, state)

    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        locked = await application.lock(await story(), open_case.id)
        withdrawn = await filing.withdraw(await story(), locked, at=cases.FILED_AT, by=f"resident:{resident}")

    assert withdrawn.state is State.WITHDRAWN
    assert withdrawn.due_at is None
    assert (await cases.drafted(engines, resident)).state is State.DRAFT


async def test_who_holds_the_status_does_not_apply_for_it(engines: Engines) -> None:
    resident = cases.somebody()
    await cases.granted(engines, resident)

    with pytest.raises(status.StatusHeld):
        await cases.drafted(engines, resident)


async def test_another_residents_application_does_not_exist(engines: Engines) -> None:
    theirs = await cases.filed(engines, cases.somebody())

    with pytest.raises(application.UnknownApplication):
        async with db.transaction(engines.api, holder=cases.somebody(), audience="resident") as story:
            await application.lock(await story(), theirs.id)


async def _brought_to(engines: Engines, resident: UUID, state: State) -> application.Application:
    draft = await cases.drafted(engines, resident)
    if state is State.DRAFT:
        return draft
    filed = await cases.submitted(engines, draft)
    if state is State.SUBMITTED:
        return filed
    if state is State.CHECKING:
        return await cases.checking_begun(engines, filed)
    if state is State.AWAITING_APPLICANT:
        return await cases.checked(engines, filed, _MISSING)
    waiting = await cases.checked(engines, filed)
    if state is State.SECOND_REVIEW:
        return await cases.reviewed(engines, waiting.id, cases.approves(cases.somebody()))
    return waiting
