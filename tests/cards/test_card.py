"""The life of a card: every state, every act, every flag."""

from itertools import product

import pytest

from cards.card import BEGINS, LIFE, Act, Form, Owner, State, Suspension, WrongState
from cards.programme import change
from cards.programme.change import NotSuspended
from tests.cards import made

ALLOWED = {
    (State.ORDERED, Act.PERSONALISE): State.PERSONALISING,
    (State.ORDERED, Act.CLOSE): State.CLOSED,
    (State.PERSONALISING, Act.SHIP): State.SHIPPED,
    (State.PERSONALISING, Act.CLOSE): State.CLOSED,
    (State.SHIPPED, Act.RETURN): State.PERSONALISING,
    (State.SHIPPED, Act.DELIVER): State.INACTIVE,
    (State.SHIPPED, Act.ACTIVATE): State.ACTIVE,
    (State.SHIPPED, Act.CLOSE): State.CLOSED,
    (State.INACTIVE, Act.ACTIVATE): State.ACTIVE,
    (State.INACTIVE, Act.CLOSE): State.CLOSED,
    (State.ACTIVE, Act.CLOSE): State.CLOSED,
}


@pytest.mark.parametrize(("state", "act"), list(product(State, Act)))
def test_a_card_takes_the_steps_of_its_life_and_no_others(state: State, act: Act) -> None:
    card = made.card(state=state)

    if (state, act) in ALLOWED:
        assert card.after(act).to is ALLOWED[state, act]
    else:
        with pytest.raises(WrongState) as refused:
            card.after(act)
        assert (refused.value.act, refused.value.state) == (act, state)


def test_a_closed_card_stays_closed() -> None:
    assert not [edge for edge in LIFE if edge[0] is State.CLOSED]
    assert not made.card(state=State.CLOSED).alive


def test_every_living_state_can_be_closed_and_reached() -> None:
    living = {state for state in State if state is not State.CLOSED}

    assert {state for state, act in LIFE if act is Act.CLOSE} == living
    assert {step.to for step in LIFE.values()} | {*BEGINS.values()} == set(State)


@pytest.mark.parametrize("form", list(Form))
def test_nothing_is_used_before_it_is_there(form: Form) -> None:
    """A piece of plastic that is only ordered is at its maker's, and nobody's to use."""
    activated = {state for state, act in LIFE if act is Act.ACTIVATE}

    assert activated == {State.SHIPPED, State.INACTIVE}
    assert (BEGINS[form] in activated) is (form is Form.VIRTUAL)


def test_each_act_leaves_another_fact() -> None:
    facts = {act: {step.fact for (_, done), step in LIFE.items() if done is act} for act in Act}

    assert all(len(found) == 1 for found in facts.values())
    assert len(set().union(*facts.values())) == len(Act)


@pytest.mark.parametrize(("setter", "lifter"), list(product(Owner, Owner)))
def test_nobody_lifts_the_flag_of_another(setter: Owner, lifter: Owner) -> None:
    flagged = change.suspended(made.card(), setter, "court_order").card

    if setter is lifter:
        assert change.lifted(flagged, lifter).card.suspended == ()
    else:
        with pytest.raises(NotSuspended):
            change.lifted(flagged, lifter)


@pytest.mark.parametrize("lifter", list(Owner))
def test_the_other_flags_stay_when_one_is_lifted(lifter: Owner) -> None:
    flagged = made.card(suspended=tuple(Suspension(owner, "x") for owner in Owner))

    left = change.lifted(flagged, lifter).card

    assert {flag.owner for flag in left.suspended} == set(Owner) - {lifter}


def test_a_flag_that_is_set_again_has_the_newer_reason() -> None:
    twice = change.suspended(
        change.suspended(made.card(), Owner.RISK, "unusual").card, Owner.RISK, "account_takeover"
    ).card

    assert twice.suspended == (Suspension(Owner.RISK, "account_takeover"),)


def test_a_closed_card_gets_no_flag() -> None:
    with pytest.raises(WrongState):
        change.suspended(made.card(state=State.CLOSED), Owner.RISK, "unusual")
