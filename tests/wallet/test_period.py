"""Closed periods: two people end one, and then nobody books into it, whatever the code above thinks."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app import db, ids
from app.money import FIRST_LANE
from tests.conftest import Engines
from tests.wallet import days
from tests.wallet.days import Leg
from tests.wallet.ledgers import bank, opened
from wallet import period
from wallet.desk import Desk
from wallet.ledger import Lane
from wallet.period import (
    PeriodClosedAlready,
    PeriodNotOver,
    PeriodProposedAlready,
    SameOfficer,
    UnknownPeriod,
)

pytestmark = pytest.mark.asyncio
_DAY = timedelta(days=1)
ONE, TWO = "officer:one", "officer:two"


async def propose(engines: Engines, until: date, *, today: date, actor: str = ONE) -> UUID:
    async with db.transaction(engines.api, audience="officer") as story:
        made = await period.propose(
            await story(), period=ids.new(), until=until, actor=actor, at=days.instant(today, 600)
        )
    return made.id


async def approve(engines: Engines, wanted: UUID, actor: str = TWO) -> None:
    async with db.transaction(engines.api, audience="officer") as story:
        await period.approve(await story(), wanted, actor=actor, at=days.instant(days.era(), 0))


async def withdraw(engines: Engines, wanted: UUID) -> None:
    async with db.transaction(engines.api, audience="officer") as story:
        await period.withdraw(await story(), wanted, actor=ONE, at=days.instant(days.era(), 0))


async def test_a_period_is_closed_by_two_and_for_good(engines: Engines) -> None:
    today = days.era()
    wanted = await propose(engines, today, today=today)

    with pytest.raises(SameOfficer):
        await approve(engines, wanted, ONE)
    with pytest.raises(PeriodProposedAlready):
        await propose(engines, today, today=today, actor=TWO)
    await approve(engines, wanted)

    async with db.transaction(engines.posting) as story:
        assert await period.closed_until(await story()) == days.instant(today, 0)
    for again in (approve(engines, wanted), withdraw(engines, wanted)):
        with pytest.raises(UnknownPeriod):
            await again
    with pytest.raises(PeriodClosedAlready):
        await propose(engines, today, today=today)
    with pytest.raises(PeriodNotOver):
        await propose(engines, today + 2 * _DAY, today=today + _DAY)


async def test_a_proposal_that_is_taken_back_closes_nothing(engines: Engines) -> None:
    today = days.era()
    async with db.transaction(engines.report) as story:
        before = await period.closed_until(await story())
    wanted = await propose(engines, today, today=today)

    await withdraw(engines, wanted)

    with pytest.raises(UnknownPeriod):
        await approve(engines, wanted)
    async with db.transaction(engines.report) as story:
        assert await period.closed_until(await story()) == before


async def test_no_value_date_falls_into_a_closed_period(engines: Engines) -> None:
    first = days.era()
    account, other = await opened(engines.api), await bank(engines.posting)
    at = days.instant(first + _DAY, 600)
    await days.record(engines.posting, [Leg(at, days.instant(first - _DAY, 0), 500)], account, other)
    await approve(engines, await propose(engines, first, today=first))

    def before_it(moved: int) -> Leg:
        return Leg(at, days.instant(first, 0) - timedelta(microseconds=1), moved)

    on_the_edge = Leg(at, days.instant(first, 0), 1)
    await days.record(engines.posting, [on_the_edge], account, other)
    for moved in (1, -1):
        # Without asking where the period ends, as a desk that forgot would.
        with pytest.raises(DBAPIError, match="is in a closed period"):
            await days.record(engines.posting, [before_it(moved)], account, other)


@pytest.mark.parametrize(
    ("audience", "refusal", "columns"),
    [
        ("officer", "permission denied", "approved_by, approved_at"),
        ("officer", "permission denied", "withdrawn_by, withdrawn_at"),
        ("resident", "row-level security", ""),
    ],
)
async def test_a_period_begins_as_a_proposal_of_an_officer(
    engines: Engines, audience: str, refusal: str, columns: str
) -> None:
    more, said = (f", {columns}", ", 'officer:two', now()") if columns else ("", "")
    written = text(
        f"INSERT INTO wallet.period (id, closed_until, proposed_by, proposed_at{more})"  # noqa: S608  literals above
        f" VALUES (uuidv7(), DATE '2026-05-01', 'officer:one', now(){said})"
    )

    with pytest.raises(DBAPIError, match=refusal):
        async with db.transaction(engines.api, audience=audience) as story:
            await (await story()).execute(written)


async def test_even_the_owner_closes_nothing_that_nobody_proposed(database: str) -> None:
    owner = create_engine(database)
    written = text(
        "INSERT INTO wallet.period (id, closed_until, proposed_by, proposed_at, approved_by, approved_at)"
        " VALUES (uuidv7(), DATE '2026-05-01', 'officer:one', now(), 'officer:two', now())"
    )

    with owner.connect() as connection, pytest.raises(DBAPIError, match="that nobody proposed"):
        connection.execute(written)
    owner.dispose()


async def test_a_resident_reads_no_period(engines: Engines) -> None:
    wanted = await propose(engines, days.era(), today=days.era())

    async with db.transaction(engines.api, audience="resident", holder=wanted) as story:
        assert await period.listed(await story(), limit=1) == []
    await withdraw(engines, wanted)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wallet.period SET closed_until = closed_until - 1",
        "UPDATE wallet.period SET approved_at = NULL, approved_by = NULL",
        "DELETE FROM wallet.period",
    ],
)
async def test_even_the_owner_opens_nothing_again(engines: Engines, database: str, statement: str) -> None:
    first = days.era()
    await approve(engines, await propose(engines, first, today=first))
    owner = create_engine(database)

    with owner.connect() as connection, pytest.raises(DBAPIError, match="decided period refused"):
        connection.execute(text(statement))
    owner.dispose()


async def test_the_database_knows_who_may_not_approve(engines: Engines) -> None:
    first = days.era()
    wanted = await propose(engines, first, today=first)

    with pytest.raises(DBAPIError, match="period_four_eyes"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(
                text("UPDATE wallet.period SET approved_by = proposed_by, approved_at = now() WHERE id = :id"),
                {"id": wanted},
            )
    await withdraw(engines, wanted)


async def test_a_period_ends_between_batches_never_within_one(engines: Engines) -> None:
    """Who closes waits for the lanes, so what a batch read of the period is true until it commits."""
    first = days.era()
    wanted = await propose(engines, first, today=first)
    lock = text("SELECT lane, seq, block, head FROM wallet.lane WHERE lane = :lane FOR NO KEY UPDATE")

    async with db.transaction(engines.posting) as story:
        connection = await story()
        lane = (await connection.execute(lock, {"lane": FIRST_LANE})).one()
        desk = Desk(connection, days.instant(first, 0), [Lane(*lane)])
        await desk.load_period()
        with pytest.raises(DBAPIError, match="lock timeout"):
            await hurried(engines, wanted)
    await approve(engines, wanted)


async def hurried(engines: Engines, wanted: UUID) -> None:
    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        await connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        await period.approve(connection, wanted, actor=TWO, at=days.instant(days.era(), 0))
