"""When standing orders pay."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.payments.rule import HOUR, BadRule, DaysOff, Frequency, Rule
from law import calendar

KNOWN = calendar.current(date(2026, 11, 22))
RULES = st.builds(
    Rule,
    frequency=st.sampled_from(Frequency),
    first_on=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
    every=st.integers(1, 12),
    days_off=st.sampled_from(DaysOff),
    until_on=st.none() | st.dates(date(2026, 1, 1), date(2035, 12, 31)),
    payments_max=st.none() | st.integers(1, 400),
)


def on(day: date) -> datetime:
    return calendar.day_starts(day) + HOUR


def test_the_31st_is_the_last_day_of_a_short_month_and_the_31st_again() -> None:
    rule = Rule(frequency=Frequency.MONTHLY, first_on=date(2027, 1, 31))

    days = [rule.day(no) for no in range(4)]

    assert days == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


@pytest.mark.parametrize(
    ("frequency", "every", "third"),
    [
        (Frequency.ONCE, 1, None),
        (Frequency.DAILY, 1, date(2027, 3, 3)),
        (Frequency.DAILY, 5, date(2027, 3, 11)),
        (Frequency.WEEKLY, 2, date(2027, 3, 29)),
        (Frequency.MONTHLY, 3, date(2027, 9, 1)),
    ],
)
def test_payments_come_as_often_as_said(frequency: Frequency, every: int, third: date | None) -> None:
    assert Rule(frequency=frequency, every=every, first_on=date(2027, 3, 1)).day(2) == third


@pytest.mark.parametrize(
    ("days_off", "paid_on"),
    [(DaysOff.AS_IS, date(2027, 3, 22)), (DaysOff.BEFORE, date(2027, 3, 19)), (DaysOff.AFTER, date(2027, 3, 25))],
)
def test_nauryz_is_kept_as_the_payer_wants(days_off: DaysOff, paid_on: date) -> None:
    # 20 and 21 March 2027 are a weekend, 21 to 23 Nauryz, whose Sunday moves to the 24th.
    rule = Rule(frequency=Frequency.ONCE, first_on=date(2027, 3, 22), days_off=days_off)

    assert rule.due_at(0, KNOWN) == on(paid_on)


@given(RULES, st.integers(0, 500))
def test_days_go_on_within_the_rule(rule: Rule, no: int) -> None:
    day, following = rule.day(no), rule.day(no + 1)

    if day is None:
        assert following is None
        assert rule.due_at(no, KNOWN) is None
        return
    assert day >= rule.first_on
    assert rule.until_on is None or day <= rule.until_on
    assert rule.payments_max is None or no < rule.payments_max
    assert following is None or following > day
    due_at = rule.due_at(no, KNOWN)
    assert due_at is not None
    moved = calendar.statutory_date(due_at) - day
    assert {DaysOff.AS_IS: not moved, DaysOff.BEFORE: moved <= timedelta(0), DaysOff.AFTER: moved >= timedelta(0)}[
        rule.days_off
    ]
    if rule.days_off is not DaysOff.AS_IS and KNOWN.first <= day + moved <= KNOWN.last:
        assert KNOWN.is_working(day + moved)


@given(RULES, st.integers(0, 20), st.dates(date(2026, 1, 1), date(2031, 12, 31)))
def test_who_resumes_goes_on_with_the_first_day_that_is_not_over(rule: Rule, no: int, today: date) -> None:
    found = rule.from_(no, today)

    if found is None:
        later = [rule.day(each) for each in range(no, no + 50)]
        assert all(day is None or day < today for day in later)
    else:
        day = rule.day(found)
        assert day is not None
        assert day >= today
        before = rule.day(found - 1) if found > no else None
        assert before is None or before < today


@pytest.mark.parametrize(
    ("first_on", "until_on"),
    [(date(2026, 11, 21), None), (date(2026, 12, 1), date(2026, 11, 30)), (date(2031, 1, 1), None)],
)
def test_dates_that_cannot_be_kept_are_refused(first_on: date, until_on: date | None) -> None:
    rule = Rule(frequency=Frequency.DAILY, first_on=first_on, until_on=until_on)

    with pytest.raises(BadRule):
        rule.check(date(2026, 11, 22))
