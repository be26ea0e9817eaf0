"""The life of a dispute as a table: every act from every state, and the reasons with their terms."""

from datetime import date

import pytest

from cards.disputes import life
from cards.disputes.life import ENDED, LIFE, WHO, Act, State, Turn, Who
from cards.disputes.outlook import of
from cards.disputes.reason import LATEST_DAYS, RULES, Credit, Proof, Reason
from tests.cards.disputes.disputed import imagined


@pytest.mark.parametrize("state", State)
def test_an_act_leads_somewhere_only_where_the_table_says_so(state: State) -> None:
    for act in Act:
        leads(state, act)


def leads(state: State, act: Act) -> None:
    turns = {turn: life.after(state, act, turn) for turn in Turn}

    if (state, act) not in LIFE:
        assert set(turns.values()) == {None}
    elif (state, act) == (State.PRE_ARBITRATION, Act.LAPSE):
        assert (turns[Turn.HOUSE], turns[Turn.NETWORK]) == (life.LIFE[State.REPRESENTMENT, Act.LAPSE], LIFE[state, act])
    elif (state, act) == (State.SUBMITTED, Act.LAPSE):
        assert (turns[Turn.HOUSE], turns[Turn.NETWORK]) == (LIFE[state, act], LIFE[State.DRAFT, Act.HAND_IN])
    elif (state, act) == (State.PRE_ARBITRATION, Act.ARBITRATE):
        assert (turns[Turn.HOUSE], turns[Turn.NETWORK]) == (LIFE[state, act], None)
    else:
        assert set(turns.values()) == {LIFE[state, act]}


def test_a_dispute_that_is_over_stays_over() -> None:
    assert {state for state, _ in LIFE} == set(State) - ENDED
    assert all((step.to in ENDED) == (step.turn is Turn.NOBODY) for step in LIFE.values())


def test_every_state_is_reached_from_a_draft_and_leads_to_an_end() -> None:
    reached, reaches = {State.DRAFT}, set(ENDED)
    for _ in State:
        reached |= {step.to for (state, _), step in LIFE.items() if state in reached}
        reaches |= {state for (state, _), step in LIFE.items() if step.to in reaches}

    assert reached == reaches == set(State)


def test_every_act_takes_somebodys_word_and_no_officer_speaks_for_the_network() -> None:
    assert set(WHO) == set(Act)
    assert {act for act, who in WHO.items() if who is Who.NETWORK} == {
        Act.ACCEPT,
        Act.REPRESENT,
        Act.CONTEST,
        Act.CONCEDE,
        Act.WIN,
        Act.LOSE,
    }


def test_every_reason_has_a_rule() -> None:
    assert set(RULES) == set(Reason)
    assert len(RULES) >= 12


@pytest.mark.parametrize("reason", Reason)
def test_terms_leave_us_time_after_the_persons(reason: Reason) -> None:
    rule = RULES[reason]

    assert rule.claim_days + rule.complete_days <= rule.file_days <= LATEST_DAYS
    assert min(rule.answer_days, rule.second_days, rule.final_days, rule.ruling_days) > 0
    assert (rule.credit is Credit.AT_ONCE) == rule.fraud
    assert len(set(rule.needs)) == len(rule.needs)
    assert not rule.fraud or Proof.DECLARATION in rule.needs


def test_dates_are_the_sums_of_the_terms_still_ahead() -> None:
    draft = imagined(State.DRAFT, Turn.PERSON, since_on=date(2026, 1, 1))
    rule = draft.rule
    terms = rule.answer_days + 2 * rule.second_days + rule.final_days + rule.ruling_days

    ahead = of(draft)

    assert ahead.act_by == rule.claim_until(date(2026, 1, 1))
    assert ahead.decided_by is not None
    assert (ahead.decided_by - rule.file_until(date(2026, 1, 1))).days == terms


def test_of_a_ruling_nobody_promises_the_day() -> None:
    ahead = of(imagined(State.ARBITRATION, Turn.NETWORK))

    assert (ahead.act_by, ahead.decided_by) == (None, None)
