"""The life of a card: every state, every act."""

from itertools import product

import pytest

from cards.card import ALIVE, LIFE, Act, State, WrongState
from tests.cards import made

ALLOWED = {
    (State.ORDERED, Act.ACTIVATE): State.ACTIVE,
    (State.ORDERED, Act.CLOSE): State.CLOSED,
    (State.ACTIVE, Act.FREEZE): State.FROZEN,
    (State.ACTIVE, Act.CLOSE): State.CLOSED,
    (State.FROZEN, Act.UNFREEZE): State.ACTIVE,
    (State.FROZEN, Act.CLOSE): State.CLOSED,
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
    assert State.CLOSED not in ALIVE


def test_each_step_leaves_another_fact() -> None:
    facts = {act: {step.fact for (_, done), step in LIFE.items() if done is act} for act in Act}

    assert all(len(found) == 1 for found in facts.values())
    assert len(set().union(*facts.values())) == len(Act)
