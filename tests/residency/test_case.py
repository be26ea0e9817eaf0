"""The life of an application, read off its table."""

import itertools

import pytest

from residency import case, events
from residency.case import Act, State

_EVERYTHING = sorted(itertools.product(State, Act))


@pytest.mark.parametrize(("state", "act"), [pair for pair in _EVERYTHING if pair not in case.LIFE])
def test_what_the_table_does_not_name_is_refused(state: State, act: Act) -> None:
    with pytest.raises(case.IllegalMove) as refused:
        case.move(state, act)

    assert (refused.value.state, refused.value.act) == (state, act)


def test_every_state_is_reached_from_a_draft_and_every_open_one_leads_to_an_end() -> None:
    forward = {state: {step.state for (before, _), step in case.LIFE.items() if before is state} for state in State}

    assert _reachable(forward, State.DRAFT) == set(State)
    assert all(_reachable(forward, state) & case.CLOSED for state in case.OPEN)
    assert {State.GRANTED, State.REFUSED, State.WITHDRAWN} == case.CLOSED


def test_a_decision_is_reached_from_the_second_review_only() -> None:
    decided = {State.GRANTED, State.REFUSED}

    assert {before for (before, _), step in case.LIFE.items() if step.state in decided} == {State.SECOND_REVIEW}


def test_the_applicant_may_take_back_whatever_is_open() -> None:
    assert {before for before, act in case.LIFE if act is Act.WITHDRAW} == case.OPEN


def test_every_fact_about_an_application_is_recorded_by_a_move_or_by_the_clock() -> None:
    recorded = {step.fact for step in case.LIFE.values()} | {case.BIRTH.fact, events.Overdue}

    assert recorded == set(events.ApplicationFact.__subclasses__())


def _reachable(forward: dict[State, set[State]], start: State) -> set[State]:
    found, new = {start}, {start}
    while new:
        new = set().union(*(forward[state] for state in new)) - found
        found |= new
    return found
