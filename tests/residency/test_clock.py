"""The laws of the statutory clock, checked against a reference that simply walks the days."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from law import calendar
from residency import clock
from residency.case import State
from residency.clock import Mark, Promise, Tick

_VERSION = calendar.current(date(2026, 9, 1)).version
_DAYS = calendar.published(_VERSION)
_FIFTEEN = Promise(15, _VERSION)
_PAUSES = frozenset({State.AWAITING_APPLICANT})
_DAY = timedelta(days=1)

days_filed = st.dates(date(2026, 1, 1), date(2027, 6, 30))
# Waits as (days after the event before, how long).
waits = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), max_size=4)


def history(filed: date, spans: list[tuple[int, int]]) -> list[Tick]:
    marks, on = [Tick(Mark.START, filed)], filed
    for gap, length in spans:
        on += _DAY * gap
        marks.append(Tick(Mark.PAUSE, on))
        on += _DAY * length
        marks.append(Tick(Mark.RESUME, on))
    return marks


def walked(filed: date, waited: set[date], days: int) -> date:
    """Walk to the last day of the term over every working day that was not spent waiting for the applicant."""
    on = filed
    while days:
        on += _DAY
        days -= _DAYS.is_working(on) and on not in waited
    return on


def due(marks: list[Tick]) -> date:
    found = clock.due_on(clock.fold(marks, _FIFTEEN), _FIFTEEN)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("filed", "last"),
    [
        (date(2026, 3, 20), date(2026, 4, 15)),  # over Nauryz, 21 to 25 March
        (date(2026, 8, 24), date(2026, 9, 14)),  # 30 August is no holiday any more, and 31 August is worked
        (date(2026, 10, 12), date(2026, 11, 3)),  # Republic Day falls on a Sunday: Monday 26 October is off
        (date(2026, 11, 20), date(2026, 12, 11)),
    ],
)
def test_fifteen_working_days_run_from_the_day_after_filing(filed: date, last: date) -> None:
    assert due(history(filed, [])) == last


@given(filed=days_filed, spans=waits)
def test_the_due_day_is_the_one_that_walking_the_days_finds(filed: date, spans: list[tuple[int, int]]) -> None:
    marks = history(filed, spans)
    waited = {
        asked.on + _DAY * n
        for asked, answered in zip(marks[1::2], marks[2::2], strict=True)
        for n in range((answered.on - asked.on).days)
    }

    assert due(marks) == walked(filed, waited, 15)


@given(filed=days_filed, after=st.integers(0, 40))
def test_a_question_answered_on_the_same_day_changes_nothing(filed: date, after: int) -> None:
    assert due(history(filed, [(after, 0)])) == due(history(filed, []))


@given(filed=days_filed, spans=waits, after=st.integers(0, 12), length=st.integers(0, 40))
def test_waiting_never_brings_the_due_day_forward(
    filed: date, spans: list[tuple[int, int]], after: int, length: int
) -> None:
    assert due(history(filed, [*spans, (after, length)])) >= due(history(filed, spans))


@given(filed=days_filed, after=st.integers(1, 20), length=st.integers(0, 12))
def test_waiting_inside_days_off_adds_no_working_day(filed: date, after: int, length: int) -> None:
    while _DAYS.is_working(filed + _DAY * after):
        after += 1
    days_off = next(n for n in itertools.count() if _DAYS.is_working(filed + _DAY * (after + n)))

    assert due(history(filed, [(after, min(length, days_off))])) == due(history(filed, []))


@given(filed=days_filed, after=st.integers(0, 12), length=st.integers(0, 12))
def test_an_answer_on_a_day_off_is_an_answer_on_the_next_working_day(filed: date, after: int, length: int) -> None:
    answered = filed + _DAY * (after + length)
    assume(after + length > 0)

    later = (_DAYS.next_working(answered) - answered).days
    assert due(history(filed, [(after, length)])) == due(history(filed, [(after, length + later)]))


@given(filed=days_filed, spans=waits, cut=st.integers(0, 9))
def test_folding_a_history_in_two_parts_is_folding_it_whole(
    filed: date, spans: list[tuple[int, int]], cut: int
) -> None:
    marks = history(filed, spans)

    assert clock.fold(marks[cut:], _FIFTEEN, clock.fold(marks[:cut], _FIFTEEN)) == clock.fold(marks, _FIFTEEN)


@given(filed=days_filed, length=st.integers(0, 40))
def test_a_question_that_comes_too_late_does_not_heal_the_delay(filed: date, length: int) -> None:
    last = due(history(filed, []))

    assert due(history(filed, [((last - filed).days + 1, length)])) == last


def test_there_is_no_due_day_before_filing_or_while_the_applicant_is_waited_for() -> None:
    asked = history(date(2026, 9, 1), [(3, 5)])[:2]

    assert clock.due_on(clock.Clock(), _FIFTEEN) is None
    assert clock.due_on(clock.fold(asked, _FIFTEEN), _FIFTEEN) is None


def test_marks_are_read_off_the_states_an_application_reached() -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 9, day, 4, 0, tzinfo=UTC)

    log = [
        (State.DRAFT, at(1)),
        (State.SUBMITTED, at(2)),
        (State.CHECKING, at(2)),
        (State.AWAITING_APPLICANT, at(4)),
        (State.SUBMITTED, at(8)),
        (State.CHECKING, at(8)),
        (State.IN_REVIEW, at(8)),
        (State.SECOND_REVIEW, at(9)),
        (State.AWAITING_APPLICANT, at(10)),
        (State.WITHDRAWN, at(11)),
    ]

    assert clock.ticks(log, _PAUSES) == [
        Tick(Mark.START, date(2026, 9, 2)),
        Tick(Mark.PAUSE, date(2026, 9, 4)),
        Tick(Mark.RESUME, date(2026, 9, 8)),
        Tick(Mark.PAUSE, date(2026, 9, 10)),
        Tick(Mark.RESUME, date(2026, 9, 11)),
    ]


def test_a_filing_late_in_the_evening_of_utc_is_filed_on_the_next_day_of_kazakhstan() -> None:
    log = [(State.SUBMITTED, datetime(2026, 12, 31, 20, 30, tzinfo=UTC))]

    assert clock.ticks(log, _PAUSES) == [Tick(Mark.START, date(2027, 1, 1))]


def test_a_case_keeps_the_calendar_it_was_filed_under() -> None:
    versions = sorted(calendar.VERSIONS)
    filed = history(date(2026, 8, 24), [])
    promises = [Promise(15, version) for version in versions]

    due_days = {clock.due_on(clock.fold(filed, promise), promise) for promise in promises}

    assert len(due_days) == len(versions), "they differ in 31 August"
