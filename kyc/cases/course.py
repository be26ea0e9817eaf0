"""Where a decision leads from where the case stands: pure, and nothing but the machine's own acts.

Officers' acts are in kyc/cases/review.py, those of the account and the calendar in kyc/cases/keeping.py.
"""

from kyc.cases import reasons
from kyc.cases.case import Case, Hop
from kyc.cases.decision import Decision, Outcome
from kyc.cases.life import STANDING, Act, State

_AGAIN = (Hop(Act.SUBMIT), Hop(Act.CHECK))


def hops(held: Case, decided: Decision, *, shown: bool, changed: bool, unlooked: bool = False) -> tuple[Hop, ...]:
    """List the moves that follow from a decision.

    `shown` says that the person just showed a document, `changed` that the last decision said something else, and
    `unlooked` that nothing is open but what is asked since: that takes nothing away from who is known.
    """
    outcome, state = decided.outcome, held.state
    if state in {State.DRAFT, State.COLLECTING}:
        collect = (Hop(Act.COLLECT),) if state is State.DRAFT else ()
        waits = outcome is Outcome.INCOMPLETE or (outcome is Outcome.RETRY and not shown)
        return collect if waits else (*collect, *_AGAIN, _leads(held, decided))
    if state in {State.NEEDS_INPUT, State.RE_KYC_DUE, State.SUSPENDED}:
        return _waiting(held, decided, shown=shown, changed=changed)
    if state in {State.SCREENING_ALERT, State.MANUAL_REVIEW, State.SECOND_REVIEW}:
        return _under_review(held, decided, changed=changed)
    if state in STANDING:
        opened = outcome is Outcome.ALERT or (outcome is Outcome.REVIEW and not unlooked)
        return (Hop(Act.ALERT), *_alerted(decided)) if opened else ()
    return _alerted(decided) if state is State.ALERT else ()


def _leads(held: Case, decided: Decision) -> Hop:
    """Say where the automatic checks lead: whoever tried often enough, or was refused before, is looked at."""
    codes = reasons.codes(decided.reasons)
    if decided.outcome is Outcome.ALERT:
        return Hop(Act.ALERT)
    if held.attempts_left and decided.outcome is Outcome.APPROVE:
        return Hop(Act.APPROVE)
    if held.attempts_left and decided.outcome is Outcome.RETRY:
        return Hop(Act.ASK, codes)
    return Hop(Act.REVIEW)


def _waiting(held: Case, decided: Decision, *, shown: bool, changed: bool) -> tuple[Hop, ...]:
    """Go on when the person did what they were asked for; only an alert does not wait for that."""
    if shown or (held.state is State.NEEDS_INPUT and changed and decided.outcome is not Outcome.RETRY):
        return (*_AGAIN, _leads(held, decided))
    if decided.outcome is Outcome.ALERT and held.state is not State.SUSPENDED:
        return (Hop(Act.ALERT),)
    return ()


def _under_review(held: Case, decided: Decision, *, changed: bool) -> tuple[Hop, ...]:
    """Look again where what officers look at has changed; a bad copy of a document changes nothing for them."""
    leads = _leads(held, decided)
    if held.state is State.SCREENING_ALERT:
        return () if leads.act is Act.ALERT else (Hop(Act.CHECK), leads)
    if leads.act is Act.ASK or (leads.act is Act.REVIEW and not (changed and held.state is State.SECOND_REVIEW)):
        return ()
    return (Hop(Act.CHECK), leads)


def _alerted(decided: Decision) -> tuple[Hop, ...]:
    """After an alert: clear when nothing is open, to the officers when more than the alert is."""
    if decided.outcome is Outcome.APPROVE:
        return (Hop(Act.CLEAR),)
    return (Hop(Act.REVIEW),) if decided.outcome in {Outcome.REVIEW, Outcome.REJECT} else ()
