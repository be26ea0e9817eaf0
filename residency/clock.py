"""The statutory clock: a fold over what happened, by a calendar that is frozen when the application is filed.

Nothing is counted down anywhere. The due day is worked out when it is asked for, from the same transitions the
applicant sees, so the two cannot differ; a later correction of the calendar moves no promise already made.
The day of filing does not count; a day of waiting, from the one of the question up to but not including the one of the
answer, does not count; what was overdue when the question came stays overdue.
"""

import functools
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from law import calendar
from residency.case import State

_DAY = timedelta(days=1)


class Mark(StrEnum):
    """What moves the clock."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"


class Tick(msgspec.Struct, frozen=True):
    """A mark and the day it falls on in Kazakhstan."""

    mark: Mark
    on: date


class Promise(msgspec.Struct, frozen=True):
    """What was promised at filing: so many working days, by the calendar published under this version."""

    days: int
    calendar: str


class Clock(msgspec.Struct, frozen=True):
    """How far the time has run: `left` working days are still to come after the day `since`, unless it is paused."""

    since: date | None = None
    left: int = 0
    paused: bool = False


def ticks(log: Iterable[tuple[State, datetime]], pauses: frozenset[State]) -> list[Tick]:
    """Read the marks off an application's transitions, oldest first: the states it reached and when."""
    marks: list[Tick] = []
    waiting = False
    for state, at in log:
        on = calendar.statutory_date(at)
        if state is State.SUBMITTED and not marks:
            marks.append(Tick(Mark.START, on))
        elif marks and (state in pauses) is not waiting:
            waiting = not waiting
            marks.append(Tick(Mark.PAUSE if waiting else Mark.RESUME, on))
    return marks


def fold(marks: Sequence[Tick], promise: Promise, clock: Clock | None = None) -> Clock:
    """Run `clock` (a new one by default) over `marks` in order; folding a history in two parts gives the same."""
    days = calendar.published(promise.calendar)
    return functools.reduce(lambda before, tick: _run(before, tick, promise, days), marks, clock or Clock())


def due_on(clock: Clock, promise: Promise) -> date | None:
    """Answer the last day of the term; None before it began and while it stands still."""
    if clock.since is None or clock.paused:
        return None
    return calendar.published(promise.calendar).add_working_days(clock.since, clock.left)


def _run(clock: Clock, tick: Tick, promise: Promise, days: calendar.Calendar) -> Clock:
    if tick.mark is Mark.START:
        return Clock(since=tick.on, left=promise.days)
    assert clock.since is not None, "a clock is started before it is paused"
    if tick.mark is Mark.PAUSE:
        used = days.working_days_between(clock.since, tick.on - _DAY)
        # Time that has run out cannot be won back by a question asked too late.
        return clock if used >= clock.left else Clock(max(clock.since, tick.on - _DAY), clock.left - used, paused=True)
    if not clock.paused:
        return clock
    return Clock(max(clock.since, tick.on - _DAY), clock.left)
