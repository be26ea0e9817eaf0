"""The life of a case: one table of what leads where. The database holds the same table and refuses any other move.

reports    kyc/cases/records.py   add()
moves      kyc/cases/case.py      move()       by LIFE below            <- you are here
decides    kyc/cases/review.py    give()       two officers
"""

import enum


class State(enum.StrEnum):
    """Where a case stands. What its person sees of it is SHOWN."""

    DRAFT = "draft"
    COLLECTING = "collecting"
    SUBMITTED = "submitted"
    AUTO_CHECKS = "auto_checks"
    NEEDS_INPUT = "needs_input"
    SCREENING_ALERT = "screening_alert"
    MANUAL_REVIEW = "manual_review"
    SECOND_REVIEW = "second_review"
    APPROVED = "approved"
    REJECTED_FINAL = "rejected_final"
    MONITORING = "monitoring"
    RE_KYC_DUE = "re_kyc_due"
    ALERT = "alert"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    RETENTION = "retention"
    ERASED = "erased"


class Act(enum.StrEnum):
    """What is done to a case. `approve` is the machine's own, `grant` and `refuse` are two officers'."""

    COLLECT = "collect"
    SUBMIT = "submit"
    CHECK = "check"
    ASK = "ask"
    LAPSE = "lapse"
    ALERT = "alert"
    REVIEW = "review"
    PROPOSE = "propose"
    DISAGREE = "disagree"
    APPROVE = "approve"
    GRANT = "grant"
    REFUSE = "refuse"
    APPEAL = "appeal"
    MONITOR = "monitor"
    CLEAR = "clear"
    FALL_DUE = "fall_due"
    SUSPEND = "suspend"
    CLOSE = "close"
    RETAIN = "retain"
    ERASE = "erase"


class Shown(enum.StrEnum):
    """A state as the person may see it: nothing tells an alert from any other review (tipping-off)."""

    COLLECTING = "collecting"
    IN_REVIEW = "in_review"
    ACTION_NEEDED = "action_needed"
    APPROVED = "approved"
    RENEWAL_DUE = "renewal_due"
    REFUSED = "refused"
    CLOSED = "closed"


class IllegalMove(Exception):
    """The case is not in a state in which this may be done; to its person, and to officers, named as it is shown."""

    def __init__(self, state: State | Shown, act: Act) -> None:
        super().__init__(state, act)
        self.state = state
        self.act = act


BIRTH = State.DRAFT

_OPEN = {
    (State.DRAFT, Act.COLLECT): State.COLLECTING,
    (State.COLLECTING, Act.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Act.CHECK): State.AUTO_CHECKS,
    (State.AUTO_CHECKS, Act.APPROVE): State.APPROVED,
    (State.AUTO_CHECKS, Act.ASK): State.NEEDS_INPUT,
    (State.AUTO_CHECKS, Act.ALERT): State.SCREENING_ALERT,
    (State.AUTO_CHECKS, Act.REVIEW): State.MANUAL_REVIEW,
    (State.NEEDS_INPUT, Act.SUBMIT): State.SUBMITTED,
    (State.NEEDS_INPUT, Act.ALERT): State.SCREENING_ALERT,
    (State.NEEDS_INPUT, Act.LAPSE): State.COLLECTING,
    (State.SCREENING_ALERT, Act.CHECK): State.AUTO_CHECKS,
    (State.MANUAL_REVIEW, Act.CHECK): State.AUTO_CHECKS,
    (State.MANUAL_REVIEW, Act.ASK): State.NEEDS_INPUT,
    (State.MANUAL_REVIEW, Act.PROPOSE): State.SECOND_REVIEW,
    (State.SECOND_REVIEW, Act.CHECK): State.AUTO_CHECKS,
    (State.SECOND_REVIEW, Act.ASK): State.NEEDS_INPUT,
    (State.SECOND_REVIEW, Act.DISAGREE): State.MANUAL_REVIEW,
    (State.SECOND_REVIEW, Act.GRANT): State.APPROVED,
    (State.SECOND_REVIEW, Act.REFUSE): State.REJECTED_FINAL,
    (State.REJECTED_FINAL, Act.APPEAL): State.MANUAL_REVIEW,
}
_KNOWN = {
    (State.APPROVED, Act.MONITOR): State.MONITORING,
    (State.APPROVED, Act.ALERT): State.ALERT,
    (State.APPROVED, Act.FALL_DUE): State.RE_KYC_DUE,
    (State.APPROVED, Act.SUSPEND): State.SUSPENDED,
    (State.MONITORING, Act.ALERT): State.ALERT,
    (State.MONITORING, Act.FALL_DUE): State.RE_KYC_DUE,
    (State.MONITORING, Act.SUSPEND): State.SUSPENDED,
    (State.ALERT, Act.CLEAR): State.MONITORING,
    (State.ALERT, Act.REVIEW): State.MANUAL_REVIEW,
    (State.ALERT, Act.SUSPEND): State.SUSPENDED,
    (State.RE_KYC_DUE, Act.SUBMIT): State.SUBMITTED,
    (State.RE_KYC_DUE, Act.ALERT): State.ALERT,
    (State.RE_KYC_DUE, Act.SUSPEND): State.SUSPENDED,
    (State.SUSPENDED, Act.SUBMIT): State.SUBMITTED,
    (State.SUSPENDED, Act.REVIEW): State.MANUAL_REVIEW,
}
#: An account that ends takes its case with it, wherever that stands.
_ENDS = {(state, Act.CLOSE): State.CLOSED for state in State if state not in {"closed", "retention", "erased"}} | {
    (State.CLOSED, Act.RETAIN): State.RETENTION,
    (State.CLOSED, Act.ERASE): State.ERASED,
    (State.RETENTION, Act.ERASE): State.ERASED,
}
LIFE: dict[tuple[State, Act], State] = _OPEN | _KNOWN | _ENDS

#: The machine passes through these within one transaction.
PASSING = frozenset({State.DRAFT, State.SUBMITTED, State.AUTO_CHECKS})
UNDER_REVIEW = frozenset({State.MANUAL_REVIEW, State.SECOND_REVIEW})
WAITS_FOR_OFFICERS = UNDER_REVIEW | {State.SCREENING_ALERT, State.ALERT, State.SUSPENDED}
WAITS_FOR_PERSON = frozenset({State.COLLECTING, State.NEEDS_INPUT, State.RE_KYC_DUE})
STANDING = frozenset({State.APPROVED, State.MONITORING})
OVER = frozenset({State.CLOSED, State.RETENTION, State.ERASED})
#: What is seen as under review by officers whose duty lists are not.
ALERTS = frozenset({State.SCREENING_ALERT, State.ALERT})

SHOWN = {
    **dict.fromkeys((State.DRAFT, State.COLLECTING), Shown.COLLECTING),
    **dict.fromkeys({State.SUBMITTED, State.AUTO_CHECKS} | WAITS_FOR_OFFICERS, Shown.IN_REVIEW),
    State.NEEDS_INPUT: Shown.ACTION_NEEDED,
    **dict.fromkeys(STANDING, Shown.APPROVED),
    State.RE_KYC_DUE: Shown.RENEWAL_DUE,
    State.REJECTED_FINAL: Shown.REFUSED,
    **dict.fromkeys(OVER, Shown.CLOSED),
}


def seen(state: State, *, whole: bool) -> State:
    """Give a state as an officer may see it, `whole` to those whose duty lists are."""
    return State.MANUAL_REVIEW if state in ALERTS and not whole else state


def after(state: State, act: Act) -> State:
    """Look up where `act` leads from `state`; raises IllegalMove."""
    if (reached := LIFE.get((state, act))) is None:
        raise IllegalMove(state, act)
    return reached
