"""Statutory time: the day it is in Kazakhstan, months that clamp, and the working calendar.

A working calendar is a published version of what was known on a day. A case keeps the version it was filed under, so
that its due date never moves because somebody corrected a table. Each version is pinned by a digest of its days: should
an upgrade of `holidays`, from which the base is taken, change one, the version refuses to be built instead.
"""

import calendar as gregorian
import functools
import hashlib
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays
import msgspec


def _almaty() -> ZoneInfo:
    """Read the zone from our own tzdata: a machine's may predate 1 March 2024, when the country moved to UTC+5."""
    with resources.files("tzdata.zoneinfo.Asia").joinpath("Almaty").open("rb") as file:
        return ZoneInfo.from_file(file, key="Asia/Almaty")


ALMATY = _almaty()
_DAY = timedelta(days=1)
_SATURDAY = 5


def statutory_date(at: datetime) -> date:
    """Answer which day the aware instant `at` falls on in Kazakhstan (Asia/Almaty)."""
    if at.tzinfo is None:
        raise ValueError("an instant is aware")
    return at.astimezone(ALMATY).date()


def day_starts(day: date) -> datetime:
    """Answer the UTC instant at which `day` begins in Kazakhstan; it ends where the next one begins."""
    return datetime.combine(day, time.min, ALMATY).astimezone(UTC)


def add_months(start: date, months: int) -> date:
    """Move by `months`; a day the month doesn't have becomes its last one (31 January + 1 is 28 or 29 February).

    The rule is that of the former Law 107-II, art. 12-1. Never add step by step: 31 January + 1 + 1 is not + 2.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, gregorian.monthrange(year, month + 1)[1]))


def on_expiry(start: date, months: int, *, inclusive: bool = False) -> date:
    """Answer the first day on which a right exists that arises "on the expiry of" `months` since `start`.

    The starting day doesn't count and the last day belongs to the term, so it is the day after. `inclusive` is the
    other reading: the right exists on the last day already.
    """
    last = add_months(start, months)
    return last if inclusive else last + _DAY


class UnknownCalendar(Exception):
    """No calendar was published under this version."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class OutsideCalendar(Exception):
    """The calculation runs past the years that the calendar knows."""

    def __init__(self, version: str, day: date) -> None:
        super().__init__(version, day)
        self.version = version
        self.day = day


class CalendarChanged(Exception):
    """The days of a published version are no longer those it was published with."""

    def __init__(self, version: str, digest: str) -> None:
        super().__init__(version, digest)
        self.version = version
        self.digest = digest


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """The working days of a five-day week from `first` to `last`, both included.

    `off` are days off that may fall on a weekday, `worked` weekend days that are worked instead, `estimated` those of
    `off` that are yet to be confirmed (Kurban Ait is set by the muftiate): a term that runs over one is to be reviewed.
    """

    version: str
    first: date
    last: date
    off: frozenset[date]
    worked: frozenset[date] = frozenset()
    estimated: frozenset[date] = frozenset()

    def is_working(self, day: date) -> bool:
        """Answer whether `day` is a working day; raises OutsideCalendar."""
        if not self.first <= day <= self.last:
            raise OutsideCalendar(self.version, day)
        return day in self.worked or (day.weekday() < _SATURDAY and day not in self.off)

    def add_working_days(self, start: date, days: int) -> date:
        """Answer the `days`-th working day after `start`, which doesn't count itself; raises OutsideCalendar."""
        if days < 0:
            raise ValueError("terms run forward")
        day = start
        while days:
            day += _DAY
            days -= self.is_working(day)
        return day

    def working_days_between(self, start: date, end: date) -> int:
        """Count the working days after `start` up to and including `end`; raises OutsideCalendar."""
        return sum(self.is_working(start + _DAY * n) for n in range(1, (end - start).days + 1))

    def next_working(self, day: date) -> date:
        """Answer `day` itself if it is worked, else the next day that is; raises OutsideCalendar."""
        while not self.is_working(day):
            day += _DAY
        return day

    def estimates(self, start: date, end: date) -> list[date]:
        """List the unconfirmed days off after `start` up to and including `end`."""
        return sorted(day for day in self.estimated if start < day <= end)

    def digest(self) -> str:
        """Answer the SHA-256 of the days, 16 hex digits: what a version is pinned by."""
        days = (self.first, self.last, *sorted(self.off), "worked", *sorted(self.worked), *sorted(self.estimated))
        return hashlib.sha256(" ".join(map(str, days)).encode()).hexdigest()[:16]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What was known on a day where the base may say otherwise: days that are `off` and days that are `not_off`."""

    known_on: date
    digest: str
    source: str
    off: frozenset[date]
    not_off: frozenset[date]


_FIRST_YEAR, _LAST_YEAR = 2024, 2030
#: The last day any published calendar knows; terms that reach beyond it can't be computed.
LAST_DAY = date(_LAST_YEAR, 12, 31)
_OLD_CONSTITUTION_DAY = frozenset({date(2026, 8, 31)} | {date(year, 8, 30) for year in range(2026, _LAST_YEAR + 1)})
_NEW_CONSTITUTION_DAY = frozenset(date(year, 3, 15) for year in range(2027, _LAST_YEAR + 1))

# Newest last. A new version is added, with what it knows; no version is ever edited.
VERSIONS = MappingProxyType(
    {
        "kz-2026-01-02": Version(
            known_on=date(2026, 1, 2),
            digest="306bf098782b6fb9",
            source="Days off of 2026 as announced: alau.kz, 2 Jan 2026 (30 August is a Sunday and moves to the 31st)",
            off=_OLD_CONSTITUTION_DAY,
            not_off=_NEW_CONSTITUTION_DAY,
        ),
        "kz-2026-03-18": Version(
            known_on=date(2026, 3, 18),
            digest="035694b23807ce0f",
            source="Referendum of 15 Mar 2026: Constitution Day is 15 March from 2027, 30 August an ordinary day: "
            "taspanews.kz, 18 Mar 2026",
            off=_NEW_CONSTITUTION_DAY,
            not_off=_OLD_CONSTITUTION_DAY,
        ),
    }
)


def current(on: date) -> Calendar:
    """Answer the calendar known on the day `on`; a case that begins on that day keeps its `version`."""
    known = [name for name, version in VERSIONS.items() if version.known_on <= on]
    return published(known[-1] if known else next(iter(VERSIONS)))


@functools.cache
def published(version: str) -> Calendar:
    """Answer the calendar of that `version` as it was published; raises UnknownCalendar, CalendarChanged."""
    if version not in VERSIONS:
        raise UnknownCalendar(version)
    return pinned(version, VERSIONS[version])


def pinned(name: str, version: Version) -> Calendar:
    """Answer the calendar of `version` if its days are those it was pinned with; raises CalendarChanged."""
    calendar = _build(name, version)
    if calendar.digest() != version.digest:
        raise CalendarChanged(name, calendar.digest())
    return calendar


def _build(name: str, version: Version) -> Calendar:
    """Lay a version over the base: weekend holidays move to the next working day, 7 January and Kurban Ait don't."""
    base = holidays.country_holidays("KZ", years=range(_FIRST_YEAR, _LAST_YEAR + 1), language="en_US")
    return Calendar(
        version=name,
        first=date(_FIRST_YEAR, 1, 1),
        last=date(_LAST_YEAR, 12, 31),
        off=(frozenset(base) - version.not_off) | version.off,
        worked=frozenset(day for day in base.weekend_workdays if day.year >= _FIRST_YEAR),
        estimated=frozenset(day for day, title in base.items() if "estimated" in title),
    )
