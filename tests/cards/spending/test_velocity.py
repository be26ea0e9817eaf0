"""Counters on the real database: what fits passes once, comes back once, and counts where it was opened."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import ids
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, claim
from cards.card import Card, Limits
from cards.payments.message import Authorization, Channel
from cards.payments.reason import Reason
from cards.spending.histogram import Used
from cards.spending.velocity import CASH, Counters, Limit, for_children
from cards.spending.window import DAY, HOUR, QUARTER, Period
from law.money import KZT, zero
from law.money import Money as Amount
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt
from wallet.desk import Desk

#: 23:58 of 30 November in Kazakhstan.
EVE = datetime(2026, 11, 30, 18, 58, tzinfo=UTC)
NOTHING = zero(KZT)


class Spend(NamedTuple):
    """A card spends so much more of a payment opened at a time; below zero it comes back."""

    card: Card
    tenge: int
    opened_at: datetime
    at: datetime
    cash: bool = False


async def spend(money: Money, *spends: Spend) -> list[tuple[str, ...]]:
    """Spend one after the other in one batch, what no limit stops; answers the reasons of each."""

    async def verb(desk: Desk, asked: Sequence[Spend]) -> list[tuple[str, ...]]:
        desk.now = asked[0].at  # the clock of the whole batch
        counters = await Counters.load(desk, {each.card.id for each in asked})
        found = [counted(counters, each) for each in asked]
        counters.write()
        return found

    reply = await money.submit(
        verb,
        spends,
        lanes=[FIRST_LANE],
        claim=claim("test", str(ids.new()), None),
        render=lambda found: Stored(200, msgspec.json.encode(found)),
    )
    return msgspec.json.decode(reply.stored.body, type=list[tuple[str, ...]])


def counted(counters: Counters, asked: Spend) -> tuple[str, ...]:
    amount = kzt(abs(asked.tenge))
    if asked.tenge < 0:
        counters.count(asked.card.id, amount, NOTHING, asked.opened_at, cash=asked.cash)
        return ()
    if reasons := counters.refusals(asked.card, amount, opened_at=asked.opened_at, cash=asked.cash):
        return tuple(reasons)
    counters.count(asked.card.id, NOTHING, amount, asked.opened_at, cash=asked.cash)
    return ()


async def card(engines: Engines, money: Money, **limits: int) -> Card:
    return await made.spender(engines, money, 0, Limits(**{name: kzt(tenge) for name, tenge in limits.items()}))


@pytest.mark.asyncio
async def test_a_card_in_place_of_another_has_spent_what_that_one_did(engines: Engines, money: Money) -> None:
    used = await card(engines, money, per_day=100)
    assert await spend(money, Spend(used, 60, EVE, EVE)) == [()]

    after = await made.replaced(engines, used)
    last = await made.replaced(engines, after)

    both = await spend(money, Spend(after, 60, EVE, EVE), Spend(last, 30, EVE, EVE), Spend(after, 20, EVE, EVE))
    assert both == [(Reason.PER_DAY_LIMIT,), (), (Reason.PER_DAY_LIMIT,)]
    assert (await seen(money, last, EVE))["day"] == Used(90_00, 2)


async def seen(money: Money, used: Card, at: datetime) -> dict[str, Used]:
    """Read what a card and its holder spent, in another batch."""
    read: dict[str, Used] = {}

    async def verb(desk: Desk, _: Sequence[None]) -> list[None]:
        desk.now = at
        counters = await Counters.load(desk, {used.id})
        read.update({period.value: counters.used(used.id, period) for period in Period})
        read.update(hour=counters.used(used.id, HOUR), holder=counters.used_by_holder(used.id, DAY))
        return [None]

    name = claim("test", str(ids.new()), None)
    await money.submit(verb, [None], lanes=[FIRST_LANE], claim=name, render=lambda _: Stored(200, b"[]"))
    return read


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("limit", "reason", "fits_again"),
    [
        ("per_day", Reason.PER_DAY_LIMIT, EVE + timedelta(minutes=2)),
        ("per_week", Reason.PER_WEEK_LIMIT, datetime(2026, 12, 6, 19, tzinfo=UTC)),
        ("per_month", Reason.PER_MONTH_LIMIT, EVE + timedelta(minutes=2)),
        ("per_year", Reason.PER_YEAR_LIMIT, datetime(2026, 12, 31, 19, tzinfo=UTC)),
    ],
)
async def test_a_limit_is_whole_again_at_midnight_in_kazakhstan_and_no_minute_before(
    engines: Engines, money: Money, limit: str, reason: Reason, fits_again: datetime
) -> None:
    used, before = await card(engines, money, **{limit: 100}), fits_again - timedelta(minutes=1)

    assert await spend(money, *[Spend(used, 60, EVE, EVE)] * 2, Spend(used, 40, EVE, EVE)) == [(), (reason,), ()]
    assert await spend(money, Spend(used, 1, before, before)) == [(reason,)]
    assert await spend(money, Spend(used, 100, fits_again, fits_again)) == [()]


@pytest.mark.asyncio
async def test_what_comes_days_later_counts_in_the_window_the_payment_was_opened_in(
    engines: Engines, money: Money
) -> None:
    used, later = await card(engines, money, per_day=100, per_month=100), EVE + timedelta(days=3)
    await spend(money, Spend(used, 90, EVE, EVE))
    await spend(money, Spend(used, 90, later, later))

    # Of the payment of the eve more is promised, and then all given up: its own day and month say what fits.
    more = await spend(money, Spend(used, 11, EVE, later), Spend(used, 10, EVE, later), Spend(used, -100, EVE, later))

    assert more == [(Reason.PER_DAY_LIMIT, Reason.PER_MONTH_LIMIT), (), ()]
    now = await seen(money, used, later)
    assert [now[period].amount for period in ("day", "month", "year")] == [90_00] * 3


@pytest.mark.asyncio
async def test_what_is_given_back_fits_again(engines: Engines, money: Money) -> None:
    used = await card(engines, money, per_day=100)

    answers = await spend(money, *(Spend(used, tenge, EVE, EVE) for tenge in (100, 1, -100, 100, 1)))

    assert answers == [(), (Reason.PER_DAY_LIMIT,), (), (), (Reason.PER_DAY_LIMIT,)]


@pytest.mark.asyncio
async def test_cash_is_counted_apart_and_has_limits_of_the_programme(engines: Engines, money: Money) -> None:
    used = await card(engines, money)

    answers = await spend(
        money,
        Spend(used, 600_000, EVE, EVE),
        Spend(used, 500_000, EVE, EVE, cash=True),
        Spend(used, 1, EVE, EVE, cash=True),
        Spend(used, 1, EVE, EVE),
    )

    assert answers == [(), (), (Reason.CASH_LIMIT,), ()]
    assert (await seen(money, used, EVE))["day"] == Used(1_100_001_00, 3, 500_000_00, 1)


@pytest.mark.asyncio
async def test_how_often_cash_is_drawn_trails_over_midnight(engines: Engines, money: Money) -> None:
    used, often = await card(engines, money), CASH[-1]
    assert often.times is not None
    await spend(money, *(Spend(used, 1, EVE, EVE, cash=True) for _ in range(often.times)))
    soon, next_day = EVE + timedelta(hours=20), EVE + timedelta(hours=25, minutes=1)

    assert await spend(money, Spend(used, 1, soon, soon, cash=True)) == [(Reason.CASH_LIMIT,)]
    assert await spend(money, Spend(used, 1, next_day, next_day, cash=True)) == [()]


@pytest.mark.asyncio
async def test_a_holder_is_counted_over_all_cards(engines: Engines, money: Money) -> None:
    used = await card(engines, money)
    asked = made.asked(used.holder, used.account)
    other = await made.ordered(engines, asked)

    await spend(money, Spend(used, 10, EVE, EVE), Spend(other, 5, EVE, EVE))

    assert (await seen(money, used, EVE))["holder"] == Used(15_00, 2)
    assert (await seen(money, other, EVE))["hour"] == Used(5_00, 1)


@pytest.mark.asyncio
async def test_of_many_at_once_in_two_processes_exactly_what_fits_passes(engines: Engines, money: Money) -> None:
    used, other = await card(engines, money, per_day=7), Money(engines.posting)
    one = Spend(used, 1, EVE, EVE)

    answers = await asyncio.gather(*(spend(process, one) for _ in range(15) for process in (money, other)))

    assert [answer for [answer] in answers].count(()) == 7
    assert (await seen(money, used, EVE))["day"] == Used(7_00, 7)


# -- in memory ---------------------------------------------------------------------------------------------------------


class Clock(Desk):
    """A desk that keeps a clock and nothing else."""

    def __init__(self, now: datetime) -> None:  # the desk of a batch has a connection; counting needs none
        self.now = now


def counters(used: Card, now: datetime) -> Counters:
    return Counters(Clock(now), [(used.id, used.id, 1, used.holder, None, "KZT", *[None] * 8)])


def test_children_together_are_bounded_by_the_limits_of_the_card_they_hang_on() -> None:
    child, sibling, parent = made.card(), made.card(), ids.new()
    rows = [
        (each.id, each.id, 1, child.holder, parent, "KZT", None, None, None, None, kzt(10).minor, None, None, None)
        for each in (child, sibling)
    ]
    both = Counters(Clock(EVE), rows)

    both.count(child.id, NOTHING, kzt(9), EVE)

    assert both.refusals(sibling, kzt(1), opened_at=EVE) == ()
    assert both.refusals(sibling, kzt(2), opened_at=EVE) == (Reason.FAMILY_LIMIT,)
    assert both.used(sibling.id, Period.DAY) == Used()


def test_without_a_regime_nothing_is_let_to_children_by_it() -> None:
    assert len(for_children(EVE.date())) == 2
    assert for_children(date(2025, 1, 1)) == ()


def test_more_of_a_payment_is_not_another_one() -> None:
    used = made.card()
    counting = counters(used, EVE)

    counting.count(used.id, NOTHING, kzt(5), EVE)
    counting.count(used.id, kzt(5), kzt(8), EVE)
    assert counting.used(used.id, Period.DAY) == Used(8_00, 1)

    counting.count(used.id, kzt(8), NOTHING, EVE)
    assert counting.used(used.id, Period.DAY) == Used()


def test_a_decline_counts_for_a_quarter_of_an_hour() -> None:
    used = made.card()
    counting = counters(used, EVE)

    counting.note(used.id, made.question(used, 5), approved=False)

    assert counting.used(used.id, QUARTER).declines == 1
    assert counting.used(used.id, Period.DAY).times == 0


@given(st.lists(st.tuples(st.integers(-2, 9), st.integers(1, 4)), max_size=30))
def test_the_counters_are_the_fold_of_the_counts(steps: list[tuple[int, int]]) -> None:
    """Payments 1 to 4 spend more and less; what is counted is what they come to."""
    used, spent = made.card(), dict.fromkeys(range(1, 5), 0)
    counting = counters(used, EVE)
    for tenge, payment in steps:
        after = max(spent[payment] + tenge, 0)
        counting.count(used.id, kzt(spent[payment]), kzt(after), EVE - timedelta(hours=payment))
        spent[payment] = after

    paid = [tenge for tenge in spent.values() if tenge]
    assert counting.used(used.id, Period.DAY) == Used(sum(paid) * 100, len(paid))


def test_a_limit_of_nothing_stops_only_what_spends() -> None:
    limit = Limit(window=Period.DAY, amount=0, times=0, reason=Reason.RISK)

    assert limit.passed_by(Used(), 1, 0)
    assert limit.passed_by(Used(), 0, 1)
    assert not limit.passed_by(Used(5, 5), 0, 0)
    assert not limit.passed_by(Used(5, 5), -1, -1)


def test_what_is_usual_follows_what_is_approved() -> None:
    used = made.card()
    counting = counters(used, EVE)
    usual = counting.habits(used.id)

    def pay(tenge: int, **other: Any) -> Authorization:  # noqa: ANN401  fields of the question
        asked = made.question(used, tenge, **other)
        counting.note(used.id, asked, approved=True)
        return asked

    first = pay(100, channel=Channel.CHIP)
    assert (usual.approvals, usual.usual, usual.spread) == (1, 100_00, 50_00)
    assert usual.knows(first.merchant)
    assert usual.deviation(100_00) == 0
    assert usual.deviation(600_00) == 1_000

    pay(900, increment=True)
    pay(900, estimated=True)
    assert (usual.approvals, usual.usual) == (2, 100_00)
    assert usual.last is not None
    assert usual.share(Channel.CHIP) == 50
    assert Amount(usual.usual, KZT) == kzt(100)
