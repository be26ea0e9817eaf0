"""The life of a placement, exhaustively from its enums."""

import itertools

import pytest

from invest import life
from invest.life import COMMITTED, FACES, LIFE, POSITION, Act, Face, State, WrongState
from invest.placement import _EVENTS


def reachable(start: State) -> set[State]:
    found = {start}
    while further := {to for (state, _), to in LIFE.items() if state in found} - found:
        found |= further
    return found


def test_every_state_can_be_reached_and_every_act_leads_somewhere() -> None:
    assert reachable(State.REQUESTED) == set(State)
    assert {act for _, act in LIFE} == set(Act)


@pytest.mark.parametrize(("state", "act"), list(itertools.product(State, Act)))
def test_an_act_fits_a_state_or_is_refused(state: State, act: Act) -> None:
    if (state, act) in LIFE:
        assert life.after(state, act) is LIFE[state, act]
    else:
        with pytest.raises(WrongState):
            life.after(state, act)


def test_no_way_leads_back_once_the_bank_has_spoken() -> None:
    assert reachable(State.CONFIRMED) == {State.CONFIRMED, State.BOOKED, State.MATURED, State.REPAID}
    assert reachable(State.REJECTED) == {State.REJECTED, State.RELEASED}


def test_every_state_has_a_face_and_the_money_is_somewhere() -> None:
    assert set(FACES) == set(State)
    assert {state for state in State if FACES[state] is Face.ACTIVE} == POSITION
    assert {State.REPAID, State.REJECTED, State.RELEASED} == set(State) - COMMITTED


def test_every_act_leaves_a_fact() -> None:
    assert set(_EVENTS) == set(Act)
