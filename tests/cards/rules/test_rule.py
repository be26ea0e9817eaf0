"""The life of a rule: two officers, one version in force, and a database that refuses what must never be."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db
from cards.rules import rule
from cards.rules.rule import LIFE, NameTaken, SameOfficer, State, UnknownRule, Version, WrongStep
from tests.cards.made import AT
from tests.cards.rules import lives
from tests.cards.rules.lives import ANN, BOB, active, drafted, moved
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio

#: How a version comes into each state, by Bob.
_WAY = {
    State.DRAFT: (),
    State.SHADOW: (State.SHADOW,),
    State.ACTIVE: (State.SHADOW, State.ACTIVE),
    State.RETIRED: (State.RETIRED,),
}


async def states(api: AsyncEngine, version: Version) -> list[State]:
    async with db.transaction(api, audience="officer") as story:
        return [each.state for each in await rule.of(await story(), version.rule)]


@pytest.mark.parametrize("to", State)
@pytest.mark.parametrize("state", State)
async def test_a_version_goes_where_its_life_leads_and_nowhere_else(engines: Engines, state: State, to: State) -> None:
    version = await moved(engines.api, await drafted(engines.api), *_WAY[state])

    if to in LIFE[state]:
        assert (await moved(engines.api, version, to)).state is to
    else:
        with pytest.raises(WrongStep):
            await moved(engines.api, version, to)


async def test_who_drafted_it_does_not_bring_it_into_force(engines: Engines) -> None:
    version = await moved(engines.api, await drafted(engines.api), State.SHADOW, by=ANN)

    with pytest.raises(SameOfficer):
        await moved(engines.api, version, State.ACTIVE, by=ANN)

    assert (await moved(engines.api, version, State.ACTIVE, by=BOB)).state is State.ACTIVE
    assert (await moved(engines.api, version, State.RETIRED, by=ANN)).state is State.RETIRED


async def test_a_version_that_comes_into_force_ends_the_one_before_it(engines: Engines) -> None:
    first = await active(engines.api)
    second = await active(engines.api, of=first.rule)

    assert await states(engines.api, first) == [State.RETIRED, State.ACTIVE]
    assert (second.version, second.name) == (2, first.name)
    assert await lives.told(engines.report, first.rule) == [
        *("card_rule.drafted", "card_rule.shadowed", "card_rule.activated"),
        *("card_rule.drafted", "card_rule.shadowed", "card_rule.retired", "card_rule.activated"),
    ]


async def test_two_who_bring_two_versions_into_force_at_once_leave_one(engines: Engines) -> None:
    first = await drafted(engines.api)
    versions = [first, await drafted(engines.api, of=first.rule)]
    for each in versions:
        await moved(engines.api, each, State.SHADOW)

    await asyncio.gather(*(moved(engines.api, each, State.ACTIVE) for each in versions))

    assert sorted(await states(engines.api, first)) == [State.ACTIVE, State.RETIRED]


async def test_a_name_is_given_once_and_what_is_unknown_is_refused(engines: Engines) -> None:
    version = await drafted(engines.api)
    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        with pytest.raises(NameTaken):
            await rule.draft(
                connection, rule=version.id, version=version.id, name=version.name, body=version.body, actor=ANN, at=AT
            )
        with pytest.raises(UnknownRule):
            await rule.of(connection, version.id)
        with pytest.raises(UnknownRule):
            await rule.find(connection, version.rule)


_STEP = text(
    """
    INSERT INTO cards.rule_step (version, state, drafted_by, by_officer, at)
    VALUES (:version, :state, :drafted_by, :by, now())
    """
)


@pytest.mark.parametrize(
    ("state", "drafted_by", "by", "constraint"),
    [
        ("active", ANN, ANN, "rule_four_eyes"),
        ("active", BOB, ANN, "rule_step_version_drafted_by_fkey"),
        ("draft", ANN, ANN, "rule_step_once"),
        ("active", ANN, "resident:1", "rule_step_by_officer_check"),
    ],
)
async def test_the_database_itself_asks_for_a_second_officer(
    engines: Engines, state: str, drafted_by: str, by: str, constraint: str
) -> None:
    version = await drafted(engines.api)
    step = {"version": version.id, "state": state, "drafted_by": drafted_by, "by": by}

    with pytest.raises(IntegrityError, match=constraint):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(_STEP, step)


@pytest.mark.parametrize("before", State)
async def test_the_database_itself_knows_the_life_of_a_rule(engines: Engines, before: State) -> None:
    """Past our code: nothing is active that was not tried in the shadow."""
    passed = set()
    for to in set(State) - {before}:
        version = await drafted(engines.api)
        async with db.transaction(engines.api, audience="officer") as story:
            connection = await story()
            for each in _WAY[before]:
                await connection.execute(_STEP, _by_bob(version, each))
            try:
                async with connection.begin_nested():
                    await connection.execute(_STEP, _by_bob(version, to))
                passed.add(to)
            except DBAPIError:
                continue

    assert passed == LIFE[before]


def _by_bob(version: Version, state: State) -> dict[str, object]:
    return {"version": version.id, "state": state.value, "drafted_by": ANN, "by": BOB}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE cards.rule_version SET action = 'alert'", "DELETE FROM cards.rule_step", "TRUNCATE cards.rule_result"],
)
async def test_what_was_written_never_changes(engines: Engines, statement: str) -> None:
    async with engines.api.connect() as connection:
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text(statement))


async def test_no_resident_reads_a_rule(engines: Engines) -> None:
    await drafted(engines.api)

    async with db.transaction(engines.api, audience="resident") as story:
        assert await rule.listed(await story()) == []
