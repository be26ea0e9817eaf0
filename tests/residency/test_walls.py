"""What the database refuses by itself, tried by direct SQL as the roles that serve requests: the code may be wrong."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from app import db
from residency import case, tables
from residency.application import Application
from residency.case import State
from tests.conftest import Engines
from tests.residency import cases

_A, _B = cases.somebody(), cases.somebody()
_Statement = tuple[str, Mapping[str, object]]

_DECIDE = """
INSERT INTO residency.decision (application_id, resident, outcome, round, first_officer, second_officer, at)
SELECT id, resident, 'granted', version, :first, :second, now() FROM residency.application WHERE id = :id
"""
_REVIEW = """
INSERT INTO residency.review (application_id, round, officer, verdict, at)
SELECT id, version, :officer, 'approve', now() FROM residency.application WHERE id = :id
"""
_GRANT = """
INSERT INTO residency.transition (application_id, sort, resident, act, state, actor, at)
SELECT id, version + 1, resident, 'grant', 'granted', 'officer', now() FROM residency.application WHERE id = :id
"""
_ASSIGN = """
INSERT INTO residency.status (resident, kind, scheme, number, citizenship, application_id, state, version, assigned_at)
SELECT resident, 'e_resident', 'DEMO-ERID', '269999999990', :citizenship, id, 'active', 1, now()
FROM residency.application WHERE id = :id
"""
_DRAFT = """
INSERT INTO residency.application (resident, service, state, version, revision)
SELECT resident, service, 'draft', 1, 1 FROM residency.application WHERE id = :id
"""


@pytest.mark.asyncio
async def test_one_officer_cannot_be_both_pairs_of_eyes(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    error = await _refused(engines, waiting, [(_REVIEW, {"officer": _A}), (_DECIDE, {"first": _A, "second": _A})])

    assert "decision_four_eyes" in error


@pytest.mark.asyncio
async def test_an_officer_cannot_review_twice_in_a_round(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    error = await _refused(engines, waiting, [(_REVIEW, {"officer": _A}), (_REVIEW, {"officer": _A})])

    assert "review_once" in error


@pytest.mark.asyncio
@pytest.mark.parametrize(("reviewers", "constraint"), [([], "decision_first"), ([_A], "decision_second")])
async def test_a_decision_needs_two_reviews_that_were_given(
    engines: Engines, reviewers: list[UUID], constraint: str
) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    reviews = [(_REVIEW, {"officer": officer}) for officer in reviewers]

    error = await _refused(engines, waiting, [*reviews, (_DECIDE, {"first": _A, "second": _B})])

    assert constraint in error


@pytest.mark.asyncio
async def test_a_refusal_needs_reason_ground_and_appeal(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    refusal = _DECIDE.replace("'granted'", "'refused'")

    assert "decision_reasoned" in await _refused(engines, waiting, [(refusal, {"first": _A, "second": _B})])


@pytest.mark.asyncio
async def test_nothing_is_granted_without_a_decision(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    assert "transition_decided" in await _refused(engines, waiting, [(_GRANT, {})])


@pytest.mark.asyncio
async def test_there_is_no_status_without_a_grant(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    assert "status_decided" in await _refused(engines, waiting, [(_ASSIGN, {"citizenship": "foreign"})])


@pytest.mark.asyncio
async def test_a_citizen_never_holds_the_status(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    assert "status_foreigner" in await _refused(engines, waiting, [(_ASSIGN, {"citizenship": "citizen"})])


@pytest.mark.asyncio
async def test_a_person_has_one_open_application_for_a_service(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())

    assert "application_one_open" in await _refused(engines, filed, [(_DRAFT, {})])


@pytest.mark.asyncio
async def test_an_application_cannot_stand_where_no_transition_led(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())
    move = "UPDATE residency.application SET state = 'in_review', version = version + 1 WHERE id = :id"

    assert "application_stands_at" in await _refused(engines, filed, [(move, {})])


@pytest.mark.asyncio
async def test_a_transition_happens_once(engines: Engines) -> None:
    filed = await cases.filed(engines, cases.somebody())
    again = _GRANT.replace("version + 1", "version").replace("'grant', 'granted'", "'check', 'checking'")

    assert "transition_pkey" in await _refused(engines, filed, [(again, {})])


@pytest.mark.asyncio
@pytest.mark.parametrize("table", ["transition", "review", "decision", "status_change", "event"])
async def test_history_is_only_added_to(engines: Engines, database: str, table: str) -> None:
    await cases.granted(engines, cases.somebody())
    owner = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)

    for change in (f"DELETE FROM residency.{table}", f"UPDATE residency.{table} SET at = now()"):  # noqa: S608  names of our own tables
        with owner.connect() as connection, pytest.raises(sqlalchemy.exc.ProgrammingError, match="only added to"):
            connection.execute(text(change))


@pytest.mark.asyncio
@pytest.mark.parametrize("table", ["application", "transition", "decision", "status", "status_change", "event"])
async def test_a_resident_sees_their_own_rows_and_no_others(engines: Engines, table: str) -> None:
    mine, theirs = cases.somebody(), cases.somebody()
    for resident in (mine, theirs):
        await cases.granted(engines, resident)
    column = "holder" if table == "event" else "resident"
    query = text(f"SELECT DISTINCT {column} FROM residency.{table}")  # noqa: S608  names of our own tables

    async with db.transaction(engines.api, holder=mine, audience="resident") as story:
        seen = (await (await story()).execute(query)).scalars().all()
    async with db.transaction(engines.api) as story:
        unnamed = (await (await story()).execute(query)).scalars().all()

    assert seen == [mine]
    assert unnamed == []


def test_the_index_of_open_applications_says_what_the_life_says() -> None:
    closed = {state.strip(" '") for state in str(tables.STILL_OPEN).split("(")[1].rstrip(")").split(",")}

    assert closed == {State(state) for state in case.CLOSED}


async def _refused(
    engines: Engines, subject: Application, statements: Sequence[tuple[str, Mapping[str, object]]]
) -> str:
    """Run statements as an officer's request would and tell what the database said against them."""

    async def run() -> None:
        async with db.transaction(engines.api, audience="officer") as story:
            for statement, parameters in statements:
                await (await story()).execute(text(statement), {"id": subject.id, **parameters})

    with pytest.raises(sqlalchemy.exc.IntegrityError) as refused:
        await run()
    return str(refused.value.orig)
