"""Statutory time: the country's day, months that clamp, the first day of a right, working days."""

from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from law import calendar
from law.calendar import (
    VERSIONS,
    CalendarChanged,
    OutsideCalendar,
    UnknownCalendar,
    Version,
    add_months,
    day_starts,
    on_expiry,
    statutory_date,
)

DAY = timedelta(days=1)
BEFORE_REFERENDUM = "kz-2026-01-02"
NOW = "kz-2026-03-18"

days = st.dates(date(2024, 1, 1), date(2029, 12, 31))


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 12, 31, 20, 30, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 12, 31, 18, 59, 59, 999_999, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 19, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2024, 2, 29, 18, 0, tzinfo=UTC), date(2024, 2, 29)),  # the clock goes back from midnight to 23:00
        (datetime(2024, 2, 29, 19, 0, tzinfo=UTC), date(2024, 3, 1)),
        (datetime(2024, 2, 28, 17, 59, tzinfo=UTC), date(2024, 2, 28)),
        (datetime(2026, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=9))), date(2025, 12, 31)),
    ],
)
def test_an_instant_belongs_to_the_day_in_kazakhstan(at: datetime, day: date) -> None:
    assert statutory_date(at) == day


@pytest.mark.parametrize(
    ("day", "at"),
    [
        (date(2024, 2, 29), datetime(2024, 2, 28, 18, tzinfo=UTC)),
        (date(2024, 3, 2), datetime(2024, 3, 1, 19, tzinfo=UTC)),
        (date(2026, 11, 22), datetime(2026, 11, 21, 19, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_five_hours_before_utc_since_march_2024(day: date, at: datetime) -> None:
    assert day_starts(day) == at


@given(st.dates(date(2024, 3, 2), date(2030, 12, 31)))
def test_a_day_is_made_of_the_instants_from_its_start_to_the_next(day: date) -> None:
    assert statutory_date(day_starts(day)) == day
    assert statutory_date(day_starts(day) - timedelta(microseconds=1)) == day - DAY


def test_an_instant_without_a_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="aware"):
        statutory_date(datetime(2026, 1, 1))  # noqa: DTZ001  the mistake under test


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 8, 31), 1, date(2026, 9, 30)),
    ],
)
def test_months_clamp_to_the_last_day(start: date, months: int, end: date) -> None:
    assert add_months(start, months) == end


@given(days, st.integers(0, 60))
def test_months_keep_the_day_or_take_the_last_one(start: date, months: int) -> None:
    end = add_months(start, months)

    assert (end.year - start.year) * 12 + end.month - start.month == months
    assert end.day == start.day or (end.day < start.day and (end + DAY).day == 1)


@pytest.mark.parametrize(
    ("start", "months", "inclusive", "first"),
    [
        (date(2026, 8, 31), 1, False, date(2026, 10, 1)),
        (date(2026, 8, 31), 1, True, date(2026, 9, 30)),
        (date(2026, 8, 31), 6, False, date(2027, 3, 1)),
        (date(2027, 8, 31), 6, False, date(2028, 3, 1)),
        (date(2028, 2, 29), 12, False, date(2029, 3, 1)),
        (date(2026, 5, 10), 0, True, date(2026, 5, 10)),
    ],
)
def test_a_right_on_expiry_exists_from_the_day_after(start: date, months: int, inclusive: bool, first: date) -> None:
    assert on_expiry(start, months, inclusive=inclusive) == first


def test_on_expiry_turns_at_midnight_in_kazakhstan() -> None:
    right = on_expiry(date(2026, 8, 31), 1)

    assert statutory_date(datetime(2026, 9, 30, 18, 59, 59, tzinfo=UTC)) < right
    assert statutory_date(datetime(2026, 9, 30, 19, 0, tzinfo=UTC)) == right


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2026, 3, 20), 3, date(2026, 3, 30)),
        (date(2026, 3, 20), 15, date(2026, 4, 15)),
        (date(2026, 5, 6), 5, date(2026, 5, 15)),
        (date(2026, 12, 15), 1, date(2026, 12, 17)),
        (date(2026, 12, 30), 5, date(2027, 1, 11)),
        (date(2026, 11, 20), 15, date(2026, 12, 11)),
        (date(2026, 8, 28), 1, date(2026, 8, 31)),
        (date(2026, 10, 23), 1, date(2026, 10, 27)),
        (date(2027, 3, 12), 1, date(2027, 3, 16)),
        (date(2026, 11, 20), 0, date(2026, 11, 20)),
    ],
)
def test_working_days_run_over_the_holidays(start: date, count: int, due: date) -> None:
    assert calendar.published(NOW).add_working_days(start, count) == due


# Days off on weekdays, 2026: alau.kz of 2 Jan 2026 with the cancelled 31 August; 2027: by the rule of transfers.
OFF_2026 = "01-01 01-02 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-11 05-27 07-06 10-26 12-16"
OFF_2027 = "01-01 01-04 01-07 03-08 03-15 03-22 03-23 03-24 05-03 05-07 05-10 07-06 10-25 12-16"


@pytest.mark.parametrize(("year", "off"), [(2026, OFF_2026), (2027, OFF_2027)])
def test_the_weekdays_off_are_exactly_those_announced(year: int, off: str) -> None:
    working = calendar.published(NOW)
    weekdays = [date(year, 1, 1) + DAY * n for n in range(365) if (date(year, 1, 1) + DAY * n).weekday() < 5]

    assert [f"{day:%m-%d}" for day in weekdays if not working.is_working(day)] == off.split()


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        (date(2026, 8, 31), False, True),
        (date(2027, 8, 30), False, True),
        (date(2027, 3, 15), True, False),
        (date(2025, 9, 1), False, False),
        (date(2026, 11, 23), True, True),
    ],
)
def test_a_case_keeps_the_calendar_it_was_filed_under(day: date, before: bool, after: bool) -> None:
    assert calendar.published(BEFORE_REFERENDUM).is_working(day) is before
    assert calendar.published(NOW).is_working(day) is after


@pytest.mark.parametrize(
    ("on", "version"),
    [
        (date(2025, 6, 1), BEFORE_REFERENDUM),
        (date(2026, 3, 17), BEFORE_REFERENDUM),
        (date(2026, 3, 18), NOW),
        (date(2026, 11, 22), NOW),
    ],
)
def test_a_new_case_takes_the_calendar_known_that_day(on: date, version: str) -> None:
    assert calendar.current(on).version == version


@pytest.mark.parametrize("version", VERSIONS)
def test_a_published_version_is_still_what_it_was(version: str) -> None:
    assert calendar.published(version).digest() == VERSIONS[version].digest


@pytest.mark.parametrize(
    "changed",
    [
        msgspec.structs.replace(VERSIONS[NOW], off=VERSIONS[NOW].off | {date(2026, 11, 23)}),
        msgspec.structs.replace(VERSIONS[NOW], not_off=VERSIONS[NOW].not_off | {date(2026, 12, 16)}),
    ],
    ids=["a holiday more", "a holiday less"],
)
def test_a_version_whose_days_changed_refuses_to_be_used(changed: Version) -> None:
    with pytest.raises(CalendarChanged):
        calendar.pinned(NOW, changed)


def test_versions_are_listed_by_the_day_they_were_known() -> None:
    known = [version.known_on for version in VERSIONS.values()]

    assert known == sorted(known)


def test_a_worked_sunday_counts() -> None:
    working = calendar.published(NOW)  # 3 January 2025 was moved to Sunday the 5th

    assert not working.is_working(date(2025, 1, 3))
    assert working.is_working(date(2025, 1, 5))


def test_a_term_over_an_unconfirmed_day_says_so() -> None:
    working = calendar.published(NOW)

    assert working.estimates(date(2026, 5, 26), date(2026, 5, 27)) == [date(2026, 5, 27)]
    assert working.estimates(date(2026, 5, 27), date(2026, 6, 30)) == []


@given(days, st.integers(0, 60))
def test_as_many_working_days_lie_between_as_were_added(start: date, count: int) -> None:
    working = calendar.published(NOW)
    due = working.add_working_days(start, count)

    assert working.working_days_between(start, due) == count
    assert count == 0 or working.is_working(due)


@given(days, st.integers(0, 30), st.integers(0, 30))
def test_working_days_add_up(start: date, first: int, second: int) -> None:
    working = calendar.published(NOW)

    assert working.add_working_days(start, first + second) == working.add_working_days(
        working.add_working_days(start, first), second
    )


@given(days)
def test_the_next_working_day_is_worked_and_none_lies_before(day: date) -> None:
    working = calendar.published(NOW)
    following = working.next_working(day)

    assert working.is_working(following)
    assert working.working_days_between(day - DAY, following) == 1


def test_terms_do_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        calendar.published(NOW).add_working_days(date(2026, 1, 1), -1)


def test_beyond_its_years_a_calendar_knows_nothing() -> None:
    working = calendar.published(NOW)

    with pytest.raises(OutsideCalendar):
        working.add_working_days(date(2030, 12, 31), 1)
    with pytest.raises(OutsideCalendar):
        working.is_working(date(2023, 12, 31))


def test_a_version_nobody_published_is_refused() -> None:
    with pytest.raises(UnknownCalendar):
        calendar.published("kz-1999-01-01")
