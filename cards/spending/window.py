"""Windows of time that spending is limited over: those of the calendar in Kazakhstan, and those that trail behind now.

counts   cards/spending/histogram.py    Histogram      what lies in a window
limits   cards/spending/velocity.py     Counters

Instants are minutes since 1970 here: nothing is counted any finer.
"""

import enum
import functools
from datetime import UTC, date, datetime, timedelta

import msgspec

from law import calendar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_YEAR_MONTHS = 12

#: The longest trailing window there can be.
TRAILING_MAX = timedelta(days=365)


class Period(enum.StrEnum):
    """A window that begins anew by the calendar of Kazakhstan; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Trailing(msgspec.Struct, frozen=True):
    """The last so many minutes, up to now: never fewer, and more by less than the bucket it begins in."""

    minutes: int


Window = Period | Trailing

QUARTER = Trailing(15)
HOUR = Trailing(60)
DAY = Trailing(24 * 60)
THIRTY_DAYS = Trailing(30 * 24 * 60)


def minute(at: datetime) -> int:
    """Answer which minute the aware instant `at` lies in."""
    return (at - _EPOCH) // _MINUTE


def instant(of: int) -> datetime:
    """Answer when a minute begins."""
    return _EPOCH + of * _MINUTE


def bounds(period: Period, on: date) -> tuple[int, int]:
    """Answer the first minute of the period that the day `on` lies in, and the first one after it."""
    return _bounds(period, on)


@functools.lru_cache(maxsize=2048)
def _bounds(period: Period, on: date) -> tuple[int, int]:
    if period is Period.DAY:
        begins, ends = on, on + timedelta(days=1)
    elif period is Period.WEEK:
        begins = on - timedelta(days=on.weekday())
        ends = begins + timedelta(days=7)
    elif period is Period.MONTH:
        begins = on.replace(day=1)
        ends = calendar.add_months(begins, 1)
    else:
        begins = on.replace(month=1, day=1)
        ends = calendar.add_months(begins, _YEAR_MONTHS)
    return minute(calendar.day_starts(begins)), minute(calendar.day_starts(ends))


@functools.lru_cache(maxsize=16_384)
def day_of(hour: int) -> date:
    """Answer the day in Kazakhstan that an hour since 1970 lies in. Its clocks differ from UTC by whole hours."""
    return calendar.statutory_date(_EPOCH + timedelta(hours=hour))
