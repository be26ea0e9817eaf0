"""When a standing order pays: its rule as a pure function from a payment's number to its day.

Days are counted from the first one, never from the one before, so that the 31st is the last day of a short month and
the 31st again after it. A payment that would fall on a day off is made on the working day before or after, if the payer
wants so; its own day, by which it is counted, stays.
"""

import enum
from datetime import date, datetime, timedelta

import msgspec

from law import calendar
from law.calendar import Calendar, OutsideCalendar

#: When on its day a payment is made.
HOUR = timedelta(hours=6)
_DAY = timedelta(days=1)
_SATURDAY = 5


class Frequency(enum.StrEnum):
    """How often."""

    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class DaysOff(enum.StrEnum):
    """What to do with a payment on a day off."""

    AS_IS = "as_is"
    BEFORE = "before"
    AFTER = "after"


class BadRule(Exception):
    """The dates can't be kept: the first is over, the last before it, or beyond the calendar, which ends at `last`."""

    def __init__(self) -> None:
        super().__init__()
        self.last = calendar.LAST_DAY


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`every` so many days, weeks or months from `first_on`; until a day or for a number of payments, or neither."""

    frequency: Frequency
    first_on: date
    every: int = 1
    days_off: DaysOff = DaysOff.AS_IS
    until_on: date | None = None
    payments_max: int | None = None

    def check(self, today: date) -> None:
        """Say whether a new order may have this rule; raises BadRule."""
        last = self.until_on or self.first_on
        if not today <= self.first_on <= last <= calendar.LAST_DAY:
            raise BadRule

    def day(self, no: int) -> date | None:
        """Answer the day of payment `no`, counted from 0; None where there is none any more."""
        if (self.payments_max is not None and no >= self.payments_max) or (self.frequency is Frequency.ONCE and no):
            return None
        day = self._counted(no)
        return None if day is None or (self.until_on is not None and day > self.until_on) else day

    def _counted(self, no: int) -> date | None:
        try:
            match self.frequency:
                case Frequency.ONCE:
                    return self.first_on
                case Frequency.DAILY:
                    return self.first_on + no * self.every * _DAY
                case Frequency.WEEKLY:
                    return self.first_on + no * self.every * 7 * _DAY
                case Frequency.MONTHLY:
                    return calendar.add_months(self.first_on, no * self.every)
        except (OverflowError, ValueError):  # beyond the year 9999
            return None

    def from_(self, no: int, today: date) -> int | None:
        """Answer the first payment from `no` on whose day is not over; None where none is left."""
        while (day := self.day(no)) is not None:
            if day >= today:
                return no
            no += 1
        return None

    def due_at(self, no: int, known: Calendar) -> datetime | None:
        """Answer the instant at which payment `no` is made, days off considered."""
        day = self.day(no)
        if day is None:
            return None
        step = {DaysOff.AS_IS: 0, DaysOff.BEFORE: -1, DaysOff.AFTER: 1}[self.days_off]
        while step and not _is_worked(day, known):
            day += step * _DAY
        return calendar.day_starts(day) + HOUR


def _is_worked(day: date, known: Calendar) -> bool:
    try:
        return known.is_working(day)
    except OutsideCalendar:  # whose holidays nobody knows yet: weekends at least are days off
        return day.weekday() < _SATURDAY
