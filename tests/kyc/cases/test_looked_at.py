"""Nobody is approved whom nobody looked up, nor by a document that nobody held against what others claimed."""

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db
from kyc.cases.life import State
from kyc.cases.review import NotGrantable, Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from kyc.chip import trust
from tests.conftest import Engines
from tests.kyc.cases.people import (
    FIRST,
    FOURTH,
    THIRD,
    all_pass,
    granted,
    reported,
    reviews,
    shows,
    somebody,
    stands,
)
from tests.kyc.listing import entity, put_in_force
from tests.kyc.scans import novel, params, seen, show

pytestmark = pytest.mark.asyncio
_UNLOOKED = {
    "no answer": all_pass(person__screening=Said.ERROR),
    "no look": [each for each in all_pass(chip__issuer_trusted=Said.REVIEW) if each.check != "person.screening"],
}


@pytest.mark.parametrize("looks", _UNLOOKED.values(), ids=_UNLOOKED)
async def test_nobody_is_granted_whom_nobody_looked_up(engines: Engines, looks: list[Finding]) -> None:
    resident = somebody()
    await shows(engines, resident, looks)

    with pytest.raises(NotGrantable, match=r"person\.screening"):
        await reviews(engines, resident, FIRST, Verdict.GRANT)
    await reported(engines, resident, Finding("person.screening", Said.PASS))
    if (await stands(engines, resident)).state is not State.APPROVED:
        assert (await granted(engines, resident)).state is State.APPROVED


@pytest.mark.parametrize("looks", _UNLOOKED.values(), ids=_UNLOOKED)
async def test_the_database_lets_no_officer_approve_whom_nobody_looked_up(
    engines: Engines, looks: list[Finding]
) -> None:
    resident = somebody()
    await shows(engines, resident, looks)
    await reviews(engines, resident, FIRST, Verdict.REFUSE, "not_confirmed")
    held = await stands(engines, resident)

    with pytest.raises(DBAPIError, match="nobody looked this person up"):
        async with db.transaction(engines.api, audience="officer", actor=f"officer:{THIRD}") as story:
            await (await story()).execute(text(_GRANT), {"id": held.id, "sort": held.version + 1, "resident": resident})


async def test_a_listed_person_whose_name_did_not_fit_is_found(engines: Engines) -> None:
    listed = "AL-'ANZI, Muhammad Hadi 'Abd-al-Rahman Fayhan Sharban"
    await put_in_force(engines, entity("KZ-1", listed, born=("1986-05-26",)))
    given = "MUHAMMAD HADI ABD AL RAHMAN FAYHAN SHARBAN"

    _, _, worth = await show(engines, novel(surname="AL ANZI", given=given, born=date(1986, 5, 26)))

    assert worth == ("review", ("person.screening",))


async def test_a_document_in_doubt_is_held_against_what_others_claimed(engines: Engines) -> None:
    await put_in_force(engines)
    mine = novel()
    await show(engines, mine)

    _, shown, worth = await show(engines, mine, believed=trust.of(()))

    assert worth == ("review", ("chip.issuer_trusted", "person.unique"))
    found = params(await seen(engines, shown, holder=None, audience="officer"))
    assert found["person.unique"] == {"taken": "document, person"}


async def test_of_two_accounts_in_doubt_with_one_document_one_is_granted(engines: Engines) -> None:
    await put_in_force(engines)
    mine, doubted = novel(), trust.of(())
    first, _, _ = await show(engines, mine, believed=doubted)
    second, _, _ = await show(engines, mine, believed=doubted)

    assert (await granted(engines, first)).state is State.APPROVED
    with pytest.raises(NotGrantable, match=r"person\.unique"):
        await reviews(engines, second, FIRST, Verdict.GRANT)
    # Who shows it again is told of to officers, and those may have a reason: then two of them say so.
    _, _, worth = await show(engines, mine, by=second, believed=doubted)
    assert worth[1] == ("chip.issuer_trusted", "person.unique")
    assert (await granted(engines, second, by=(THIRD, FOURTH))).state is State.APPROVED


async def test_a_document_claimed_while_another_account_waited_is_not_approved_by_the_machine(
    engines: Engines,
) -> None:
    await put_in_force(engines)
    mine = novel()
    waits, shown, _ = await show(engines, mine, believed=trust.of(()))
    await show(engines, mine)

    decided = await reported(engines, waits, Finding("chip.issuer_trusted", Said.PASS), document=shown)

    assert (decided.outcome, decided.reasons) == ("review", ("person.unique",))
    assert (await stands(engines, waits)).state is State.MANUAL_REVIEW


_GRANT = """
    INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)
    VALUES (:id, :sort, :resident, 'second_review', 'grant', 'approved', 'x', now())
"""
