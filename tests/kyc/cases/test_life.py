"""The table of the machine, walked completely: every act in every state, here and in the database."""

from collections import deque

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db
from kyc.cases import case, life, records
from kyc.cases.case import Case, Hop
from kyc.cases.life import BIRTH, LIFE, SHOWN, Act, IllegalMove, Shown, State
from kyc.check import Finding, Verdict
from tests.conftest import Engines
from tests.kyc.cases.people import AT, INPUTS, somebody


def way_to(state: State) -> list[Act]:
    """Find the shortest way from the birth of a case."""
    ways: dict[State, list[Act]] = {BIRTH: []}
    queue = deque([BIRTH])
    while queue:
        here = queue.popleft()
        for (before, act), reached in LIFE.items():
            if before is here and reached not in ways:
                ways[reached] = [*ways[here], act]
                queue.append(reached)
    return ways[state]


async def at(connection: AsyncConnection, state: State) -> Case:
    held = await case.opened(connection, somebody(), at=AT, by="service:test")
    screened = Finding("person.screening", Verdict.PASS)
    held = await records.store(connection, held, [screened], inputs=INPUTS, at=AT, document=None)
    await decided(connection, held, "approve")
    hops = (Hop(act) for act in way_to(state))
    return await case.move(connection, held, *hops, at=AT, by="service:test")


async def decided(connection: AsyncConnection, held: Case, outcome: str) -> None:
    """Write down that the first decision of a case says so."""
    await connection.execute(
        text(
            "INSERT INTO kyc.case_decision (case_id, number, resident, records, rules, outcome, encoded, digest, actor,"
            " at) VALUES (:case, 1, :resident, 0, 'r', :outcome, 'x', sha256('x'), 'service:test', now())"
        ),
        {"case": held.id, "resident": held.resident, "outcome": outcome},
    )


async def _moves(connection: AsyncConnection, held: Case) -> int:
    return len(await case.moves(connection, held.id))


async def _insert(connection: AsyncConnection, held: Case, act: Act, state: State) -> None:
    await connection.execute(
        text(
            "INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)"
            " VALUES (:case, :sort, :resident, :before, :act, :state, 'service:test', now())"
        ),
        {
            "case": held.id,
            "sort": held.version + 1,
            "resident": held.resident,
            "before": held.state,
            "act": act,
            "state": state,
        },
    )


def test_every_state_can_be_reached_and_is_shown_as_something() -> None:
    assert all(way_to(state) is not None for state in State)
    assert set(SHOWN) == set(State)
    assert {before for before, _ in LIFE} == set(State) - {State.ERASED}
    assert set(SHOWN.values()) == set(Shown)


def test_nothing_the_person_sees_tells_an_alert_from_any_other_review() -> None:
    reviewed = {State.SCREENING_ALERT, State.ALERT, State.MANUAL_REVIEW, State.SECOND_REVIEW, State.SUSPENDED}

    assert {SHOWN[state] for state in reviewed} == {Shown.IN_REVIEW}


@pytest.mark.asyncio
async def test_the_database_holds_the_same_table(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        rows = await (await story()).execute(text("SELECT before, act, state FROM kyc.case_edge"))
        stored = {(State(row.before), Act(row.act)): State(row.state) for row in rows}

    assert stored == LIFE


@pytest.mark.asyncio
@pytest.mark.parametrize("state", State)
async def test_every_act_leads_where_the_table_says_or_is_refused_and_leaves_nothing(
    engines: Engines, state: State
) -> None:
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await at(connection, state)
        before = await _moves(connection, held)
        for act in Act:
            trial = await connection.begin_nested()
            if (reached := LIFE.get((state, act))) is None:
                with pytest.raises(IllegalMove) as refused:
                    await case.move(connection, held, Hop(act), at=AT, by="service:test")
                assert (refused.value.state, refused.value.act) == (state, act)
                assert await _moves(connection, held) == before
                assert await case.find(connection, held.id) == held
            else:
                moved = await case.move(connection, held, Hop(act), at=AT, by="service:test")
                assert (moved.state, moved.version) == (reached, held.version + 1)
                assert await case.find(connection, held.id) == moved
            await trial.rollback()
        await story.abandon()


@pytest.mark.asyncio
@pytest.mark.parametrize("state", State)
async def test_the_database_refuses_every_move_that_is_not_in_the_table(engines: Engines, state: State) -> None:
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await at(connection, state)
        for act in Act:
            for reached in (State.CLOSED, State.APPROVED, LIFE.get((state, act), State.MONITORING)):
                trial = await connection.begin_nested()
                if LIFE.get((state, act)) is reached:
                    await _insert(connection, held, act, reached)
                else:
                    with pytest.raises(IntegrityError, match="case_move_leads"):
                        await _insert(connection, held, act, reached)
                await trial.rollback()
        await story.abandon()


@pytest.mark.asyncio
async def test_a_move_follows_the_last_one_and_a_case_stands_at_its_last(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await at(connection, State.NEEDS_INPUT)
        trial = await connection.begin_nested()
        with pytest.raises(IntegrityError, match="case_move_follows"):
            await _insert(connection, _elsewhere(held), Act.PROPOSE, State.SECOND_REVIEW)
        await trial.rollback()
        await connection.execute(text("UPDATE kyc.case SET state = 'approved' WHERE id = :id"), {"id": held.id})
        with pytest.raises(IntegrityError, match="case_stands_at"):
            await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await story.abandon()


@pytest.mark.asyncio
async def test_moves_are_never_changed(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        held = await at(await story(), State.COLLECTING)
    for act in ("UPDATE kyc.case_move SET actor = 'x'", "DELETE FROM kyc.case_move"):
        with pytest.raises(DBAPIError, match=r"permission denied|only added to"):
            async with db.transaction(engines.worker) as story:
                await (await story()).execute(text(f"{act} WHERE case_id = :id"), {"id": held.id})


def _elsewhere(held: Case) -> Case:
    """Pretend that a case stands where an officer may propose."""
    return msgspec.structs.replace(held, state=State.MANUAL_REVIEW)


def test_what_passes_within_a_transaction_is_never_where_a_case_waits() -> None:
    waits = life.WAITS_FOR_OFFICERS | life.WAITS_FOR_PERSON | life.STANDING | life.OVER | {State.REJECTED_FINAL}

    assert waits | life.PASSING == set(State)
    assert not waits & life.PASSING
