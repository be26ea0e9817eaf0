"""When money arrives: the interbank systems, the hours they work, and what can be promised by them.

IMPS is instant around the clock; ISMT works on business days. A promise is a range: the earliest instant at which the
money may be there and the one by which it is. Hours are dated rows with a source, like every rule (law/threshold.py).
"""

import enum
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from law import calendar
from law.calendar import ALMATY, Calendar


class Rail(enum.StrEnum):
    """By which system a payment travels."""

    IMPS = "imps"
    ISMT = "ismt"


class Why(enum.StrEnum):
    """What makes a promise what it is, for whoever reads it."""

    INSTANT = "instant_around_the_clock"
    SAME_DAY = "before_the_cut_off"
    NEXT_DAY = "after_the_cut_off"
    DAY_OFF = "bank_holiday"
    LATE = "later_than_promised"


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """How a rail works from the Almaty day `since` on.

    Where `business_days` is set, what is handed in before `cut_off` is worked that day, between `opens` and `closes`.
    `takes` is how long a payment needs, at the least and at the most; `amount_max` the most one may carry, in tiyn.
    """

    rail: Rail
    since: date
    source: str
    takes: tuple[timedelta, timedelta]
    business_days: bool = False
    opens: time = time(0)
    cut_off: time = time(0)
    closes: time = time(0)
    amount_max: int | None = None
    note: str = ""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A promise: between `earliest` and `by`. `cut_off` is the instant before which `why` holds, where there is one."""

    rail: Rail
    earliest: datetime
    by: datetime
    why: Why
    cut_off: datetime | None = None


HOURS = (
    Hours(
        rail=Rail.IMPS,
        since=date(2025, 1, 1),
        source="National Payment Corporation, IMPS: around the clock, npck.kz/en/how-to-become-a-client (2026-11)",
        takes=(timedelta(seconds=5), timedelta(minutes=2)),
        amount_max=1_000_000_00,
        note="the source states no time and no amount: two minutes and one million tenge are ours",
    ),
    Hours(
        rail=Rail.ISMT,
        since=date(2025, 1, 1),
        source="National Payment Corporation, ISMT: every day except holidays and weekends, npck.kz/en/ismt (2026-11)",
        takes=(timedelta(minutes=10), timedelta(hours=2)),
        business_days=True,
        opens=time(9),
        cut_off=time(16),
        closes=time(18),
        note="the source states the days; the hours are those of the National Bank's working day",
    ),
)


def hours(rail: Rail, on: date, rows: Sequence[Hours] = HOURS) -> Hours:
    """Give the row of `rail` in force on the Almaty day `on`; a day before all rows has the first one."""
    known = sorted((row for row in rows if row.rail is rail), key=lambda row: row.since)
    return next((row for row in reversed(known) if row.since <= on), known[0])


def choose(minor: int, at: datetime) -> Rail:
    """Choose by how a pay-out of `minor` tiyn goes: at once where that carries it."""
    instant = hours(Rail.IMPS, calendar.statutory_date(at))
    return Rail.IMPS if instant.amount_max is None or minor <= instant.amount_max else Rail.ISMT


def window(rail: Rail, handed_in: datetime, worked: Calendar | None = None) -> Window:
    """Say when a payment that is handed in at the aware instant `handed_in` arrives.

    Raises law.calendar.OutsideCalendar beyond the published years.
    """
    today = calendar.statutory_date(handed_in)
    row = hours(rail, today)
    least, most = row.takes
    if not row.business_days:
        return Window(rail=rail, earliest=handed_in + least, by=handed_in + most, why=Why.INSTANT)
    days = worked or calendar.current(today)
    cut_off = _at(today, row.cut_off)
    if days.is_working(today) and handed_in < cut_off:
        starts = max(handed_in, _at(today, row.opens))
        by = min(starts + most, _at(today, row.closes))
        return Window(rail=rail, earliest=starts + least, by=by, why=Why.SAME_DAY, cut_off=cut_off)
    why = Why.NEXT_DAY if days.is_working(today) else Why.DAY_OFF
    day = days.next_working(today + timedelta(days=1))
    opens = _at(day, row.opens)
    return Window(rail=rail, earliest=opens + least, by=opens + most, why=why, cut_off=_at(day, row.cut_off))


def _at(day: date, clock: time) -> datetime:
    """Answer the UTC instant at which Almaty's clocks show `clock` on `day`."""
    return datetime.combine(day, clock, ALMATY).astimezone(UTC)
