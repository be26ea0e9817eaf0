"""What was spent when, of one card or one person: a histogram whose buckets grow coarser with age.

windows  cards/spending/window.py      the windows it is summed over
keeps    cards/spending/velocity.py    one row per card and per person, rewritten whole by the batch that holds the lane

Bucket     kept until it is over and gone by   so that
minute     an hour                             a trailing window of up to an hour is too long by less than a minute
hour       a day                               one of up to a day, by less than an hour
day        thirty days                         one of up to thirty days, by less than a day
month      thirteen months                     one of up to a year, by less than a month

Minutes become hours, hours days and days months whole: an hour is not divided between two. Hours lie in days and days
in weeks, months and years of Kazakhstan, so every window of the calendar that is not over is exact. A trailing window
takes the whole of the bucket it begins in: it is never shorter than it says.
"""

import functools
import struct
from typing import NamedTuple

from cards.spending.window import Period, bounds, day_of

_HOUR = 60
_KEEP_MINUTES_H = 1
_KEEP_HOURS_H = 24
_KEEP_DAYS_H = 30 * 24
_KEEP_MONTHS_H = 400 * 24


class Used(NamedTuple):
    """What lies in a window, amounts in minor units. Cash is in the amount and the times as well."""

    amount: int = 0
    times: int = 0
    cash_amount: int = 0
    cash_times: int = 0
    declines: int = 0


class _Reaches(NamedTuple):
    """The first minute that is kept as a minute, in an hour, in a day, and at all."""

    minutes: int
    hours: int
    days: int
    months: int


#: The hour since 1970 that the buckets are as coarse as; then the buckets, the newest first.
_HEAD = struct.Struct(">I")
#: A bucket: its first minute, how many they are, and Used. Only those that a question is about are ever unpacked.
_BUCKET = struct.Struct(">IHqIqII")


class Histogram:
    """The buckets of one thing; they never overlap."""

    __slots__ = ("_buckets", "_hour")

    def __init__(self, kept: bytes | None = None) -> None:
        self._hour: int = _HEAD.unpack_from(kept)[0] if kept else 0
        self._buckets = kept[_HEAD.size :] if kept else b""

    def encode(self) -> bytes:
        """Write it, for `__init__` to read."""
        return _HEAD.pack(self._hour) + self._buckets

    def between(self, begins: int, ends: int | None = None) -> Used:
        """Sum the buckets that reach beyond the minute `begins`, and begin before `ends` where that is said."""
        amount = times = cash_amount = cash_times = declines = 0
        for start, width, spent, paid, withdrawn, withdrawals, declined in _BUCKET.iter_unpack(self._buckets):
            if start + width <= begins:
                break
            if ends is None or start < ends:
                amount += spent
                times += paid
                cash_amount += withdrawn
                cash_times += withdrawals
                declines += declined
        return Used(amount, times, cash_amount, cash_times, declines)

    def add(self, at: int, now: int, more: Used) -> None:
        """Count `more` in the bucket of the minute `at`; where it is negative, give it back, of nothing nothing.

        What is older than any bucket is kept counts nowhere any more.
        """
        if now // _HOUR > self._hour:
            self._coarsen(now // _HOUR)
        if at < _reaches(self._hour).months:
            return
        newer = 0
        for bucket in _BUCKET.iter_unpack(self._buckets):
            start, width = bucket[0], bucket[1]
            if start + width <= at:
                break
            if start <= at:
                self._put(newer, newer + _BUCKET.size, bucket, more)
                return
            newer += _BUCKET.size
        self._put(newer, newer, (*_unit(at, self._hour), *Used()), more)

    def _put(self, newer: int, older: int, bucket: tuple[int, ...], more: Used) -> None:
        start, width, amount, times, cash_amount, cash_times, declines = bucket
        counted = _BUCKET.pack(
            start,
            width,
            max(amount + more.amount, 0),
            max(times + more.times, 0),
            max(cash_amount + more.cash_amount, 0),
            max(cash_times + more.cash_times, 0),
            max(declines + more.declines, 0),
        )
        self._buckets = self._buckets[:newer] + counted + self._buckets[older:]

    def _coarsen(self, hour: int) -> None:
        """Put together what is old enough at this hour, and once a month forget what is too old."""
        before, after = _reaches(self._hour), _reaches(hour)
        # Days become months when a month is over; until then, only what was not put into days can change.
        from_ = before.hours if before.days == after.days else after.months
        merged: list[list[int]] = []
        done = 0
        for start, width, *used in _BUCKET.iter_unpack(self._buckets):
            if start + width <= from_:
                break
            done += _BUCKET.size
            unit = _unit(start, hour)
            if merged and merged[-1][0] == unit[0]:
                merged[-1][2:] = [one + other for one, other in zip(merged[-1][2:], used, strict=True)]
            elif any(used):
                merged.append([*unit, *used])
        older = self._buckets[done:] if before.days == after.days else b""
        self._buckets = b"".join(_BUCKET.pack(*bucket) for bucket in merged) + older
        self._hour = hour


def _unit(at: int, hour: int) -> tuple[int, int]:
    """Answer the bucket that the minute `at` is kept in at this hour: its first minute, and how many they are."""
    reaches = _reaches(hour)
    if at >= reaches.minutes:
        return at, 1
    if at >= reaches.hours:
        return at - at % _HOUR, _HOUR
    begins, ends = bounds(Period.DAY if at >= reaches.days else Period.MONTH, day_of(at // _HOUR))
    return begins, ends - begins


@functools.lru_cache(maxsize=16_384)  # the hours of more than a year: each row has its own
def _reaches(hour: int) -> _Reaches:
    return _Reaches(
        minutes=(hour - _KEEP_MINUTES_H) * _HOUR,
        hours=bounds(Period.DAY, day_of(hour - _KEEP_HOURS_H))[0],
        days=bounds(Period.MONTH, day_of(hour - _KEEP_DAYS_H))[0],
        months=bounds(Period.MONTH, day_of(hour - _KEEP_MONTHS_H))[0],
    )
