"""The life of an application: one table of who may do what when, and the fact each move records.

Every service of the catalogue lives by this table; what differs between services is data (residency/service.py).
"""

from enum import StrEnum

import msgspec

from residency import events


class State(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    CHECKING = "checking"
    AWAITING_APPLICANT = "awaiting_applicant"
    IN_REVIEW = "in_review"
    SECOND_REVIEW = "second_review"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Act(StrEnum):
    """What somebody does to an application."""

    SUBMIT = "submit"
    CHECK = "check"
    ASK = "ask"
    FORWARD = "forward"
    PROPOSE = "propose"
    DISAGREE = "disagree"
    GRANT = "grant"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


class Step(msgspec.Struct, frozen=True):
    """Where a move leads and the fact it records."""

    state: State
    fact: type[events.ApplicationFact]


BIRTH = Step(State.DRAFT, events.Drafted)

LIFE = {
    (State.DRAFT, Act.SUBMIT): Step(State.SUBMITTED, events.Submitted),
    (State.DRAFT, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
    (State.SUBMITTED, Act.CHECK): Step(State.CHECKING, events.CheckingStarted),
    (State.SUBMITTED, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
    (State.CHECKING, Act.ASK): Step(State.AWAITING_APPLICANT, events.Asked),
    (State.CHECKING, Act.FORWARD): Step(State.IN_REVIEW, events.ReviewOpened),
    (State.CHECKING, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
    (State.AWAITING_APPLICANT, Act.SUBMIT): Step(State.SUBMITTED, events.Answered),
    (State.AWAITING_APPLICANT, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
    (State.IN_REVIEW, Act.ASK): Step(State.AWAITING_APPLICANT, events.Asked),
    (State.IN_REVIEW, Act.PROPOSE): Step(State.SECOND_REVIEW, events.FirstReviewed),
    (State.IN_REVIEW, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
    (State.SECOND_REVIEW, Act.ASK): Step(State.AWAITING_APPLICANT, events.Asked),
    (State.SECOND_REVIEW, Act.DISAGREE): Step(State.IN_REVIEW, events.ReviewReopened),
    (State.SECOND_REVIEW, Act.GRANT): Step(State.GRANTED, events.Granted),
    (State.SECOND_REVIEW, Act.REFUSE): Step(State.REFUSED, events.Refused),
    (State.SECOND_REVIEW, Act.WITHDRAW): Step(State.WITHDRAWN, events.Withdrawn),
}

OPEN = frozenset(before for before, _ in LIFE)
CLOSED = frozenset(State) - OPEN
UNDER_CHECK = frozenset({State.SUBMITTED, State.CHECKING})
UNDER_REVIEW = frozenset({State.IN_REVIEW, State.SECOND_REVIEW})
EDITABLE = frozenset(before for before, act in LIFE if act is Act.SUBMIT)


class IllegalMove(Exception):
    """The application is not in a state in which this may be done."""

    def __init__(self, state: State, act: Act) -> None:
        super().__init__(state, act)
        self.state = state
        self.act = act


def move(state: State, act: Act) -> Step:
    """Look up where `act` leads from `state`; raises IllegalMove."""
    if (step := LIFE.get((state, act))) is None:
        raise IllegalMove(state, act)
    return step
