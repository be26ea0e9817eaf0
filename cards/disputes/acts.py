"""What each act does beside leading somewhere: the money it moves, the network it tells, how much it is about.

decides    cards/disputes/acting.py    act()      the verb
knows      cards/disputes/life.py      after()    where an act leads
does       cards/disputes/acts.py      take()     <- you are here
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from cards.disputes import dispute as disputes
from cards.disputes import events, evidence, life
from cards.disputes.errand import Kind
from cards.disputes.life import Act, State, Step, Turn, WrongState
from cards.disputes.reason import REVIEWED_ABOVE, Credit, Proof
from cards.disputes.work import Work
from law import calendar

#: What may only be as long as the network knows of nothing.
BEFORE_FILING = frozenset({Act.ASK, Act.FILE})


class MissingEvidence(Exception):
    """Something that is needed was not handed in: `proofs`."""

    def __init__(self, proofs: Sequence[Proof]) -> None:
        super().__init__(*proofs)
        self.proofs = ", ".join(proofs)


def take(work: Work) -> None:
    """Do an act; raises WrongState, MissingEvidence, BadAmount, dispute.TooLate, legs.NotEnough, and nothing moved."""
    if work.act is Act.HAND_IN:
        work.act = _handed_in(work)
    if (beside := BESIDE.get(work.act)) is not None:
        beside(work)
    else:
        before = work.before
        step = life.after(before.state, work.act, before.turn)
        if step is None or (work.known.filed and _is_late(work)):
            raise WrongState(work.act, before.state)
        ALONG.get(work.act, _nothing)(work)
        work.go(life.FILED if work.files else step)
    work.set(version=work.before.version + 1)


def _is_late(work: Work) -> bool:
    """Say whether the network's knowing of it stands against an act: what was filed in time can't be filed late."""
    ours = work.before.state is State.SUBMITTED and work.before.turn is Turn.HOUSE
    return work.act in BEFORE_FILING or (work.act is Act.LAPSE and ours)


def _handed_in(work: Work) -> Act:
    """Say whether what is needed is there; a claim in time is one also while something is missing."""
    about = work.before
    if about.state not in {State.DRAFT, State.EVIDENCE_NEEDED}:
        raise WrongState(Act.HAND_IN, about.state)
    if about.due_at is not None and work.now >= about.due_at:
        raise disputes.TooLate(calendar.statutory_date(about.due_at - timedelta(microseconds=1)))
    missing = evidence.missing(about.rule.needs, work.known.proofs)
    if not missing:
        return Act.HAND_IN
    if about.state is State.EVIDENCE_NEEDED:
        raise MissingEvidence(missing)
    return Act.CLAIM


# -- along its life ----------------------------------------------------------------------------------------------------


def _submit(work: Work) -> None:
    about, rule = work.before, work.before.rule
    work.amount = about.amount_minor
    if rule.credit is Credit.AT_ONCE:
        work.credit(about.amount_minor)
    elif rule.credit is Credit.IN_DAYS and not about.credited_minor and about.credit_due_at is None:
        today = calendar.statutory_date(work.now)
        day = calendar.current(today).add_working_days(today, rule.credit_days)
        work.set(credit_due_at=calendar.day_starts(day))
    work.set(submitted_at=about.submitted_at or work.now)
    if about.amount_minor <= REVIEWED_ABOVE.minor and not work.known.filed:
        work.tell(Kind.FILE, about.amount_minor)


def _file(work: Work) -> None:
    work.amount = work.before.amount_minor
    work.tell(Kind.FILE, work.amount)


def _withdraw(work: Work) -> None:
    """Have all of it back from the person at once; without that there is no way out."""
    about = work.before
    work.amount = about.amount_minor
    work.mover.take_back(about.credited_minor - about.lost_minor, all_of_it=True)
    work.mover.contested(about.recovered_minor)
    work.set(take_back_minor=0, take_back_at=None)
    if work.known.filed:
        work.tell(Kind.WITHDRAW, work.amount)


def _refuse(work: Work) -> None:
    work.amount = work.before.amount_minor


def _ask(work: Work) -> None:
    """Stop the working days until the credit: they begin again when what is missing is there."""
    work.amount = work.before.amount_minor
    work.set(credit_due_at=None)


def _accept(work: Work) -> None:
    """Take what the network gives; of what it does not accept the person has nothing either."""
    given = work.minor(work.before.amount_minor)
    work.credit(given)
    work.mover.given(given)
    if given < work.before.amount_minor:
        work.set(amount_minor=given)
        work.announce(work.at.contested_minor)


def _represent(work: Work) -> None:
    work.mover.contested(work.minor(work.before.recovered_minor))


def _insist(work: Work) -> None:
    work.amount = work.before.contested_minor
    work.tell(Kind.ESCALATE if work.act is Act.ESCALATE else Kind.ARBITRATE, work.amount)


def _give_up(work: Work) -> None:
    work.amount = work.before.contested_minor
    work.tell(Kind.GIVE_UP, work.amount)


def _win(work: Work) -> None:
    if work.before.state is State.CHARGEBACK:
        work.amount = work.before.recovered_minor  # it is here already, and stays
    else:
        work.mover.given(work.minor(work.before.contested_minor))


def _lapse(work: Work) -> None:
    """Let whoever had to act have lost, but for a network that has not said whether it takes it."""
    about = work.before
    work.amount = about.amount_minor
    if about.state is State.SUBMITTED and about.turn is Turn.HOUSE:
        work.credit(about.amount_minor)
        work.set(reversible=False)
    elif about.state is State.PRE_ARBITRATION and about.turn is Turn.NETWORK:
        work.mover.given(about.contested_minor)


def _nothing(work: Work) -> None:
    work.amount = work.before.contested_minor or work.before.amount_minor


# -- beside it ---------------------------------------------------------------------------------------------------------


def _credit(work: Work) -> None:
    if work.before.turn in {Turn.NOBODY, Turn.PERSON}:
        raise WrongState(work.act, work.before.state)
    work.amount = work.before.amount_minor
    work.credit(work.amount)


def _shrink(work: Work) -> None:
    """Let go of what the merchant gave back by itself: it is neither disputed nor credited any more."""
    about = work.before
    if about.ended_at is not None:
        raise WrongState(work.act, about.state)
    left = about.amount_minor - work.minor(about.amount_minor)
    work.mover.contested(max(about.recovered_minor - left, 0))
    work.set(amount_minor=left)
    work.announce(about.credited_minor - about.take_back_minor - left)
    if work.known.filed:
        work.tell(Kind.WITHDRAW, work.amount)
    work.tells(events.DisputeShrunk, refunded_minor=work.amount, amount_minor=left)
    if not left:
        work.go(Step(State.WITHDRAWN, Turn.NOBODY, events.DisputeEnded))


def _take_back(work: Work) -> None:
    if work.before.take_back_at is None:
        raise WrongState(work.act, work.before.state)
    work.amount = work.before.take_back_minor
    owed = work.mover.take_back(work.amount, all_of_it=False)
    work.set(take_back_minor=0, take_back_at=None)
    work.tells(events.CreditTakenBack, amount_minor=work.amount, owed_minor=owed)
    work.close()


def _remind(work: Work) -> None:
    due_at = work.before.due_at
    if due_at is None or work.before.turn is not Turn.PERSON:
        raise WrongState(work.act, work.before.state)
    work.set(remind_at=None)
    work.facts.append(events.DisputeReminded(dispute=work.before.id, due_at=due_at))


def _write_off(work: Work) -> None:
    if work.before.ended_at is None:
        raise WrongState(work.act, work.before.state)
    work.bear(work.minor(work.before.contested_minor))
    work.close()


def _forgive(work: Work) -> None:
    minor = work.minor(work.before.owed_minor)
    work.mover.forgive(minor)
    work.tells(events.LossBorne, what=events.What.DEBT, amount_minor=minor, fraud=work.before.rule.fraud)


def _collect(work: Work) -> None:
    work.amount = work.mover.collect()
    if not work.amount:
        raise WrongState(work.act, work.before.state)
    work.tells(events.DebtCollected, amount_minor=work.amount, owed_minor=work.at.owed_minor)


ALONG: Mapping[Act, Callable[[Work], None]] = {
    Act.HAND_IN: _submit,
    Act.ASK: _ask,
    Act.FILE: _file,
    Act.WITHDRAW: _withdraw,
    Act.REFUSE: _refuse,
    Act.ACCEPT: _accept,
    Act.REPRESENT: _represent,
    Act.ESCALATE: _insist,
    Act.ARBITRATE: _insist,
    Act.GIVE_UP: _give_up,
    Act.CONCEDE: _win,
    Act.WIN: _win,
    Act.LAPSE: _lapse,
}
BESIDE: Mapping[Act, Callable[[Work], None]] = {
    Act.CREDIT: _credit,
    Act.SHRINK: _shrink,
    Act.TAKE_BACK: _take_back,
    Act.REMIND: _remind,
    Act.WRITE_OFF: _write_off,
    Act.FORGIVE: _forgive,
    Act.COLLECT: _collect,
}
