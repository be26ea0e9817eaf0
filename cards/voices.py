"""Who has a say in a question, in the words of cards/decision.py: the card and its programme, the counters, the rules.

The proofs speak for themselves (cards/proving.py); what a person may spend beside cards, and how long the network
waits, only the house knows (app/swiping.py).
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from cards import control, hold_buffer, programme, tables, tariff
from cards.asking import Query, Rows
from cards.card import Card
from cards.decision import About, Question, Silent
from cards.features import Features, features
from cards.message import Authorization
from cards.payment import Operation, Payment
from cards.programme import InForce
from cards.reason import Reason
from cards.rules.engine import Rules, Verdict
from cards.turnover import Turnover
from cards.velocity import Counters
from law import calendar, regime
from law.money import KZT, Money, zero
from proof import journal
from wallet import packed
from wallet.desk import Desk

_CASH = frozenset({Operation.CASH, Operation.CASHBACK})
_IN_FORCE = programme.IN_FORCE.replace(":merchants", "%s::text[]").encode()


class Programme:
    """Where the card and the programme speak from."""

    def __init__(self, regimes: regime.Programme = regime.PROGRAMME) -> None:
        self._regimes = regimes

    def queries(self, about: About) -> Sequence[Query]:
        """Ask which merchants are listed, and whether cards of a basis are at their end."""
        merchants = sorted({asked.merchant.id for asked in about.questions})
        return (Query(_IN_FORCE, (packed.texts(merchants),)),)

    async def voice(
        self,
        desk: Desk,  # noqa: ARG002  as Source asks
        about: About,
        rows: Sequence[Rows],
        cards: Mapping[UUID, Card],  # noqa: ARG002  as Source asks
    ) -> "_Card":
        """See Source."""
        return _Card(programme.of_rows(rows[0], self._regimes, about.now))


class _Card(Silent):
    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force

    def refusals(self, question: Question) -> Iterable[Reason]:
        card, asked = question.card, question.asked
        return (
            *control.refusals(card, asked, today=question.today),
            *programme.refusals(self._in_force, card, asked, now=question.now),
        )


class Spending:
    """Where counters, the programme's turnover and the rules speak from: they look at the same numbers."""

    def queries(self, about: About) -> Sequence[Query]:
        """Ask what cards spent, what lanes may still turn over, and which rules there are."""
        today = calendar.statutory_date(about.now)
        wanted = _wanted(about.questions, today)
        added = _wanted((asked for asked in about.questions if asked.increment), today)
        return (
            Query(*Counters.asks(about.cards, about.payments)),
            Query(*Turnover.asks(wanted, about.now, added=added)),
            Query(Rules.asks()),
        )

    async def voice(
        self,
        desk: Desk,
        about: About,  # noqa: ARG002  as Source asks
        rows: Sequence[Rows],
        cards: Mapping[UUID, Card],  # noqa: ARG002  as Source asks
    ) -> "_Spending":
        """See Source."""
        spent, turned_over, rules = rows
        return _Spending(Counters(desk, spent), Turnover(desk, turned_over), await Rules.of(desk, rules))


class _Spending(Silent):
    def __init__(self, counters: Counters, turnover: Turnover, rules: Rules) -> None:
        self._counters = counters
        self._turnover = turnover
        self._rules = rules
        self._known: tuple[Question, Features, Verdict] | None = None

    def refusals(self, question: Question) -> Iterable[Reason]:
        payment, asked = question.payment, question.asked
        limits = self._counters.refusals(
            question.card,
            question.more,
            opened_at=payment.opened_at,
            cash=asked.operation in _CASH,
            counts=not question.before,
        )
        capped = self._turnover.refuses(payment.lane, question.more, payment.opened_at)
        return itertools.chain(limits, (capped,) if capped else (), self._judged(question)[1].reasons)

    def buffer_percent(self, question: Question) -> int:
        return self._judged(question)[1].buffer_percent

    def features(self, question: Question) -> Mapping[str, object]:
        return msgspec.structs.asdict(self._judged(question)[0])

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        _, verdict = self._judged(question)
        approved = not reasons
        self._counters.note(question.card.id, question.asked, approved=approved)
        if verdict.hits:
            amount = question.asked.amount.minor
            self._rules.log(question.payment, question.number, verdict, approved=approved, minor=amount)

    def spent(self, payment: Payment, before: Money, after: Money) -> None:
        assert payment.card is not None, "who spends has a card"
        cash = any(element.operation in _CASH for element in payment.elements)
        self._counters.count(payment.card, before, after, payment.opened_at, cash=cash)
        self._turnover.count(payment.lane, before, after, payment.opened_at)

    def write(self, desk: Desk) -> None:
        self._counters.write()
        self._turnover.write()
        self._rules.write()
        if alerts := self._rules.facts():
            statement, facts = journal.appending(tables.event, alerts)
            desk.also(statement, (packed.texts([facts]),))

    def _judged(self, question: Question) -> tuple[Features, Verdict]:
        """Judge a question once: what is known of it is kept with the decision as it was then."""
        if self._known is None or not self._is_known(question):
            known = features(question.asked, question.card, self._counters, question.now)
            self._known = question, known, self._rules.judge(known)
        return self._known[1:]

    def _is_known(self, question: Question) -> bool:
        assert self._known is not None
        return self._known[0].asked is question.asked


def _wanted(questions: Iterable[Authorization], on: date) -> Mapping[int, Money]:
    """Sum what the questions of each lane could spend, with our charges and what is set aside beyond estimates."""
    wanted: defaultdict[int, Money] = defaultdict(lambda: zero(KZT))
    for asked in questions:
        if asked.amount.currency is KZT:
            wanted[asked.lane] += asked.amount + _beside(asked, on)
    return wanted


def _beside(asked: Authorization, on: date) -> Money:
    merchant = asked.merchant
    charged = tariff.charges(asked.amount, original=asked.original, operation=asked.operation, on=on)
    buffer = hold_buffer.over(
        asked.amount, merchant.category, merchant.country, asked.channel, estimated=asked.estimated, on=on
    )
    return charged.total + buffer.more
