"""Who has a say in a question, as cards/payments/decision.py has it: the card, its programme, counters and rules.

The proofs speak for themselves (cards/proofs/proving.py); what a person may spend beside cards, and how long the
network waits, only the house knows (app/cards/swiping.py).
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from cards import tables
from cards.card import Card
from cards.payments import hold_buffer, tariff
from cards.payments.allowance import Allowances
from cards.payments.asking import Query, Rows
from cards.payments.decision import About, Question, Silent
from cards.payments.message import Authorization
from cards.payments.payment import Operation, Payment
from cards.payments.reason import Reason
from cards.programme import control, programme
from cards.programme.programme import InForce
from cards.rules.engine import Rules, Verdict
from cards.spending.features import Features, features
from cards.spending.turnover import Turnover
from cards.spending.velocity import Counters
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
        """Ask which merchants are listed, whether cards of a basis are at their end, and what holders let pass once."""
        merchants = sorted({asked.merchant.id for asked in about.questions})
        return (Query(_IN_FORCE, (packed.texts(merchants),)), Allowances.asks(about))

    async def voice(
        self,
        desk: Desk,  # noqa: ARG002  as Source asks
        about: About,
        rows: Sequence[Rows],
        cards: Mapping[UUID, Card],  # noqa: ARG002  as Source asks
    ) -> "_Card":
        """See Source."""
        return _Card(programme.of_rows(rows[0], self._regimes, about.now), Allowances(rows[1]))


class _Card(Silent):
    def __init__(self, in_force: InForce, allowances: Allowances) -> None:
        self._in_force = in_force
        self._allowances = allowances

    def refusals(self, question: Question) -> Iterable[Reason]:
        card, asked = question.card, question.asked
        return (
            *self._allowances.left(question, _own(question)),
            *programme.refusals(self._in_force, card, asked, total=question.total, now=question.now),
        )

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        if not reasons:
            self._allowances.answered(question, _own(question))

    def write(self, desk: Desk) -> None:
        self._allowances.write(desk)


def _own(question: Question) -> tuple[Reason, ...]:
    return control.refusals(question.card, question.asked, total=question.total, today=question.today)


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
