"""Where a decision leads from where the case stands: pure, and nothing but the machine's own acts.

Officers' acts are in kyc/cases/review.py, those of the account and the calendar in kyc/cases/keeping.py. Of who stands
nothing is open that officers were not shown: a bad copy or a selfie that failed takes nothing away from them, and hides
nothing that was found beside it.
"""

import msgspec

from kyc.cases import reasons, required
from kyc.cases.case import Case, Hop
from kyc.cases.decision import SCREENING, Decision, Outcome
from kyc.cases.life import STANDING, Act, State

_AGAIN = (Hop(Act.SUBMIT), Hop(Act.CHECK))
_ASKS = frozenset({Outcome.RETRY, Outcome.INCOMPLETE})


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided just now, and what it comes from.

    `changed`: the last decision said something else. `unlooked`: nothing is open but what is asked since, which takes
    nothing away from who is known. `open` names what was looked at and is open, whatever failed beside it. `copy` is
    what the document is worth by itself that the person just showed, None where none was shown.
    """

    decided: Decision
    changed: bool
    unlooked: bool = False
    open: tuple[str, ...] = ()
    copy: Decision | None = None


def hops(held: Case, turn: Turn) -> tuple[Hop, ...]:
    """List the moves that follow from a decision."""
    outcome, state = turn.decided.outcome, held.state
    if state in {State.DRAFT, State.COLLECTING}:
        collect = (Hop(Act.COLLECT),) if state is State.DRAFT else ()
        waits = turn.decided.document is None or (outcome in _ASKS and turn.copy is None)
        return collect if waits else (*collect, *_AGAIN, _asks(held, turn) or _leads(held, turn.decided))
    if state in {State.NEEDS_INPUT, State.RE_KYC_DUE, State.SUSPENDED}:
        return _waiting(held, turn)
    if state in {State.SCREENING_ALERT, State.MANUAL_REVIEW, State.SECOND_REVIEW}:
        return _under_review(held, turn)
    if state in STANDING:
        opened = outcome is Outcome.ALERT or (outcome is Outcome.REVIEW and not turn.unlooked) or turn.open
        return (Hop(Act.ALERT), *_alerted(turn)) if opened else ()
    return _alerted(turn) if state is State.ALERT else ()


def _leads(held: Case, decided: Decision) -> Hop:
    """Say where the automatic checks lead: whoever tried often enough, or was refused before, is looked at."""
    codes = reasons.codes(decided.reasons)
    if decided.outcome is Outcome.ALERT:
        return Hop(Act.ALERT)
    if held.attempts_left and decided.outcome is Outcome.APPROVE:
        return Hop(Act.APPROVE)
    if held.attempts_left and decided.outcome in _ASKS and decided.document is not None:
        return Hop(Act.ASK, codes)
    return Hop(Act.REVIEW)


def _asks(held: Case, turn: Turn) -> Hop | None:
    """Ask again for a copy that failed, where all that is open is about another document."""
    elsewhere = turn.decided.outcome is Outcome.REVIEW and all(map(required.NOW.is_bound, turn.decided.reasons))
    if not elsewhere or turn.copy is None or turn.copy.outcome is not Outcome.RETRY or not held.attempts_left:
        return None
    return Hop(Act.ASK, reasons.codes(turn.copy.reasons))


def _waiting(held: Case, turn: Turn) -> tuple[Hop, ...]:
    """Go on when the person did what they were asked for; only an alert does not wait for that."""
    outcome, asked = turn.decided.outcome, held.state is State.NEEDS_INPUT
    did = turn.changed and outcome not in _ASKS
    if turn.copy is not None or (asked and did):
        return (*_AGAIN, (_asks(held, turn) if asked else None) or _leads(held, turn.decided))
    hidden = held.state is State.RE_KYC_DUE and SCREENING in turn.open
    if hidden or (outcome is Outcome.ALERT and held.state is not State.SUSPENDED):
        return (Hop(Act.ALERT),)
    return ()


def _under_review(held: Case, turn: Turn) -> tuple[Hop, ...]:
    """Look again where what officers look at has changed; a bad copy of a document changes nothing for them."""
    leads = _leads(held, turn.decided)
    if held.state is State.SCREENING_ALERT:
        return () if leads.act is Act.ALERT else (Hop(Act.CHECK), leads)
    if leads.act is Act.ASK and not (turn.changed and turn.decided.outcome is Outcome.INCOMPLETE):
        return ()
    if leads.act is Act.REVIEW and not (turn.changed and held.state is State.SECOND_REVIEW):
        return ()
    return (Hop(Act.CHECK), leads)


def _alerted(turn: Turn) -> tuple[Hop, ...]:
    """After an alert: clear when nothing is open, to the officers when more than the alert is."""
    outcome = turn.decided.outcome
    if outcome is Outcome.APPROVE:
        return (Hop(Act.CLEAR),)
    return () if outcome is Outcome.ALERT or SCREENING in turn.open else (Hop(Act.REVIEW),)
