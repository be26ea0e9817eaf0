"""The life of a dispute: who may do what from where, whose turn it is then, and the fact that is left behind.

    draft ─ evidence_needed ─ submitted ─ chargeback ─ representment ─ pre_arbitration ─ arbitration
                                                                                    └─ won | lost
    and before it is decided: withdrawn, expired, rejected

The network's money follows the acts (cards/disputes/legs.py), the person's money the end.
"""

import enum

import msgspec

from cards.disputes import events


class State(enum.StrEnum):
    """Where a dispute is."""

    DRAFT = "draft"
    EVIDENCE_NEEDED = "evidence_needed"
    SUBMITTED = "submitted"
    CHARGEBACK = "chargeback"
    REPRESENTMENT = "representment"
    PRE_ARBITRATION = "pre_arbitration"
    ARBITRATION = "arbitration"
    WON = "won"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Turn(enum.StrEnum):
    """Who has to act before the term is over."""

    PERSON = "person"
    HOUSE = "house"
    NETWORK = "network"
    NOBODY = "nobody"


class Act(enum.StrEnum):
    """What can happen to a dispute; whose word it takes is in WHO."""

    HAND_IN = "hand_in"  # with everything that is needed
    CLAIM = "claim"  # in time, with something still missing
    ASK = "ask"  # an officer asks for more
    FILE = "file"  # the network is told
    WITHDRAW = "withdraw"
    REFUSE = "refuse"  # an officer, or the network at once
    ACCEPT = "accept"  # the network gives us the money
    REPRESENT = "represent"  # the merchant's bank contests, and has it back
    ESCALATE = "escalate"  # we insist
    CONTEST = "contest"  # it contests again
    ARBITRATE = "arbitrate"  # we ask the network to decide
    CONCEDE = "concede"  # the merchant's bank gives in
    WIN = "win"  # the network decides for us, in all or in part
    LOSE = "lose"
    GIVE_UP = "give_up"
    LAPSE = "lapse"  # the term of whoever's turn it was is over
    CREDIT = "credit"  # the person gets the money before it is decided
    SHRINK = "shrink"  # the merchant refunded a part meanwhile
    TAKE_BACK = "take_back"
    REMIND = "remind"
    WRITE_OFF = "write_off"  # the operator bears what the network did not give
    FORGIVE = "forgive"  # or what the person owes
    COLLECT = "collect"  # the wallet has of it again


class Who(enum.StrEnum):
    """Whose word an act takes."""

    PERSON = "person"
    OFFICER = "officer"
    NETWORK = "network"
    HOUSE = "house"


Fact = type[events.DisputeMoved | events.DisputeEnded]


class Step(msgspec.Struct, frozen=True):
    """Where an act leads, whose turn it is then, and the fact it leaves behind."""

    to: State
    turn: Turn
    fact: Fact


def _moved(to: State, turn: Turn) -> Step:
    return Step(to, turn, events.DisputeMoved)


def _ended(to: State) -> Step:
    return Step(to, Turn.NOBODY, events.DisputeEnded)


_WITHDRAWN, _LOST, _WON = _ended(State.WITHDRAWN), _ended(State.LOST), _ended(State.WON)
_SUBMITTED = _moved(State.SUBMITTED, Turn.HOUSE)
#: Told to the network, which says whether it takes it.
FILED = _moved(State.SUBMITTED, Turn.NETWORK)

LIFE = {
    (State.DRAFT, Act.HAND_IN): _SUBMITTED,
    (State.DRAFT, Act.CLAIM): _moved(State.EVIDENCE_NEEDED, Turn.PERSON),
    (State.DRAFT, Act.WITHDRAW): _WITHDRAWN,
    (State.DRAFT, Act.LAPSE): _ended(State.EXPIRED),
    (State.EVIDENCE_NEEDED, Act.HAND_IN): _SUBMITTED,
    (State.EVIDENCE_NEEDED, Act.WITHDRAW): _WITHDRAWN,
    (State.EVIDENCE_NEEDED, Act.LAPSE): _ended(State.EXPIRED),
    (State.SUBMITTED, Act.ASK): _moved(State.EVIDENCE_NEEDED, Turn.PERSON),
    (State.SUBMITTED, Act.FILE): FILED,
    (State.SUBMITTED, Act.ACCEPT): _moved(State.CHARGEBACK, Turn.NETWORK),
    (State.SUBMITTED, Act.REFUSE): _ended(State.REJECTED),
    (State.SUBMITTED, Act.WITHDRAW): _WITHDRAWN,
    (State.SUBMITTED, Act.LAPSE): _ended(State.EXPIRED),
    (State.CHARGEBACK, Act.REPRESENT): _moved(State.REPRESENTMENT, Turn.HOUSE),
    (State.CHARGEBACK, Act.CONCEDE): _WON,
    (State.CHARGEBACK, Act.WITHDRAW): _WITHDRAWN,
    (State.CHARGEBACK, Act.LAPSE): _WON,
    (State.REPRESENTMENT, Act.ESCALATE): _moved(State.PRE_ARBITRATION, Turn.NETWORK),
    (State.REPRESENTMENT, Act.GIVE_UP): _LOST,
    (State.REPRESENTMENT, Act.WITHDRAW): _WITHDRAWN,
    (State.REPRESENTMENT, Act.LAPSE): _LOST,
    (State.PRE_ARBITRATION, Act.CONCEDE): _WON,
    (State.PRE_ARBITRATION, Act.CONTEST): _moved(State.PRE_ARBITRATION, Turn.HOUSE),
    (State.PRE_ARBITRATION, Act.ARBITRATE): _moved(State.ARBITRATION, Turn.NETWORK),
    (State.PRE_ARBITRATION, Act.GIVE_UP): _LOST,
    (State.PRE_ARBITRATION, Act.LAPSE): _WON,
    (State.ARBITRATION, Act.WIN): _WON,
    (State.ARBITRATION, Act.LOSE): _LOST,
}

ENDED = frozenset({State.WON, State.LOST, State.WITHDRAWN, State.EXPIRED, State.REJECTED})

WHO = {
    Act.HAND_IN: Who.PERSON,
    Act.CLAIM: Who.PERSON,
    Act.WITHDRAW: Who.PERSON,
    Act.ASK: Who.OFFICER,
    Act.FILE: Who.OFFICER,
    Act.ESCALATE: Who.OFFICER,
    Act.ARBITRATE: Who.OFFICER,
    Act.GIVE_UP: Who.OFFICER,
    Act.REFUSE: Who.OFFICER,
    Act.ACCEPT: Who.NETWORK,
    Act.REPRESENT: Who.NETWORK,
    Act.CONTEST: Who.NETWORK,
    Act.CONCEDE: Who.NETWORK,
    Act.WIN: Who.NETWORK,
    Act.LOSE: Who.NETWORK,
    Act.LAPSE: Who.HOUSE,
    Act.CREDIT: Who.HOUSE,
    Act.SHRINK: Who.HOUSE,
    Act.TAKE_BACK: Who.HOUSE,
    Act.REMIND: Who.HOUSE,
    Act.WRITE_OFF: Who.OFFICER,
    Act.FORGIVE: Who.OFFICER,
    Act.COLLECT: Who.HOUSE,
}


class WrongState(Exception):
    """The dispute's state knows no such act."""

    def __init__(self, act: Act, state: State) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


def after(state: State, act: Act, turn: Turn) -> Step | None:
    """Answer where `act` leads; None where it leads nowhere. Whose term was over decides who loses by a lapse."""
    if (state, act, turn) == (State.PRE_ARBITRATION, Act.LAPSE, Turn.HOUSE):
        return _LOST
    if (state, act, turn) == (State.SUBMITTED, Act.LAPSE, Turn.NETWORK):
        return _SUBMITTED  # a network that says nothing has decided nothing: officers ask it
    if (state, act) == (State.PRE_ARBITRATION, Act.ARBITRATE) and turn is not Turn.HOUSE:
        return None
    return LIFE.get((state, act))
