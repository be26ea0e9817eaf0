"""The decision about a question of the network: a pure function over what was loaded, and who has a say in it.

asks       cards/payments/swipe.py        authorize()
speaks cards/payments/voices.py  the card, the programme, the proofs, the counters, the rules; app/cards/swiping.py more
decides    cards/payments/decision.py     decide()            <- you are here
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from cards.card import Card
from cards.payments.asking import Query, Rows
from cards.payments.message import Authorization
from cards.payments.payment import Payment
from cards.payments.reason import Reason, in_order
from law.money import Money
from wallet.desk import Desk


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about: `payment` as it was before, and the `number` that the answer will have in it.

    `more` is how much more would be spent than `before`, with our charges and what is set aside beyond an estimate;
    `total` is all that the merchant would have been promised or have taken of the payment, without either.
    `today` is the day in Kazakhstan.
    """

    card: Card
    asked: Authorization
    payment: Payment
    number: int
    before: Money
    more: Money
    total: Money
    now: datetime
    today: date


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the decision looks at.

    `found` is what the voices have against it. `needed` is what the wallet would have to set aside now: less than
    `amount` where a reversal or the clearing overtook the question. `over`: a yes could not promise the rest any more.
    `less` is what could be had of it where not all can, None where the merchant takes all or nothing.
    """

    found: tuple[Reason, ...]
    amount: Money
    needed: Money
    spendable: Money
    over: bool = False
    closed: bool = False
    less: Money | None = None


class Approved(msgspec.Struct, frozen=True):
    """The merchant is promised `amount`; `partial` says that it asked for more."""

    amount: Money
    partial: bool = False


class Declined(msgspec.Struct, frozen=True):
    """The merchant gets nothing; the first of `reasons` is the one answered, all are kept for the holder."""

    reasons: tuple[Reason, ...]


Decision = Approved | Declined


def decide(case: Case) -> Decision:
    """Answer a question. All reasons are found; of the money alone a part may be enough.

    A yes means that what is held for it, together with what overtook it, is the amount or more.
    """
    reasons = set(case.found)
    if case.over:
        reasons.add(Reason.PURCHASE_OVER)
    if case.closed and case.needed:
        reasons.add(Reason.WALLET_CLOSED)
    if case.needed > case.spendable:
        if case.less and not reasons:
            return Approved(case.less, partial=True)
        reasons.add(Reason.INSUFFICIENT_FUNDS)
    return Declined(in_order(reasons)) if reasons else Approved(case.amount)


class Voice(Protocol):
    """Who may have something against a question, and keeps count of what became of it; for one batch."""

    def refusals(self, question: Question) -> Iterable[Reason]:
        """Say everything that stands against it; counts nothing."""
        ...

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        """Take note of the answer to it, which is yes where there are no `reasons`."""
        ...

    def buffer_percent(self, question: Question) -> int:
        """Say how much more than was asked should be set aside, where the wallet has it."""
        ...

    def spent(self, payment: Payment, before: Money, after: Money) -> None:
        """Take note of what an element changed of what is spent with `payment`."""
        ...

    def features(self, question: Question) -> Mapping[str, object]:
        """Say what was known when it was asked, to be kept with the decision; no secrets."""
        ...

    def write(self, desk: Desk) -> None:
        """Have stored what was noted, with what the batch writes."""
        ...


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch is about, before anything is loaded: cards and payments (by lane) that are named, and questions."""

    cards: Sequence[UUID]
    payments: Sequence[tuple[int, UUID]]
    questions: Sequence[Authorization]
    now: datetime


class Source(Protocol):
    """Where a voice comes from: what it asks the database, together with all others, and what it makes of the rows."""

    def queries(self, about: About) -> Sequence[Query]:
        """Name the statements."""
        ...

    async def voice(self, desk: Desk, about: About, rows: Sequence[Rows], cards: Mapping[UUID, Card]) -> Voice:
        """Speak up, knowing their answers."""
        ...


class Silent:
    """A voice that has nothing to say; the others begin here and say what they have."""

    def refusals(self, question: Question) -> Iterable[Reason]:  # noqa: ARG002  as Voice asks
        """Find nothing."""
        return ()

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        """Note nothing."""

    def buffer_percent(self, question: Question) -> int:  # noqa: ARG002  as Voice asks
        """Want nothing more."""
        return 0

    def spent(self, payment: Payment, before: Money, after: Money) -> None:
        """Count nothing."""

    def features(self, question: Question) -> Mapping[str, object]:  # noqa: ARG002  as Voice asks
        """Know nothing."""
        return {}

    def write(self, desk: Desk) -> None:
        """Store nothing."""
