"""Judgements as they are kept: replayed to the byte, only added to, the shadow beside them; and tried on the past."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db
from app.vault import Vault
from kyc.holder import Safe
from kyc.risk import assessment, backtest
from kyc.risk.assessment import Stored, UnknownAssessment
from kyc.risk.backtest import BadPeriod, UnknownBacktest
from kyc.risk.band import Band
from kyc.risk.facts import Facts
from kyc.risk.rule import State
from tests.conftest import Engines
from tests.kyc.risk.known import AT, PLAIN
from tests.kyc.risk.test_rule_life import drafted, moved, novel

pytestmark = pytest.mark.asyncio

TODAY = date(2026, 11, 22)
KEY = Vault(bytes(32))
ANN = "officer:ann"


async def judged(engines: Engines, resident: UUID, known: Facts = PLAIN, *, at: datetime = AT) -> Stored:
    async with db.transaction(engines.worker) as story:
        return await assessment.store(
            await story(), resident, known, safe=KEY, new=uuid4(), why="test", on=TODAY, actor="service:risk", at=at
        )


async def safes(_: AsyncConnection, people: Collection[UUID]) -> Mapping[UUID, Safe]:
    """Open everybody's vault with one key."""
    return dict.fromkeys(people, KEY)


async def nobody(_: AsyncConnection, __: Collection[UUID]) -> Mapping[UUID, Safe]:
    """Open nobody's: all of them were erased."""
    return {}


async def test_what_is_stored_is_read_and_replayed_to_the_byte(engines: Engines) -> None:
    resident = uuid4()
    first = await judged(engines, resident)
    second = await judged(engines, resident, Facts(pep_hits=1, pep_classes=("foreign",)))

    async with db.transaction(engines.worker) as story:
        connection = await story()
        assert await assessment.of(connection, resident, safes, limit=5) == [second, first]
        assert await assessment.replayed(connection, first)
        assert await assessment.replayed(connection, await assessment.find(connection, second.id, safes))
        for wanted, opens in ((uuid4(), safes), (first.id, nobody)):
            with pytest.raises(UnknownAssessment):
                await assessment.find(connection, wanted, opens)
    assert (first.number, second.number) == (1, 2)
    assert second.assessment.band is Band.HIGH
    assert "pep.hit@1" in second.rules
    assert [held.value for hit in second.assessment.hits for held in hit.because if hit.rule == "pep.hit"] == [1]


@pytest.mark.parametrize("column", ["facts", "score", "outcome_hash"])
async def test_a_judgement_that_was_tampered_with_does_not_replay(engines: Engines, database: str, column: str) -> None:
    stored = await judged(engines, uuid4())
    tampered = {
        "facts": assessment.sealed(KEY, Facts(list_confirmed=1), stored.id),
        "score": 99,
        "outcome_hash": hashlib.sha256(b"").digest(),
    }
    owner = create_engine(database, poolclass=pool.NullPool)
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE kyc.assessment DISABLE TRIGGER USER"))
        connection.execute(
            text(f"UPDATE kyc.assessment SET {column} = :value WHERE id = :id"),  # noqa: S608  names above
            {"value": tampered[column], "id": stored.id},
        )
        connection.execute(text("ALTER TABLE kyc.assessment ENABLE TRIGGER USER"))
    owner.dispose()

    async with db.transaction(engines.worker) as story:
        judged_with = await story()
        found = await assessment.replayed(judged_with, await assessment.find(judged_with, stored.id, safes))
    # The score is no input: it is judged again, and the stored one is compared by its hash.
    assert found is (column == "score")
    if column == "score":
        async with db.transaction(engines.worker) as story:
            read = (await assessment.find(await story(), stored.id, safes)).assessment
        assert hashlib.sha256(assessment.written(read)).digest() != stored.outcome_hash


@pytest.mark.parametrize("statement", ["UPDATE kyc.assessment SET score = 0", "DELETE FROM kyc.risk_hit"])
async def test_nothing_of_a_judgement_is_changed(engines: Engines, statement: str) -> None:
    await judged(engines, uuid4())

    with pytest.raises(DBAPIError):
        async with db.transaction(engines.worker) as story:
            await (await story()).execute(text(statement))


@pytest.mark.parametrize("audience", ["resident", "public"])
async def test_who_is_judged_reads_nothing_of_it(engines: Engines, audience: str) -> None:
    resident = uuid4()
    await judged(engines, resident)

    async with db.transaction(engines.api, holder=resident, audience=audience) as story:
        assert await assessment.of(await story(), resident, safes, limit=5) == []


async def test_a_shadow_is_written_down_and_decides_nothing(engines: Engines) -> None:
    shadow = await drafted(engines, novel(), points=90, floor=Band.PROHIBITED)
    await moved(engines, shadow.id, State.SHADOW)

    stored = await judged(engines, uuid4(), Facts(pep_hits=1))

    assert stored.assessment.band is Band.HIGH
    assert shadow.name not in stored.rules
    assert [f"{hit.rule}@{hit.version}" for hit in stored.shadow] == [shadow.name]
    async with db.transaction(engines.worker) as story:
        [row] = await assessment.applied(await story(), shadow, safes, limit=5)
    assert (row.assessment, row.shadow, row.band) == (stored.id, True, Band.HIGH)
    assert row.because == stored.shadow[0].because != ()
    await moved(engines, shadow.id, State.RETIRED)


async def test_a_version_is_tried_on_the_past_and_changes_nothing(engines: Engines) -> None:
    at = AT - timedelta(days=30 + uuid4().int % 200)
    before = [await judged(engines, uuid4(), Facts(pep_hits=hits), at=at) for hits in (0, 1, 1)]
    tried = await drafted(engines, novel(), floor=Band.PROHIBITED)

    async def report(size: int) -> tuple[backtest.Report, bytes]:
        async with db.transaction(engines.api, audience="officer", actor=ANN) as story:
            asked = await backtest.ask(
                await story(), tried.id, new=uuid4(), since=at, until=at + timedelta(seconds=1), actor=ANN, at=AT
            )
        async with db.transaction(engines.worker) as story:
            connection = await story()
            paged = await backtest.tried(connection, asked, tried, safes, size=size)
            taken = await backtest.due(connection, at=AT)
            assert taken == asked
            assert await backtest.run(connection, taken, safes, at=AT) == paged
            done = await backtest.find(connection, asked.id)
            assert done.hash is not None
            return paged, done.hash

    one, other = await report(size=1), await report(size=100)

    assert one == other, "the same question is the same report, by the same hash"
    moves = [(each.before, each.after, each.assessments) for each in one[0].moved]
    assert (one[0].assessments, one[0].applied, moves) == (3, 2, [(Band.HIGH, Band.PROHIBITED, 2)])
    assert set(one[0].examples) == {each.id for each in before[1:]}


async def test_of_who_was_erased_nothing_is_tried(engines: Engines) -> None:
    at = AT - timedelta(days=300, seconds=uuid4().int % 100_000)
    await judged(engines, uuid4(), Facts(pep_hits=1), at=at)
    tried = await drafted(engines, novel(), floor=Band.PROHIBITED)
    until = at + timedelta(microseconds=1)

    async with db.transaction(engines.worker) as story:
        connection = await story()
        asked = backtest.Backtest(id=uuid4(), version=tried.id, since=at, until=until, asked_by=ANN, asked_at=AT)
        report = await backtest.tried(connection, asked, tried, nobody)

    assert (report.assessments, report.unreadable, report.applied, report.moved) == (1, 1, 0, ())


@pytest.mark.parametrize(("since", "until"), [(0, 0), (1, 0), (-400, -1), (-1, 1)])
async def test_only_days_that_are_over_are_tried(engines: Engines, since: int, until: int) -> None:
    tried = await drafted(engines, novel())
    days = {"since": AT + timedelta(days=since), "until": AT + timedelta(days=until)}

    async with db.transaction(engines.api, audience="officer", actor=ANN) as story:
        with pytest.raises(BadPeriod):
            await backtest.ask(await story(), tried.id, new=uuid4(), **days, actor=ANN, at=AT)
        with pytest.raises(UnknownBacktest):
            await backtest.find(await story(), uuid4())
