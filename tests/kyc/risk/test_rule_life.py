"""The life of a rule on a real database: any sequence of officers' acts, against a model; and what the walls refuse."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db
from app.settings import Settings
from kyc.risk import rule as rules
from kyc.risk.rule import LIFE, FailsItsTest, SameOfficer, State, UnknownRule, Version, WrongStep
from migrations import walls
from tests.conftest import Engines
from tests.kyc.risk import known
from tests.kyc.risk.known import AT

ANN, BOB = "officer:ann", "officer:bob"
Answer = TypeVar("Answer")
_officers = st.sampled_from([ANN, BOB])


async def drafted(engines: Engines, name: str, *, by: str = ANN, **said: object) -> Version:
    async with db.transaction(engines.api, audience="officer", actor=by) as story:
        return await rules.draft(await story(), name, version=uuid4(), body=known.body(**said), actor=by, at=AT)


async def moved(engines: Engines, version: UUID, *way: State, by: str = BOB) -> Version:
    async with db.transaction(engines.api, audience="officer", actor=by) as story:
        for to in way:
            await rules.move(await story(), version, to, actor=by, at=AT)
        return await rules.find(await story(), version)


def novel() -> str:
    return f"test.rule_{uuid4().hex[:12]}"


class Life(RuleBasedStateMachine):
    """Versions of one rule, drafted and moved by two officers in any order; the database agrees with the model."""

    settings: Settings
    runner: asyncio.Runner

    @initialize()
    def begin(self) -> None:
        """Open a story that is never committed."""
        self.name = novel()
        self.model: list[tuple[UUID, str, State]] = []
        self.engine = db.engine(self.settings, walls.API)
        self.story = db.Story(self.engine, holder=None, audience="officer")
        self.runner.run(self.story())

    @rule(by=_officers)
    def draft(self, by: str) -> None:
        """Write another version."""
        made = self._act(by, lambda c: rules.draft(c, self.name, version=uuid4(), body=known.body(), actor=by, at=AT))
        assert made.version == len(self.model) + 1
        self.model.append((made.id, by, State.DRAFT))

    @rule(by=_officers, which=st.integers(0, 5), to=st.sampled_from([State.SHADOW, State.ACTIVE, State.RETIRED]))
    def move(self, by: str, which: int, to: State) -> None:
        """Move a version, where its life leads there and the officer is another one."""
        if not self.model:
            return
        nth = which % len(self.model)
        version, author, state = self.model[nth]
        refused = WrongStep if to not in LIFE[state] else SameOfficer if to is State.ACTIVE and by == author else None
        if refused is not None:
            with pytest.raises(refused):
                self._act(by, lambda c: rules.move(c, version, to, actor=by, at=AT))
            return
        self._act(by, lambda c: rules.move(c, version, to, actor=by, at=AT))
        if to is State.ACTIVE:
            self.model = [(id_, who, State.RETIRED if at is State.ACTIVE else at) for id_, who, at in self.model]
        self.model[nth] = (version, author, to)

    @invariant()
    def agrees(self) -> None:
        """Find in the database what the model says, and one version in force at most."""
        if not hasattr(self, "model"):
            return
        known_ = self._act(ANN, rules.listed)
        mine = [(each.id, each.drafted_by, each.state) for each in known_ if each.rule == self.name]
        assert mine == self.model
        assert sum(state is State.ACTIVE for _, _, state in mine) <= 1

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "story"):
            self.runner.run(self.story.abandon())
            self.runner.run(self.engine.dispose())

    def _act(self, by: str, act: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        async def acted() -> Answer:
            connection = await self.story()
            await connection.execute(text("SELECT set_config('app.actor', :by, true)"), {"by": by})
            return await act(connection)

        return self.runner.run(acted())


@pytest.fixture
def machine(settings: Settings) -> Iterator[type[Life]]:
    with asyncio.Runner() as runner:
        yield type("LifeHere", (Life,), {"settings": settings, "runner": runner})


def test_any_sequence_of_acts_leaves_what_the_life_of_a_rule_allows(machine: type[Life]) -> None:
    run_state_machine_as_test(
        machine, settings=hypothesis_settings(max_examples=6, stateful_step_count=12, deadline=None)
    )


@pytest.mark.asyncio
async def test_a_rule_is_drafted_only_when_its_own_facts_try_it(engines: Engines) -> None:
    with pytest.raises(FailsItsTest):
        await drafted(engines, novel(), points=0)
    with pytest.raises(UnknownRule):
        await moved(engines, uuid4(), State.SHADOW)


@pytest.mark.asyncio
async def test_a_rule_runs_on_the_days_it_is_effective(engines: Engines) -> None:
    since, until = date(2027, 1, 1), date(2027, 2, 1)
    made = await drafted(engines, novel(), since=since, until=until)
    await moved(engines, made.id, State.SHADOW, State.ACTIVE)

    async def runs(on: date) -> bool:
        async with db.transaction(engines.worker) as story:
            return made.id in {each.id for each in await rules.running(await story(), on)}

    day = timedelta(days=1)
    assert [await runs(on) for on in (since - day, since, until - day, until)] == [False, True, True, False]


_WRITE = """
INSERT INTO kyc.risk_version (id, rule, version, body, drafted_by, drafted_at)
VALUES (uuidv7(), 'test.by_hand', 1, '{}', :by, now())
"""
_STEP = """
INSERT INTO kyc.risk_step (version, state, drafted_by, by_officer, at)
SELECT id, :state, drafted_by, :by, now() FROM kyc.risk_version WHERE id = :version
"""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (_WRITE, {"by": BOB}),  # in another officer's name
        (_WRITE, {"by": "release:rules"}),  # as if it came with the house
        (_STEP, {"state": "active", "by": ANN}),  # not tried
        (_STEP, {"state": "shadow", "by": BOB}),  # in another officer's name
        ("UPDATE kyc.risk_version SET body = '{}' WHERE id = :version", {}),
        ("DELETE FROM kyc.risk_step WHERE version = :version", {}),
    ],
)
async def test_the_database_refuses_whatever_the_code_says(
    engines: Engines, statement: str, values: dict[str, str]
) -> None:
    made = await drafted(engines, novel())

    with pytest.raises(DBAPIError):
        async with db.transaction(engines.api, audience="officer", actor=ANN) as story:
            await (await story()).execute(text(statement), {"version": made.id} | values)


@pytest.mark.asyncio
async def test_the_database_refuses_one_officer_on_both_sides(engines: Engines) -> None:
    made = await drafted(engines, novel())
    await moved(engines, made.id, State.SHADOW)

    with pytest.raises(DBAPIError, match="risk_four_eyes"):
        async with db.transaction(engines.api, audience="officer", actor=ANN) as story:
            await (await story()).execute(text(_STEP), {"version": made.id, "state": "active", "by": ANN})


@pytest.mark.asyncio
@pytest.mark.parametrize("audience", ["resident", "partner", "regulator", "public"])
async def test_nobody_but_officers_reads_a_rule(engines: Engines, audience: str) -> None:
    async with db.transaction(engines.api, holder=uuid4(), audience=audience) as story:
        assert await rules.listed(await story()) == []


@pytest.mark.asyncio
async def test_an_installation_begins_with_its_rules_in_force(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        running = {each.rule: each for each in await rules.running(await story(), date(2026, 11, 22))}

    for name, body in known.bodies().items():
        assert (running[name].state, running[name].body, running[name].version) == (State.ACTIVE, body, 1)
