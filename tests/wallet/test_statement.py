"""The laws of statements: opening + rows = closing for any days, and one begins where the one before ended."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from app import db, ids
from app.money import FIRST_LANE
from app.settings import Settings
from law.calendar import statutory_date
from law.money import KZT
from migrations import walls
from tests.conftest import Engines
from tests.wallet import days
from tests.wallet.days import Drawn
from tests.wallet.ledgers import bank, opened
from wallet import statement
from wallet.statement import BadPeriod, DayNotClosed, Line, Period, Statement

_DAY = timedelta(days=1)
_LAST = 7


async def _law(engines: Engines, drawn: Drawn, cuts: set[int]) -> None:
    first = days.era()
    legs = days.history(first, drawn)
    holder = ids.new()
    account, other = await opened(engines.api, holder), await bank(engines.posting)
    for leg in legs:
        await days.record(engines.posting, [leg], account, other)
    await days.close(engines.worker, first + (_LAST + 1) * _DAY)
    bounds = sorted({-1, *cuts, _LAST})
    periods = [Period(first + (a + 1) * _DAY, first + b * _DAY) for a, b in itertools.pairwise(bounds)]
    whole = Period(periods[0].begins_on, periods[-1].ends_on)
    at = days.instant(first + 20 * _DAY, 0)
    async with db.transaction(engines.report) as story:
        connection = await story()

        async def made(period: Period) -> tuple[Statement, list[Line]]:
            found = await statement.open_(
                connection,
                statement=ids.new(),
                code=bytes(16),
                holder=holder,
                account=account,
                lane=FIRST_LANE,
                currency=KZT,
                period=period,
                letterhead=b"",
                at=at,
            )
            return found, [line async for chunk in statement.lines(connection, found, chunk=3) for line in chunk]

        parts = [await made(period) for period in periods]
        everything, all_rows = await made(whole)
    assert all(part.final for part, _ in parts)
    for part, rows in [*parts, (everything, all_rows)]:
        assert part.opening.minor + sum(row.moved.minor for row in rows) == part.closing.minor
        balances = [part.opening.minor, *(row.balance.minor for row in rows)]
        steps = [now - before for before, now in itertools.pairwise(balances)]
        assert steps == [row.moved.minor for row in rows]
        assert all(part.period.begins_on <= statutory_date(row.at) <= part.period.ends_on for row in rows)
    for (one, _), (next_, _) in itertools.pairwise(parts):
        assert (one.closing, one.closing_version) == (next_.opening, next_.opening_version)
    assert (parts[0][0].opening, parts[-1][0].closing) == (everything.opening, everything.closing)
    assert [row for _, rows in parts for row in rows] == all_rows
    assert everything.closing.minor == sum(leg.moved for leg in legs)


@pytest.fixture
def law(settings: Settings) -> Callable[..., None]:
    """Give the law as a function: each example has its own loop, so it opens its own connections."""

    async def run(drawn: Drawn, cuts: set[int]) -> None:
        roles = (walls.API, walls.POSTING, walls.WORKER, walls.REPORT)
        engines = Engines(*(db.engine(settings, role) for role in roles))
        try:
            await _law(engines, drawn, cuts)
        finally:
            for engine in (engines.api, engines.posting, engines.worker, engines.report):
                await engine.dispose()

    return lambda drawn, cuts: asyncio.run(run(drawn, cuts))


_GIVEN = given(drawn=days.LEGS, cuts=st.sets(st.integers(0, _LAST - 1), max_size=4))


@profile(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@_GIVEN
def test_statements_add_up_and_chain(law: Callable[..., None], drawn: Drawn, cuts: set[int]) -> None:
    law(drawn, cuts)


@pytest.mark.nightly
@profile(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@_GIVEN
def test_statements_add_up_and_chain_in_a_hundred_histories(
    law: Callable[..., None], drawn: Drawn, cuts: set[int]
) -> None:
    law(drawn, cuts)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("begins", "ends", "error"),
    [(0, -1, BadPeriod), (1, 1, BadPeriod), (-400, 0, BadPeriod), (-1, -1, DayNotClosed), (-10_000, -9_990, BadPeriod)],
)
async def test_days_that_make_no_statement_are_refused(
    engines: Engines, begins: int, ends: int, error: type[Exception]
) -> None:
    today = days.era() + timedelta(days=4_000)
    account = await opened(engines.api)

    async with db.transaction(engines.report) as story:
        with pytest.raises(error):
            await statement.open_(
                await story(),
                statement=ids.new(),
                code=bytes(16),
                holder=ids.new(),
                account=account,
                lane=FIRST_LANE,
                currency=KZT,
                period=Period(today + begins * _DAY, today + ends * _DAY),
                letterhead=b"",
                at=days.instant(today, 600),
            )
