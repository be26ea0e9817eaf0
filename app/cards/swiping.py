"""Card payments meet the house: who else has a say in them, and how long the network waits.

batches    app/cards/swiping.py        Till.book          <- you are here, the verb that app/batch.py runs
books      cards/payments/booking.py      book()
asks       app/allowance.py      Allowances        limits and restrictions of a person, over everything they pay with
           cards/payments/voices.py       the card, its programme, what was spent, the rules
           cards/proofs/proving.py      what was presented
"""

import functools
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app import allowance, clock
from app.allowance import Allowances, LimitReached, Restricted, Spend
from app.batch import Verb, naming
from cards.card import Card
from cards.payments import booking, voices
from cards.payments.asking import Query, Rows
from cards.payments.decision import About, Question, Silent, Source
from cards.payments.gathering import Asked
from cards.payments.message import Answer, Message
from cards.payments.payment import Operation as Of
from cards.payments.payment import Payment
from cards.payments.reason import Reason
from cards.proofs.proving import Machine, Proofs
from law.money import KZT, Money, zero
from wallet import packed
from wallet.desk import Desk
from wallet.limit import Operation


class Till:
    """The verb of one process, which knows the machine that proofs are held against."""

    def __init__(self, machine: Machine | None) -> None:
        proofs: tuple[Source, ...] = () if machine is None else (Proofs(machine, clock.real),)
        self._sources: tuple[Source, ...] = (
            voices.Programme(),
            *proofs,
            voices.Spending(),
            _Allowance(),
            _Patience(),
        )

        self._ahead = timedelta()  # how far the installation's clock was before ours, when the last batch looked
        #: Decides what the network says, with everybody who has a say; all of them ask with the lanes' lock.
        self.book: Verb = naming(lambda _: (), self._asks)(functools.partial(self.decide))

    def _asks(self, messages: Sequence[Message]) -> Asked:
        return Asked(messages, self._sources, clock.real() + self._ahead)

    async def decide(self, desk: Desk, messages: Sequence[Message]) -> list[Answer | bool]:
        """Be the verb."""
        self._ahead = desk.now - clock.real()
        return await booking.book(desk, messages, self._sources)


#: Some 200 bytes each.
_REMEMBERED_MAX = 100_000


class _Allowance:
    """Where a person's own limits and restrictions speak from, in the words of cards/payments/decision.py.

    Whose a card is never changes, so it is remembered, of the cards used last: then their allowances are asked for with
    everything else.
    """

    def __init__(self) -> None:
        self._holders: OrderedDict[UUID, UUID] = OrderedDict()

    def queries(self, about: About) -> Sequence[Query]:
        """Ask what the holders of these cards may spend, where it is known who they are."""
        holders = {self._holders[card] for card in about.cards if card in self._holders}
        return (Query(*allowance.question_of(holders, about.now)),) if holders else ()

    async def voice(self, desk: Desk, about: About, rows: Sequence[Rows], cards: Mapping[UUID, Card]) -> "_Holders":
        """See Source; those who were not asked about are asked about now."""
        if rows:
            statement = allowance.question_of((), about.now).statement
            desk.heard[statement] = list(rows[0])
        for card in cards.values():
            self._holders[card.id] = card.holder
            self._holders.move_to_end(card.id)
        while len(self._holders) > _REMEMBERED_MAX:
            self._holders.popitem(last=False)
        spends = [Spend(card.holder, Operation.CARD, zero(KZT)) for card in cards.values()]
        return _Holders(await Allowances.load(desk, spends))


class _Holders(Silent):
    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    def refusals(self, question: Question) -> Iterable[Reason]:
        if question.asked.operation is Of.REFUND:  # money that comes back is nobody's spending
            return
        match self._allowances.refusal(Spend(question.card.holder, Operation.CARD, question.more)):
            case Restricted():
                yield Reason.RESTRICTED
            case LimitReached():
                yield Reason.SPENDING_LIMIT

    def spent(self, payment: Payment, before: Money, after: Money) -> None:
        assert payment.holder is not None, "who spends is somebody"
        self._allowances.count(Spend(payment.holder, Operation.CARD, after - before), payment.opened_at)

    def write(self, desk: Desk) -> None:  # noqa: ARG002  as Voice asks
        self._allowances.write()


class _Patience:
    """Where the network's own hurry speaks from: who stopped waiting must not find money held.

    A question that is late when it is decided is declined, and nothing is held. One that would become late while the
    batch is being stored is found by the database, as the last thing before COMMIT (`cards.in_time`): it undoes the
    whole transaction and says "again" (40001), so app/batch.py runs the batch anew, its other items are decided once
    more under the same locks, and the late one is declined.
    """

    def queries(self, about: About) -> Sequence[Query]:
        """Ask what time it is there, where anybody hurries."""
        return (Query(b"SELECT clock_timestamp()"),) if any(asked.deadline for asked in about.questions) else ()

    async def voice(
        self,
        desk: Desk,  # noqa: ARG002  as Source asks
        about: About,  # noqa: ARG002  as Source asks
        rows: Sequence[Rows],
        cards: Mapping[UUID, Card],  # noqa: ARG002  as Source asks
    ) -> "_Waiting":
        here = clock.real()
        return _Waiting(rows[0][0][0] - here if rows else timedelta())


class _Waiting(Silent):
    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead  # how far the database's clock is before ours
        self._first: datetime | None = None

    def refusals(self, question: Question) -> Iterable[Reason]:
        deadline = question.asked.deadline
        if deadline is not None and clock.real() >= deadline:
            yield Reason.TIMED_OUT

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        deadline = question.asked.deadline
        if deadline is not None and not reasons and not question.asked.advice:
            self._first = min(self._first or deadline, deadline)

    def write(self, desk: Desk) -> None:
        if self._first is not None:
            desk.at_last(_IN_TIME, (packed.instants([self._first + self._ahead]),))


_IN_TIME = b"SELECT cards.in_time((%s::timestamptz[])[1])"

#: The verb for cards that another processor proves: it knows no machine.
book = Till(None).book
