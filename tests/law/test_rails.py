"""When money arrives: around the clock by one rail, in the bank's hours by the other; the promise is honest."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from law import calendar, rails
from law.calendar import ALMATY
from law.rails import HOURS, Rail, Why


def almaty(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY)


#: Handed in, by when it is there (Almaty), and why. 20 November 2026 is a Friday, 16 December a holiday.
ISMT = [
    ("2026-11-20T10:00", "2026-11-20T12:00", Why.SAME_DAY),
    ("2026-11-20T08:00", "2026-11-20T11:00", Why.SAME_DAY),
    ("2026-11-20T15:59", "2026-11-20T17:59", Why.SAME_DAY),
    ("2026-11-20T16:00", "2026-11-23T11:00", Why.NEXT_DAY),
    ("2026-11-21T10:00", "2026-11-23T11:00", Why.DAY_OFF),
    ("2026-12-15T17:00", "2026-12-17T11:00", Why.NEXT_DAY),
    ("2026-12-16T10:00", "2026-12-17T11:00", Why.DAY_OFF),
]


@pytest.mark.parametrize(("handed_in", "by", "why"), ISMT)
def test_what_goes_by_the_gross_system_arrives_in_its_hours(handed_in: str, by: str, why: Why) -> None:
    window = rails.window(Rail.ISMT, almaty(handed_in))

    assert (window.by, window.why) == (almaty(by), why)
    assert window.earliest <= window.by


@given(st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 1), timezones=st.just(ALMATY)))  # noqa: DTZ001  the strategy puts the zone on
def test_a_promise_lies_ahead_and_on_a_day_the_rail_works(at: datetime) -> None:
    for rail in Rail:
        window = rails.window(rail, at)

        assert at < window.earliest <= window.by
        if rail is Rail.ISMT:
            day = calendar.statutory_date(window.by)
            assert calendar.current(calendar.statutory_date(at)).is_working(day)
            assert calendar.statutory_date(window.earliest) == day


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 1), timezones=st.just(ALMATY)),  # noqa: DTZ001  as above
    st.timedeltas(timedelta(0), timedelta(days=10)),
)
def test_who_pays_later_is_not_there_earlier(at: datetime, later: timedelta) -> None:
    for rail in Rail:
        assert rails.window(rail, at).by <= rails.window(rail, at + later).by


def test_what_the_instant_system_does_not_carry_goes_by_the_other() -> None:
    most = rails.hours(Rail.IMPS, date(2026, 11, 20)).amount_max
    assert most is not None

    assert rails.choose(most, almaty("2026-11-20T10:00")) is Rail.IMPS
    assert rails.choose(most + 1, almaty("2026-11-20T10:00")) is Rail.ISMT


def test_every_row_has_a_source_and_a_changed_one_is_found_by_its_day() -> None:
    changed = (
        *HOURS,
        rails.Hours(rail=Rail.IMPS, since=date(2027, 1, 1), source="x", takes=(timedelta(1), timedelta(2))),
    )

    assert all(row.source for row in HOURS)
    assert rails.hours(Rail.IMPS, date(2026, 12, 31), changed).source != "x"
    assert rails.hours(Rail.IMPS, date(2027, 1, 1), changed).source == "x"
