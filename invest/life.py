"""The life of a placement: every act that is possible, and where it leads.

requested  confirmed, the money set aside    -> sent: the bank is being asked | rejected: it can't be asked
sent       the bank is asked or is deciding  -> confirmed | rejected | unknown: it did not answer
unknown    it may have the placement or not  -> sent: it was found there | confirmed | rejected
confirmed  the bank opened the deposit       -> booked: the money set aside went to it
rejected   the bank refused                  -> released: the money set aside is free again
booked     the position exists               -> matured: the bank says the term is over
matured    the money is on its way           -> repaid: principal and interest are in the wallet
"""

import enum


class State(enum.StrEnum):
    """Where a placement is."""

    REQUESTED = "requested"
    SENT = "sent"
    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    BOOKED = "booked"
    MATURED = "matured"
    REPAID = "repaid"
    REJECTED = "rejected"
    RELEASED = "released"


class Act(enum.StrEnum):
    """What can happen to it."""

    SEND = "send"
    LOSE = "lose"
    FIND = "find"
    CONFIRM = "confirm"
    REJECT = "reject"
    BOOK = "book"
    RELEASE = "release"
    MATURE = "mature"
    REPAY = "repay"


class Face(enum.StrEnum):
    """What the resident sees of a state: the same story without our plumbing."""

    PROCESSING = "processing"
    ACTIVE = "active"
    REPAID = "repaid"
    REJECTED = "rejected"


LIFE = {
    (State.REQUESTED, Act.SEND): State.SENT,
    (State.REQUESTED, Act.REJECT): State.REJECTED,
    (State.SENT, Act.LOSE): State.UNKNOWN,
    (State.SENT, Act.CONFIRM): State.CONFIRMED,
    (State.SENT, Act.REJECT): State.REJECTED,
    (State.UNKNOWN, Act.FIND): State.SENT,
    (State.UNKNOWN, Act.CONFIRM): State.CONFIRMED,
    (State.UNKNOWN, Act.REJECT): State.REJECTED,
    (State.CONFIRMED, Act.BOOK): State.BOOKED,
    (State.REJECTED, Act.RELEASE): State.RELEASED,
    (State.BOOKED, Act.MATURE): State.MATURED,
    (State.MATURED, Act.REPAY): State.REPAID,
}

FACES = {
    State.REQUESTED: Face.PROCESSING,
    State.SENT: Face.PROCESSING,
    State.UNKNOWN: Face.PROCESSING,
    State.CONFIRMED: Face.PROCESSING,
    State.BOOKED: Face.ACTIVE,
    State.MATURED: Face.ACTIVE,
    State.REPAID: Face.REPAID,
    State.REJECTED: Face.REJECTED,
    State.RELEASED: Face.REJECTED,
}

#: Money on its way to a bank or there: it counts against that bank's guarantee.
COMMITTED = frozenset(state for state, face in FACES.items() if face in {Face.PROCESSING, Face.ACTIVE})
#: The deposit exists.
POSITION = frozenset(state for state, face in FACES.items() if face is Face.ACTIVE)


class WrongState(Exception):
    """The placement's state knows no such act (yet)."""

    def __init__(self, act: Act, state: State) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


def after(state: State, act: Act) -> State:
    """Answer where `act` leads from `state`; raises WrongState."""
    found = LIFE.get((state, act))
    if found is None:
        raise WrongState(act, state)
    return found
