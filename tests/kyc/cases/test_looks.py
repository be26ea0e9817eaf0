"""Which looks count: for whom, since when, and for how long; as rooms report them and two officers settle them."""

import random

import pytest
from sqlalchemy import text

from app import db
from kyc.cases import decision, keeping, records
from kyc.cases.life import State
from kyc.cases.review import Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from tests.conftest import Engines
from tests.kyc.cases.people import (
    AT,
    FIRST,
    INPUTS,
    SECOND,
    all_pass,
    granted,
    later,
    locked,
    outcomes,
    reported,
    reviews,
    shows,
    somebody,
    stands,
)

pytestmark = pytest.mark.asyncio
BAD = all_pass(chip__signature=Said.FAIL)


async def test_a_second_officer_settles_nothing_that_the_first_did_not_see(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass(person__pep=Said.REVIEW))
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    await reported(engines, resident, Finding("person.pep", Said.REVIEW, {"rank": "head_of_state"}))

    seconded = await reviews(engines, resident, SECOND, Verdict.GRANT)

    assert seconded.state is State.SECOND_REVIEW, "it is the first review of what was found since"
    assert (await reviews(engines, resident, FIRST, Verdict.GRANT)).state is State.APPROVED


async def test_what_officers_settled_once_is_not_open_again_when_they_settle_more(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass(person__pep=Said.REVIEW))
    await granted(engines, resident)
    await reported(engines, resident, Finding("person.media", Said.REVIEW))
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW

    assert (await granted(engines, resident)).state is State.APPROVED


async def test_papers_of_two_people_are_for_two_officers(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass(person__unique=Said.REVIEW))
    await shows(engines, resident, all_pass(document__same_holder=Said.REVIEW))

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert await outcomes(engines, resident) == [("review", ["person"]), ("review", ["person"])]
    await granted(engines, resident)
    assert await outcomes(engines, resident) == [("review", ["person"]), ("identified", [])]


async def test_a_check_that_is_new_takes_nothing_away_before_anybody_looked(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, [each for each in all_pass() if each.check != "risk.score"])
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    await granted(engines, resident)
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await locked(connection, resident)
        settled = Finding(decision.OFFICERS, Said.PASS, {"covers": "", "document": ""})
        await records.store(connection, held, [settled], inputs=INPUTS, at=AT, document=None)

    await reported(engines, resident, Finding("person.screening", Said.PASS))

    assert (await stands(engines, resident)).state is State.APPROVED
    assert await outcomes(engines, resident) == [("identified", [])]
    await reported(engines, resident, Finding("risk.score", Said.REVIEW))
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW


async def test_what_a_room_reports_after_a_question_lapsed_is_no_attempt(engines: Engines) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, BAD)
    async with db.transaction(engines.worker) as story:
        connection = await story()
        await keeping.lapse(connection, await locked(connection, resident), at=later(31), by="service:identity_cases")
    before = await stands(engines, resident)

    await reported(engines, resident, Finding("person.screening", Said.PASS))
    async with db.transaction(engines.worker) as story:
        face = [Finding("face.match", Said.FAIL)]
        await records.add(
            await story(), resident, face, inputs=INPUTS, at=AT, actor="service:faces", document=document, shown=False
        )

    held = await stands(engines, resident)
    assert (held.state, held.attempts, held.version) == (State.COLLECTING, before.attempts, before.version)
    await shows(engines, resident, BAD)
    assert (await stands(engines, resident)).attempts == before.attempts + 1


async def test_the_database_hands_over_what_decides_as_all_records_do(engines: Engines) -> None:
    drawn = random.Random(6)
    names = ("person.screening", "risk.score", "face.match", "chip.signature", "document.same_holder")
    for _ in range(8):
        resident = somebody()
        shown = [(await shows(engines, resident, all_pass(person__screening=Said.ERROR)))[0] for _ in range(2)]
        async with db.transaction(engines.worker) as story:
            connection = await story()
            held = await locked(connection, resident)
            for _ in range(12):
                found = Finding(drawn.choice(names), drawn.choice([Said.ERROR, *Said]))
                document = drawn.choice([None, *shown])
                held = await records.store(connection, held, [found], inputs=INPUTS, at=AT, document=document)
            live = decision.decide(await records.latest(connection, held.id))
            rows = await connection.execute(_ALL, {"case_id": held.id})
            assert decision.decide(map(decision.Record.read, rows)).encoded() == live.encoded()


_ALL = text(
    "SELECT seq, name, rule, verdict, params, evidence, encode(inputs_hash, 'hex'), document"
    " FROM kyc.check WHERE case_id = :case_id"
)
