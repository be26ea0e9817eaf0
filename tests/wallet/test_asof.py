"""What an account had: as recorded and as effective, equal to the sum of its legs at every point of both times."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app import db
from app.money import FIRST_LANE
from app.settings import Settings
from law.money import KZT
from migrations import walls
from tests.conftest import Engines
from tests.wallet import days
from tests.wallet.days import Drawn, Leg
from tests.wallet.ledgers import bank, opened
from wallet import asof

_DAY = timedelta(days=1)
_CLOSE = st.tuples(st.integers(0, 7), st.sampled_from([1, 2, 50_000]))


async def _books(engines: Engines, drawn: Drawn, close: tuple[int, int]) -> list[str]:
    """Book a history, closing days on the way; gives every point of both times where an answer differs from the sum."""
    first = days.era()
    legs = days.history(first, drawn)
    account, other = await opened(engines.api), await bank(engines.posting)
    closed_on = first + close[0] * _DAY
    for leg in legs:
        if leg.at >= days.instant(closed_on, 0):
            await days.close(engines.worker, closed_on, size=close[1])
        await days.record(engines.posting, [leg], account, other)
    wrong = []
    async with db.transaction(engines.report) as story:
        connection = await story()
        instants = {days.instant(first + day * _DAY, 720) for day in range(-1, 8)}
        for at in sorted(instants | {leg.at for leg in legs}):
            for on in (first + day * _DAY for day in (-3, 1, 3, 9)):
                found = await asof.as_of(
                    connection, account=account, lane=FIRST_LANE, currency=KZT, recorded_at=at, effective_on=on
                )
                wanted = days.recorded(legs, at), days.effective(legs, at, on)
                if (found.recorded.minor, found.effective.minor) != wanted:
                    wrong.append(f"{at} {on}: {found} is not {wanted}")
    return wrong


@pytest.fixture
def books(settings: Settings) -> Callable[..., list[str]]:
    """Give the law as a function: each example has its own loop, so it opens its own connections."""

    async def run(drawn: Drawn, close: tuple[int, int]) -> list[str]:
        roles = (walls.API, walls.POSTING, walls.WORKER, walls.REPORT)
        engines = Engines(*(db.engine(settings, role) for role in roles))
        try:
            return await _books(engines, drawn, close)
        finally:
            for engine in (engines.api, engines.posting, engines.worker, engines.report):
                await engine.dispose()

    return lambda drawn, close: asyncio.run(run(drawn, close))


_FEW = profile(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
_MANY = profile(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@_FEW
@given(drawn=days.LEGS, close=_CLOSE)
def test_both_balances_are_the_sums_of_their_legs(
    books: Callable[..., list[str]], drawn: Drawn, close: tuple[int, int]
) -> None:
    assert books(drawn, close) == []


@pytest.mark.nightly
@_MANY
@given(drawn=days.LEGS, close=_CLOSE)
def test_both_balances_are_the_sums_of_their_legs_in_a_hundred_histories(
    books: Callable[..., list[str]], drawn: Drawn, close: tuple[int, int]
) -> None:
    assert books(drawn, close) == []


async def _closed(engines: Engines) -> tuple[Any, date]:
    """Book three days of money on a fresh account and close them."""
    first = days.era()
    account, other = await opened(engines.api), await bank(engines.posting)
    for day in range(3):
        at = days.instant(first + day * _DAY, 600)
        await days.record(engines.posting, [Leg(at, at, 100), Leg(at, at - 5 * _DAY, 7)], account, other)
    await days.close(engines.worker, first + 3 * _DAY)
    return account, first


_ROWS = text("SELECT day, version, posted FROM wallet.closing WHERE account = :account ORDER BY version")
_SHIFTS = text("SELECT recorded_on, value_on, moved FROM wallet.value_shift WHERE account = :account ORDER BY version")


@pytest.mark.asyncio
async def test_a_day_is_closed_once_and_never_changed(engines: Engines) -> None:
    account, first = await _closed(engines)
    async with db.transaction(engines.report) as story:
        connection = await story()
        before = (await connection.execute(_ROWS, {"account": account})).all()
        shifts = (await connection.execute(_SHIFTS, {"account": account})).all()

    await days.close(engines.worker, first + 3 * _DAY)
    await asyncio.gather(*(days.close(engines.worker, first + 5 * _DAY) for _ in range(3)))

    async with db.transaction(engines.report) as story:
        assert (await (await story()).execute(_ROWS, {"account": account})).all() == before
    assert [tuple(row) for row in before] == [(first + day * _DAY, 2 * day + 2, 107 * (day + 1)) for day in range(3)]
    assert [tuple(row) for row in shifts] == [(first + day * _DAY, first + (day - 5) * _DAY, 7) for day in range(3)]
    for statement in ("UPDATE wallet.closing SET posted = 1", "DELETE FROM wallet.value_shift"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction(engines.worker) as story:
                await (await story()).execute(text(statement))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("defect", "recorded", "effective"),
    [
        ("UPDATE wallet.closing SET posted = posted + 1 WHERE account = :account", 215, 115),
        ("DELETE FROM wallet.value_shift WHERE account = :account", 214, 107),
    ],
)
async def test_a_closing_that_was_tampered_with_is_what_would_be_answered(
    engines: Engines, database: str, defect: str, recorded: int, effective: int
) -> None:
    """The law above is about these rows: it would not see a closing that is wrong if the legs were added up anew."""
    account, first = await _closed(engines)
    owner = create_engine(database)
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(defect), {"account": account})
    owner.dispose()

    async with db.transaction(engines.report) as story:
        found = await asof.as_of(
            await story(),
            account=account,
            lane=FIRST_LANE,
            currency=KZT,
            recorded_at=days.instant(first + 2 * _DAY, 0) - timedelta(microseconds=1),
            effective_on=first,
        )

    assert (found.recorded.minor, found.effective.minor) == (recorded, effective)


@pytest.mark.asyncio
async def test_a_clock_that_was_set_back_adds_nothing_to_a_closed_day(engines: Engines) -> None:
    account, first = await _closed(engines)
    late = days.instant(first + 2 * _DAY, 1_000)

    await days.record(engines.posting, [Leg(late, late, 1)], account, await bank(engines.posting))
    await days.close(engines.worker, first + 5 * _DAY)

    async with db.transaction(engines.report) as story:
        rows = (await (await story()).execute(_ROWS, {"account": account})).all()
    assert [row.day for row in rows] == [first + day * _DAY for day in range(4)]
