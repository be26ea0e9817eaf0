"""Dates without a year and times without a zone: which instant a telegram means.

Field 7 is GMT, 12 and 13 are the terminal's own clock, 15 and 16 are dates of the network's, 14 is year and month.
A date without a year is the one nearest to now, so that a telegram of 31 December that arrives on 1 January is of
yesterday and not of next December. All raise BadTime for what no calendar has.
"""

import calendar
from datetime import UTC, date, datetime, timedelta

_HALF_YEAR = timedelta(days=182)
_CENTURY = 100
_HALF = 50


class BadTime(Exception):
    """No calendar has this date, or no clock this time."""


def transmitted(text: str, now: datetime) -> datetime:
    """Read field 7, MMDDhhmmss in GMT."""
    this_year = _in_year(text, now.year)
    if this_year is not None and abs(this_year - now) < _HALF_YEAR:
        return this_year
    return min(_in_years(text, now.astimezone(UTC)), key=lambda at: abs(at - now))


def local(day: str | None, time: str | None, now: datetime) -> datetime | None:
    """Read fields 13 and 12, MMDD and hhmmss; the zone is the terminal's and nobody tells it, so none is kept."""
    if day is None or time is None:
        return None
    return transmitted(day + time, now).replace(tzinfo=None)


def day(text: str, now: datetime) -> date:
    """Read MMDD."""
    return transmitted(f"{text}120000", now).date()


def expiry(text: str, now: datetime) -> date:
    """Read field 14, YYMM: the last day of the month, in the century that puts it nearest to now."""
    year, month = int(text[:2]), int(text[2:])
    if not 1 <= month <= 12:  # noqa: PLR2004  months
        raise BadTime
    century = now.year - now.year % _CENTURY
    full = century + year
    if full - now.year > _HALF:
        full -= _CENTURY
    elif now.year - full > _HALF:
        full += _CENTURY
    return date(full, month, calendar.monthrange(full, month)[1])


def written(at: datetime) -> str:
    """Write field 7."""
    return f"{at.astimezone(UTC):%m%d%H%M%S}"


def _in_years(text: str, now: datetime) -> list[datetime]:
    """Read the text in this year and both beside it, as far as they have the day: 29 February is in few."""
    years = (_in_year(text, year) for year in range(now.year - 1, now.year + 2))
    if not (found := [at for at in years if at is not None]):
        raise BadTime
    return found


def _in_year(text: str, year: int) -> datetime | None:
    try:
        return datetime(
            year, int(text[:2]), int(text[2:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), tzinfo=UTC
        )
    except ValueError:
        return None
