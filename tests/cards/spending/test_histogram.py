"""What was spent when: a histogram that grows coarser stays exact over the calendar, and bounded over what trails."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.spending import histogram, window
from cards.spending.histogram import Histogram, Used
from cards.spending.window import Period, Trailing, minute
from law import calendar
from tests.planted import planted

#: 23:50 of 31 December in Kazakhstan: the end of a day, a week's middle, a month and a year.
EVE = datetime(2027, 12, 31, 18, 50, tzinfo=UTC)
NOW = minute(EVE)

#: How many minutes before the eve something was spent, how much, and whether in cash.
SPENDS = st.lists(
    st.tuples(
        st.integers(0, 59) | st.integers(0, 3 * 1440) | st.integers(0, 364 * 1440),
        st.integers(1, 10**9),
        st.booleans(),
    ),
    max_size=25,
)


def used(amount: int, *, cash: bool = False) -> Used:
    return Used(amount, 1, amount if cash else 0, int(cash))


def counted(spends: list[tuple[int, int, bool]], *, into: type[Histogram] = Histogram) -> Histogram:
    """Count each when it was spent, the earliest first, and keep it in between as rows are kept."""
    found = into()
    for ago, amount, cash in sorted(spends, reverse=True):
        found.add(NOW - ago, NOW - ago, used(amount, cash=cash))
        found = into(found.encode())
    found.add(NOW, NOW, Used())  # as coarse as it would be now
    return found


def folded(spends: list[tuple[int, int, bool]], begins: int, ends: int) -> Used:
    """Sum what was spent in [begins, ends), one by one."""
    inside = [used(amount, cash=cash) for ago, amount, cash in spends if begins <= NOW - ago < ends]
    return Used(*map(sum, zip(*inside, strict=True))) if inside else Used()


@given(SPENDS, st.sampled_from(Period))
def test_a_window_of_the_calendar_is_the_fold_of_what_was_spent_in_it(
    spends: list[tuple[int, int, bool]], period: Period
) -> None:
    begins, ends = window.bounds(period, calendar.statutory_date(EVE))

    assert counted(spends).between(begins, ends) == folded(spends, begins, ends)


@given(SPENDS, st.integers(0, 30))
def test_a_day_that_is_over_is_still_exact_while_it_can_be_given_back(
    spends: list[tuple[int, int, bool]], days: int
) -> None:
    begins, ends = window.bounds(Period.DAY, calendar.statutory_date(EVE) - timedelta(days=days))

    assert counted(spends).between(begins, ends) == folded(spends, begins, ends)


@given(
    SPENDS,
    st.sampled_from(
        [(15, 1), (60, 1), (61, 60), (24 * 60, 60), (30 * 24 * 60, 24 * 60), (365 * 24 * 60, 31 * 24 * 60)]
    ),
)
def test_a_trailing_window_is_never_shorter_and_longer_by_less_than_one_bucket(
    spends: list[tuple[int, int, bool]], length: tuple[int, int]
) -> None:
    minutes, bucket = length

    found = counted(spends).between(NOW - Trailing(minutes).minutes)

    least, most = folded(spends, NOW - minutes + 1, NOW + 1), folded(spends, NOW - minutes + 1 - bucket, NOW + 1)
    assert all(low <= value <= high for low, value, high in zip(least, found, most, strict=True))


@given(SPENDS, SPENDS)
def test_what_is_given_back_later_leaves_what_there_was(
    stays: list[tuple[int, int, bool]], goes: list[tuple[int, int, bool]]
) -> None:
    found = counted(stays + goes)

    for ago, amount, cash in goes:
        found.add(NOW - ago, NOW, Used(*(-value for value in used(amount, cash=cash))))

    for period in Period:
        begins, ends = window.bounds(period, calendar.statutory_date(EVE))
        assert found.between(begins, ends) == folded(stays, begins, ends)


@given(SPENDS, st.randoms(use_true_random=False))
def test_the_order_in_which_elements_come_does_not_matter(spends: list[tuple[int, int, bool]], random: object) -> None:
    late = Histogram()
    shuffled = list(spends)
    getattr(random, "shuffle")(shuffled)  # noqa: B009  hypothesis gives a Random that mypy does not know
    for ago, amount, cash in shuffled:
        late.add(NOW - ago, NOW, used(amount, cash=cash))

    early = counted(spends)

    for ago in (15, 60, 1440, 30 * 1440, 365 * 1440):
        assert late.between(NOW - ago) == early.between(NOW - ago)


def test_the_law_would_find_hours_that_are_divided_between_days() -> None:
    broken = planted(histogram, "Period.DAY if at >= reaches.days", "Period.DAY if at >= reaches.days + 1440 * 60")
    week = [(3 * 1440, 5, False), (20 * 1440, 7, False), (33 * 1440, 9, False)]
    begins, ends = window.bounds(Period.DAY, calendar.statutory_date(EVE - timedelta(days=20)))

    assert counted(week).between(begins, ends) == Used(7, 1)
    assert counted(week, into=broken.Histogram).between(begins, ends) != Used(7, 1)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 400 * 1440), min_size=1, max_size=200))
def test_what_is_kept_is_bounded(minutes: list[int]) -> None:
    found = Histogram()
    for ago in sorted(minutes, reverse=True):
        found.add(NOW - ago, NOW - ago, used(10**9, cash=True))

    assert len(found.encode()) <= 34 * (120 + 48 + 93 + 14) + 4


def test_what_is_too_old_counts_nowhere() -> None:
    found = Histogram()

    found.add(NOW - 500 * 1440, NOW, used(5))

    assert found.encode() == Histogram(found.encode()).encode()
    assert found.between(0) == Used()


@pytest.mark.parametrize("period", Period)
def test_a_period_begins_at_midnight_in_kazakhstan_and_ends_where_the_next_one_begins(period: Period) -> None:
    today = calendar.statutory_date(EVE)
    begins, ends = window.bounds(period, today)

    assert begins <= NOW < ends
    assert window.bounds(period, calendar.statutory_date(EVE + timedelta(minutes=ends - NOW)))[0] == ends
    assert begins % 1440 == 19 * 60
