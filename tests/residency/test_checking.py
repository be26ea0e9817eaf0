"""The checks of a filed application: recorded once a round, seen by officers, never decisive against the applicant."""

import asyncio

import pytest
import sqlalchemy.exc

from app import db
from residency import application, checking
from residency.application import Application
from residency.case import Act, State
from residency.eligibility import Finding, Verdict
from tests.conftest import Engines
from tests.residency import cases

_MISSING = Finding("document", Verdict.FAIL, "document_missing")
_CITIZEN = Finding("eligibility.citizenship", Verdict.FAIL, "ineligible_citizen")
_DOUBT = Finding("person.screening", Verdict.REVIEW)


@pytest.mark.parametrize(
    ("findings", "act", "reason"),
    [
        ([], Act.FORWARD, None),
        ([_DOUBT], Act.FORWARD, None),
        ([_CITIZEN], Act.FORWARD, None),
        ([_CITIZEN, _MISSING], Act.ASK, "document_missing"),
    ],
)
def test_what_the_applicant_can_mend_is_asked_for_and_all_else_is_for_officers(
    findings: list[Finding], act: Act, reason: str | None
) -> None:
    assert checking.decide(findings) == (act, reason)


@pytest.mark.asyncio
async def test_a_check_is_recorded_once_in_a_round(engines: Engines) -> None:
    begun = await cases.checking_begun(engines, await cases.filed(engines, cases.somebody()))
    await _recorded(engines, begun, _DOUBT)

    with pytest.raises(sqlalchemy.exc.IntegrityError, match="finding_pkey"):
        await _recorded(engines, begun, _DOUBT)


@pytest.mark.asyncio
async def test_findings_are_for_officers_only(engines: Engines) -> None:
    begun = await cases.checking_begun(engines, await cases.filed(engines, cases.somebody()))
    await _recorded(engines, begun, _DOUBT)

    async with db.transaction(engines.api, audience="officer") as story:
        assert await checking.found(await story(), begun.id, begun.version) == [_DOUBT]
    async with db.transaction(engines.api, holder=begun.resident, audience="resident") as story:
        assert await checking.found(await story(), begun.id, begun.version) == []


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_workers_never_take_the_same_application(engines: Engines) -> None:
    waiting = {(await cases.filed(engines, cases.somebody())).id for _ in range(2)}
    both_hold = asyncio.Barrier(3)

    async def take() -> Application | None:
        async with db.transaction(engines.worker) as story:
            taken = await checking.take(await story(), cases.FILED_AT)
            await both_hold.wait()
            return taken

    taken = await asyncio.gather(*(take() for _ in range(3)))

    assert {each.id for each in taken if each} == waiting
    assert taken.count(None) == 1


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_an_application_that_cannot_be_checked_lets_the_others_pass(engines: Engines) -> None:
    stuck = await cases.filed(engines, cases.somebody())
    behind = await cases.filed(engines, cases.somebody())

    async with db.transaction(engines.worker) as story:
        await checking.postpone(await story(), stuck, cases.FILED_AT.replace(hour=5))
        next_one = await checking.take(await story(), cases.FILED_AT)

    assert next_one is not None
    assert next_one.id == behind.id


@pytest.mark.asyncio
async def test_postponing_does_not_touch_an_application_that_has_moved_on(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())
    moved = await cases.checked(engines, filed, _MISSING)

    async with db.transaction(engines.worker) as story:
        await checking.postpone(await story(), filed, cases.FILED_AT)
        found = await application.find(await story(), filed.id)

    assert moved.state is State.AWAITING_APPLICANT
    assert found.due_at is None


async def _recorded(engines: Engines, begun: Application, *findings: Finding) -> None:
    async with db.transaction(engines.worker) as story:
        await checking.record(await story(), begun, findings, at=cases.FILED_AT)
