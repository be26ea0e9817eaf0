"""The cap of a month over several lanes and processes: never passed, given back, and taken from who does not use it."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import ids
from app.idempotency_key import Stored
from app.money import Money, claim
from cards.payments.reason import Reason
from cards.spending.turnover import Turnover, most
from law.money import KZT, Currency, zero
from law.money import Money as Amount
from law.regime import PROGRAMME
from tests.cards import made
from tests.conftest import Engines
from tests.wallet import ledgers
from tests.wallet.ledgers import kzt
from wallet.desk import Desk

#: Each test has a month of its own; the clock stands in its middle.
CAP = kzt(1_000)
pytestmark = pytest.mark.asyncio


class Paid(NamedTuple):
    """A payment of the lane spends so much; below zero it comes back, `forced` nobody can refuse."""

    lane: int
    tenge: int
    at: datetime
    forced: bool = False
    opened_at: datetime | None = None


def _cap(_: date) -> Amount:
    return CAP


async def pay(money: Money, *payments: Paid, cap: Amount | None = CAP) -> list[bool]:
    """Pay one after the other in one batch over one lane; answers what passed."""
    lane, at = payments[0].lane, payments[0].at

    async def verb(desk: Desk, asked: Sequence[Paid]) -> list[bool]:
        desk.now = at
        wanted = [each for each in asked if each.tenge > 0 and not each.forced]
        added = [each for each in wanted if each.opened_at]
        turnover = await Turnover.load(desk, _sum(lane, wanted), lambda _: cap, added=_sum(lane, added))
        passed = [_paid(turnover, each) for each in asked]
        turnover.write()
        return passed

    reply = await money.submit(
        verb,
        payments,
        lanes=[lane],
        claim=claim("test", str(ids.new()), None),
        render=lambda found: Stored(200, msgspec.json.encode(found)),
    )
    return msgspec.json.decode(reply.stored.body, type=list[bool])


def _sum(lane: int, payments: Sequence[Paid]) -> dict[int, Amount]:
    return {lane: kzt(sum(each.tenge for each in payments))}


def _paid(turnover: Turnover, asked: Paid) -> bool:
    opened_at, amount = asked.opened_at or asked.at, kzt(abs(asked.tenge))
    if asked.tenge < 0:
        turnover.count(asked.lane, amount, zero(KZT), opened_at)
    elif not asked.forced and turnover.refuses(asked.lane, amount, opened_at):
        return False
    else:
        turnover.count(asked.lane, zero(KZT), amount, opened_at)
    return True


class Month(NamedTuple):
    used: int
    granted: int
    beyond: int


async def stands(engine: AsyncEngine, at: datetime) -> Month:
    """Read what all lanes used of a month, in tenge."""
    async with engine.connect() as connection:
        row = (await connection.execute(_STANDS, {"month": at.date().replace(day=1)})).one()
    assert row.granted == row.in_slices, "what was granted lies in the slices"
    return Month(row.used // 100, row.granted // 100, row.beyond // 100)


_STANDS = text(
    """
    SELECT turnover.granted, turnover.beyond, sum(slice.used)::bigint AS used, sum(slice.granted)::bigint AS in_slices
    FROM cards.turnover JOIN cards.turnover_slice AS slice USING (month) WHERE month = :month GROUP BY turnover.month
    """
)


async def test_of_many_at_once_over_two_lanes_and_processes_exactly_what_fits_passes(
    engines: Engines, money: Money
) -> None:
    at, other = datetime(2026, 5, 15, tzinfo=UTC), Money(engines.posting)
    lanes = (1, await ledgers.second_lane(engines.worker))

    answers = await asyncio.gather(
        *(pay(process, Paid(lane, 100, at)) for _ in range(8) for process in (money, other) for lane in lanes)
    )

    assert [answer for [answer] in answers].count(True) == 10
    assert await stands(engines.report, at) == Month(used=1_000, granted=1_000, beyond=0)


async def test_a_lane_that_has_too_little_takes_what_others_do_not_use(engines: Engines, money: Money) -> None:
    at, other = datetime(2026, 6, 15, tzinfo=UTC), await ledgers.second_lane(engines.worker)

    assert await pay(money, Paid(1, 900, at)) == [True]
    assert await pay(money, Paid(1, -900, at)) == [True]

    assert await pay(money, Paid(other, 1_000, at), Paid(other, 1, at)) == [True, False]
    assert await stands(engines.report, at) == Month(used=1_000, granted=1_000, beyond=0)


async def test_a_batch_whose_slice_was_taken_meanwhile_is_decided_again(engines: Engines, money: Money) -> None:
    """The first try of a batch is overtaken between its decision and its write by another lane's."""
    at, other = datetime(2026, 7, 15, tzinfo=UTC), await ledgers.second_lane(engines.worker)
    assert await pay(money, Paid(1, 600, at), Paid(1, -600, at)) == [True, True]
    tries = []

    async def verb(desk: Desk, asked: Sequence[int]) -> list[bool]:
        desk.now = at
        turnover = await Turnover.load(desk, {1: kzt(asked[0])}, _cap)
        passed = _paid(turnover, Paid(1, asked[0], at))
        tries.append(passed)
        if len(tries) == 1:
            assert await pay(Money(engines.posting), Paid(other, 1_000, at)) == [True]
        turnover.write()
        return [passed]

    name = claim("test", str(ids.new()), None)
    await money.submit(verb, [500], lanes=[1], claim=name, render=lambda _: Stored(200, b"[]"))

    assert tries == [True, False]
    assert await stands(engines.report, at) == Month(used=1_000, granted=1_000, beyond=0)


async def test_what_nobody_can_refuse_is_counted_beyond_the_cap_and_leaves_nothing_of_it(
    engines: Engines, money: Money
) -> None:
    at = datetime(2026, 8, 15, tzinfo=UTC)

    assert await pay(money, Paid(1, 400, at), Paid(1, 900, at, forced=True), Paid(1, 1, at)) == [True, True, False]
    assert await stands(engines.report, at) == Month(used=1_300, granted=1_300, beyond=300)


async def test_it_counts_in_the_month_the_payment_was_opened_in(engines: Engines, money: Money) -> None:
    eve, later = datetime(2026, 9, 30, 18, 59, tzinfo=UTC), datetime(2026, 9, 30, 19, tzinfo=UTC)
    assert await pay(money, Paid(1, 1_000, eve), Paid(1, 1, eve)) == [True, False]

    more = await pay(money, *(Paid(1, tenge, later, opened_at=eve) for tenge in (1, -10, 10, 1)), Paid(1, 7, later))

    assert more == [False, True, True, False, True]
    assert (await stands(engines.report, eve)).used == 1_000
    assert (await stands(engines.report, later + timedelta(hours=5))).used == 7


@pytest.mark.parametrize(("cap", "passes"), [(kzt(500), False), (kzt(2_000), True), (None, True)])
async def test_a_cap_that_is_changed_in_the_month_holds_at_once(
    money: Money, cap: Amount | None, *, passes: bool
) -> None:
    at = datetime(2027, {True: 3, False: 2}[passes] + (cap is None), 15, tzinfo=UTC)
    assert await pay(money, Paid(1, 700, at)) == [True]

    assert await pay(money, Paid(1, 301, at), cap=cap) == [passes]
    assert await pay(money, Paid(1, 1, at), cap=cap) == [passes]


async def test_another_currency_is_of_no_turnover(money: Money) -> None:
    at, dollar = datetime(2026, 10, 15, tzinfo=UTC), Amount(1, Currency.USD)
    found: list[object] = []

    async def verb(desk: Desk, _: Sequence[None]) -> list[None]:
        desk.now = at
        turnover = await Turnover.load(desk, {1: kzt(1)}, lambda _: zero(KZT))
        turnover.count(1, zero(Currency.USD), dollar, at)
        found.extend([turnover.refuses(1, dollar, at), turnover.refuses(1, kzt(1), at)])
        return [None]

    name = claim("test", str(ids.new()), None)
    await money.submit(verb, [None], lanes=[1], claim=name, render=lambda _: Stored(200, b"[]"))

    assert found == [None, Reason.TURNOVER_CAP]


async def test_the_cap_is_that_of_the_regime_of_the_day() -> None:
    assert most(date(2026, 11, 1)) == PROGRAMME.at(date(2026, 11, 1)).caps.turnover_month
    assert most(date(2025, 1, 1)) == zero(KZT)


# -- two connections, one after the other as they meet -----------------------------------------------------------------

_TAKE = text("SELECT granted, used FROM cards.take_turnover(ARRAY[:lane], ARRAY[:month], ARRAY[:wanted], ARRAY[:cap])")
_USE = text("SELECT cards.count_turnover(ARRAY[:lane], ARRAY[:month], ARRAY[:minor], ARRAY[CAST(0 AS bigint)])")


async def take(connection: AsyncConnection, lane: int, month: date, tenge: int) -> int:
    """Take what the lane may need and use all of it; answers how much that is, in tenge."""
    asked = {"lane": lane, "month": month, "wanted": tenge * 100, "cap": CAP.minor}
    row = (await connection.execute(_TAKE, asked)).one()
    use = min(row.granted - row.used, tenge * 100)
    await connection.execute(_USE, {"lane": lane, "month": month, "minor": use})
    return int(use // 100)


async def both_take(engine: AsyncEngine, watcher: AsyncEngine, month: date, other: int) -> tuple[int, int]:
    """Let two lanes take nearly all at once: the second asks before the first commits."""
    async with engine.connect() as first, engine.connect() as second, watcher.connect() as watching:
        waiter = await second.scalar(text("SELECT pg_backend_pid()"))
        one = await take(first, 1, month, 800)
        asking = asyncio.create_task(take(second, other, month, 800))
        while not asking.done() and not await watching.scalar(
            text("SELECT cardinality(pg_blocking_pids(:waiter)) > 0"), {"waiter": waiter}
        ):
            pass
        await first.commit()
        two = await asking
        await second.commit()
    return one, two


async def test_a_lane_waits_for_the_one_that_takes_before_it(engines: Engines) -> None:
    other = await ledgers.second_lane(engines.worker)
    month = date(2026, 12, 1)
    async with engines.posting.begin() as connection:
        await take(connection, 1, month, 0)  # the month is known before the two come

    assert await both_take(engines.posting, engines.report, month, other) == (800, 200)


@pytest.mark.fresh
async def test_a_function_that_reads_without_locking_would_be_found(engines: Engines, database: str) -> None:
    """The defect: the month's row is read, and added to after that."""
    reads = "SELECT * INTO whole FROM cards.turnover WHERE turnover.month = asked.month;"
    other, month = await ledgers.second_lane(engines.worker), date(2026, 12, 1)
    async with engines.posting.begin() as connection:
        await take(connection, 1, month, 0)
    async with made.owner(database) as owner:
        source = str(await owner.scalar(text("SELECT pg_get_functiondef('cards.take_turnover'::regproc)")))
        broken, places = re.subn(
            r"INSERT INTO cards.turnover AS global .*? INTO whole;", reads, source, flags=re.DOTALL
        )
        broken = broken.replace("SET granted = whole.granted + share", "SET granted = global.granted + share")
        assert places == 1
        await owner.exec_driver_sql(broken)

    one, two = await both_take(engines.posting, engines.report, month, other)

    assert one + two > CAP.minor // 100
