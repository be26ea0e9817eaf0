"""Allowances: what fits is counted once, given back once, and never more than fits, whatever comes at once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import clock, db, ids, seed
from app import house as house_
from app.allowance import Allowances, Spend
from app.house import House
from app.idempotency_key import Stored
from app.limiting import forgetting
from app.money import FIRST_LANE, claim
from app.settings import Settings
from law import calendar
from law.money import KZT, Currency, Money
from migrations import walls
from wallet.desk import Desk
from wallet.limit import OUT, Operation

THREE_MCI = 12_975_00


def spend(holder: UUID, minor: int, operation: Operation = Operation.TRANSFER) -> Spend:
    return Spend(holder, operation, Money(minor, KZT))


async def claimed(desk: Desk, asked: Sequence[Spend]) -> Sequence[str]:
    """Claim one after the other: a verb; what came of each by its class."""
    allowances = await Allowances.load(desk, asked)
    found = [type(allowances.claim(each)).__name__ for each in asked]
    allowances.write()
    return found


async def submit(house: House, *spends: Spend) -> list[str]:
    reply = await house.money.submit(
        claimed,
        spends,
        lanes=[FIRST_LANE],
        claim=claim("test", str(ids.new()), None),
        render=lambda found: Stored(200, msgspec.json.encode(found)),
    )
    return msgspec.json.decode(reply.stored.body, type=list[str])


@pytest.mark.asyncio
async def test_of_many_at_the_edge_exactly_what_fits_succeeds(house: House) -> None:
    nobody = ids.new()
    one = spend(nobody, THREE_MCI // 3)

    answers = await asyncio.gather(*(submit(house, one) for _ in range(20)), submit(house, one, one, one))

    flat = [answer for found in answers for answer in found]
    assert (flat.count("NoneType"), flat.count("LimitReached")) == (3, 20)


@pytest.mark.asyncio
async def test_two_processes_share_one_count(settings: Settings) -> None:
    """Two houses are two processes: each has a batch of its own, and the lane's lock between them."""
    async with house_.opened(settings) as first, house_.opened(settings) as second:
        nobody = ids.new()
        one = spend(nobody, THREE_MCI // 4)

        answers = await asyncio.gather(*(submit(house, one) for _ in range(8) for house in (first, second)))

    assert [answer for [answer] in answers].count("NoneType") == 4


@pytest.mark.asyncio
async def test_who_is_identified_is_bound_by_other_rules(house: House) -> None:
    [known] = await seed.residents(house, 1)

    assert await submit(house, *[spend(known.subject, 9_000_000_00)] * 3) == ["NoneType", "NoneType", "LimitReached"]
    assert await submit(house, spend(known.subject, 10_000_000_01)) == ["LimitReached"]
    assert await submit(house, spend(known.subject, 9_000_000_00, Operation.PAYOUT)) == ["NoneType"]


@pytest.mark.asyncio
async def test_what_is_stored_has_a_limit_where_nobody_is_identified(house: House) -> None:
    nobody = ids.new()
    receive = spend(nobody, THREE_MCI - 1, Operation.RECEIVE)

    assert await submit(house, receive, receive._replace(money=Money(2, KZT)), receive) == [
        "NoneType",
        "LimitReached",
        "LimitReached",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("money", [Money(0, KZT), Money(-5, KZT), Money(10**15, Currency.USD)])
async def test_what_is_no_amount_of_tenge_is_left_to_the_ledger(house: House, money: Money) -> None:
    nobody = ids.new()

    assert await submit(house, Spend(nobody, Operation.TRANSFER, money), spend(nobody, THREE_MCI)) == ["NoneType"] * 2


@pytest.mark.asyncio
async def test_what_was_spent_before_last_month_is_forgotten(house: House) -> None:
    somebody, today = ids.new(), calendar.statutory_date(clock.real())
    this_month = today.replace(day=1)
    days = [this_month, *(calendar.add_months(this_month, -1) - timedelta(days=back) for back in (0, 1))]
    async with house.posting.begin() as connection:
        for day in days:
            row = text("INSERT INTO app.allowance_use VALUES (:holder, :day, 'card', 5)")
            await connection.execute(row, {"holder": somebody, "day": day})

    assert await forgetting.step(house) >= 1
    async with house.posting.begin() as connection:
        left = text("SELECT day FROM app.allowance_use WHERE holder = :holder ORDER BY day")
        assert list(await connection.scalars(left, {"holder": somebody})) == sorted(days)[1:]


# -- counted against a model -------------------------------------------------------------------------------------------

MONTH_MAX = 30_000_00
#: Around the end of a month, a year and a leap February in Kazakhstan (UTC+5).
EDGES = [datetime(2026, 12, 31, 19, tzinfo=UTC), datetime(2028, 2, 29, 19, tzinfo=UTC)]


class Step(NamedTuple):
    """Something happens: so long after the step before it, this much is spent, or an earlier spend comes back."""

    after: timedelta
    operation: Operation
    minor: int
    back: int | None


STEPS = st.lists(
    st.builds(
        Step,
        after=st.sampled_from([timedelta(seconds=1), timedelta(hours=3), timedelta(hours=11), timedelta(days=3)]),
        operation=st.sampled_from(sorted(OUT)),
        minor=st.sampled_from([1_00, 4_000_00, 6_487_50, 8_975_00, THREE_MCI, THREE_MCI + 1]),
        back=st.none() | st.integers(0, 5),
    ),
    min_size=4,
    max_size=9,
)


class Spent(NamedTuple):
    """A spend that passed."""

    at: datetime
    spend: Spend


def fits(done: Sequence[Spent], minor: int, now: datetime) -> bool:
    """Answer by the words of the rules, over everything that ever passed and did not come back."""
    today = calendar.statutory_date(now)
    by_day: defaultdict[Any, int] = defaultdict(int)
    for each in done:
        day = calendar.statutory_date(each.at)
        by_day[day] += each.spend.money.minor
        by_day[day.year, day.month] += each.spend.money.minor
    return (
        minor <= THREE_MCI
        and by_day[today] + minor <= THREE_MCI
        and by_day[today.year, today.month] + minor <= MONTH_MAX
    )


async def compare(
    engines: Sequence[AsyncEngine], kind: type[Allowances], edge: datetime, steps: Sequence[Step]
) -> None:
    """Do the steps in transactions of their own and compare each answer with the model's."""
    holder, now, done = ids.new(), edge - timedelta(hours=12), list[Spent]()
    await _limits_own(engines[1], holder)
    for step in steps:
        now += step.after
        async with engines[0].begin() as connection:
            desk = Desk(connection, now, [])
            if step.back is not None and step.back < len(done):
                back = done.pop(step.back)
                allowances = await kind.load(desk, [back.spend])
                allowances.give_back(back.spend, back.at)
            else:
                asked = spend(holder, step.minor, step.operation)
                allowances = await kind.load(desk, [asked])
                passed = allowances.claim(asked) is None
                assert passed == fits(done, step.minor, now), f"{asked} at {now} after {done}"
                if passed:
                    done.append(Spent(now, asked))
            allowances.write()
            await desk.write()


async def _limits_own(api: AsyncEngine, holder: UUID) -> None:
    """Give somebody a month's limit of their own, which no rule gives the unidentified as low."""
    async with db.transaction(api, holder=holder, audience="resident") as story:
        row = text("INSERT INTO app.own_limit VALUES (:holder, 'spending.month', :minor, NULL, NULL, 1, :at)")
        await (await story()).execute(row, {"holder": holder, "minor": MONTH_MAX, "at": clock.real()})


def run(address: Settings, kind: type[Allowances], examples: int) -> None:
    """Compare `kind` with the model over random histories."""
    with asyncio.Runner() as runner:
        engines = [db.engine(address, role) for role in (walls.POSTING, walls.API)]

        @settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
        @given(edge=st.sampled_from(EDGES), steps=STEPS)
        def check(edge: datetime, steps: list[Step]) -> None:
            runner.run(compare(engines, kind, edge, steps))

        try:
            check()
        finally:
            for engine in engines:
                runner.run(engine.dispose())


class GivesBackToday(Allowances):
    """What comes back is taken from today, on which it was not counted."""

    def give_back(self, spend: Spend, counted_at: datetime | None = None) -> None:  # noqa: ARG002  the defect
        super().give_back(spend, None)


class NeverGivesBack(Allowances):
    """What comes back stays counted."""

    def give_back(self, spend: Spend, counted_at: datetime | None = None) -> None:
        """Forget it."""


def test_the_count_is_that_of_the_model(settings: Settings) -> None:
    run(settings, Allowances, 12)


@pytest.mark.nightly
def test_the_count_is_that_of_the_model_for_long(settings: Settings) -> None:
    run(settings, Allowances, 600)


@pytest.mark.parametrize("kind", [GivesBackToday, NeverGivesBack])
def test_the_model_notices_a_defect(settings: Settings, kind: type[Allowances]) -> None:
    with pytest.raises(AssertionError, match="after"):
        run(settings, kind, 60)
