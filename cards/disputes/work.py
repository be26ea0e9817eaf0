"""The work of one act on one dispute: what its parts are, and what is left behind when it is done."""

from datetime import datetime, timedelta

import msgspec

from cards.disputes import dispute as disputes
from cards.disputes import errand, events
from cards.disputes.dispute import Dispute
from cards.disputes.errand import Errand
from cards.disputes.legs import Mover
from cards.disputes.life import ENDED, Act, State, Step, Turn
from cards.disputes.reason import BORNE_UP_TO, NOTICE, REMIND_BEFORE, REVERSIBLE_FOR
from cards.disputes.storing import Known
from law import calendar


class BadAmount(Exception):
    """The amount is not one this hop can be about: more than nothing, and at most `most` minor units."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class Work:
    """One act under way. `before` is the dispute as it was, `at` as it is after what was done so far.

    `minor` is how much somebody named, None for all of it; `amount` becomes how much the hop is about.
    """

    def __init__(self, mover: Mover, act: Act, known: Known, now: datetime, *, minor: int | None) -> None:
        self.before = mover.at
        self.act = act
        self.known = known
        self.now = now
        self.mover = mover
        self.amount = 0
        self.errand: Errand | None = None
        self.facts: list[msgspec.Struct] = []
        self._named = minor

    @property
    def at(self) -> Dispute:
        """The dispute after what was done so far."""
        return self.mover.at

    def set(self, **values: object) -> None:
        """Let the dispute be otherwise."""
        self.mover.at = msgspec.structs.replace(self.mover.at, **values)

    def minor(self, most: int) -> int:
        """Say how much it is about: what was named, all of it else; raises BadAmount."""
        self.amount = most if self._named is None else self._named
        if not 0 < self.amount <= most:
            raise BadAmount(most)
        return self.amount

    def tell(self, kind: errand.Kind, minor: int) -> None:
        """Have the network told."""
        self.errand = Errand(dispute=self.before.id, number=self.before.version, kind=kind, amount_minor=minor)

    @property
    def files(self) -> bool:
        """Whether the network is told of the dispute by this act."""
        return self.errand is not None and self.errand.kind is errand.Kind.FILE

    def in_days(self, days: int) -> datetime:
        """Answer when the day is over that comes after so many."""
        return disputes.ends(calendar.statutory_date(self.now) + timedelta(days=days))

    def credit(self, minor: int) -> None:
        """Let the person have `minor` in all before it is decided."""
        self.set(credit_due_at=None)
        more = max(minor - (self.at.credited_minor - self.at.take_back_minor), 0)
        if not more:
            return
        self.mover.credit(more)
        until = self.at.reversible_until or self.now + REVERSIBLE_FOR
        self.set(reversible_until=until)
        self.tells(events.DisputeCredited, amount_minor=more, reversible_until=until)

    def announce(self, minor: int) -> None:
        """Give notice that `minor` more of the credit is taken back."""
        if minor > 0:
            at, all_of_it = self.in_days(NOTICE.days), self.at.take_back_minor + minor
            self.set(take_back_minor=all_of_it, take_back_at=at)
            self.tells(events.TakeBackAnnounced, amount_minor=all_of_it, at=at)

    def bear(self, minor: int) -> None:
        """Let the operator bear `minor` of what it gave and the network does not."""
        self.mover.bear(minor)
        self.tells(events.LossBorne, what=events.What.RECEIVABLE, amount_minor=minor, fraud=self.at.rule.fraud)

    def go(self, step: Step) -> None:
        """Come to where an act leads, with the term of whoever's turn it is then."""
        ended = step.to in ENDED
        due_at = None if ended else self._due_at(step)
        remind_at = due_at - REMIND_BEFORE if due_at is not None and step.turn is Turn.PERSON else None
        self.set(state=step.to, turn=step.turn, due_at=due_at, remind_at=remind_at)
        told = {"act": self.act, "state": step.to}
        if ended:
            self.set(ended_at=self.now, credit_due_at=None)
            recovered = self.at.recovered_minor
            self.tells(step.fact, **told, amount_minor=self.at.amount_minor, recovered_minor=recovered)
            self._settle()
        else:
            self.tells(step.fact, **told, turn=step.turn, amount_minor=self.amount, due_at=due_at)

    def _due_at(self, step: Step) -> datetime | None:
        rule = self.before.rule
        if step.to is State.SUBMITTED and step.turn is Turn.HOUSE:
            return None if self.known.filed else disputes.ends(rule.file_until(self.before.since_on))
        days = {
            (State.EVIDENCE_NEEDED, Turn.PERSON): rule.complete_days,
            (State.SUBMITTED, Turn.NETWORK): rule.answer_days,
            (State.CHARGEBACK, Turn.NETWORK): rule.answer_days,
            (State.REPRESENTMENT, Turn.HOUSE): rule.second_days,
            (State.PRE_ARBITRATION, Turn.NETWORK): rule.final_days,
            (State.PRE_ARBITRATION, Turn.HOUSE): rule.second_days,
        }.get((step.to, step.turn))
        # How long the network takes to rule is its own affair: nothing happens when it is late.
        return None if days is None else self.in_days(days)

    def _settle(self) -> None:
        """Say what becomes of what the person has and the network did not give."""
        at, rest = self.at, self.at.contested_minor
        in_time = at.reversible_until is None or self.now <= at.reversible_until
        if rest and at.reversible and in_time:
            self.announce(rest)
        elif 0 < rest <= BORNE_UP_TO.minor:
            self.bear(rest)
        self.close()

    def close(self) -> None:
        """End the money's side too, once nothing is open of it."""
        at = self.at
        if at.ended_at is None or at.closed_at is not None or at.take_back_minor or at.contested_minor:
            return
        self.set(closed_at=self.now)
        if at.credited_minor:
            self.tells(events.CreditFinal, amount_minor=at.credited_minor)

    def tells(self, fact: type[msgspec.Struct], **fields: object) -> None:
        """Leave a fact behind, about this dispute and in its currency."""
        self.facts.append(fact(dispute=self.before.id, currency=str(self.before.currency), **fields))
