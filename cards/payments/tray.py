"""The tray of one batch: the cards and payments its messages are about, and what became of them.

Everything the batch needs comes with the lanes' lock (cards/payments/gathering.py), before the first message is
decided; messages then see what those before them did; everything is stored with the ledger's moves (wallet/desk.py), at
no round trip of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from cards import card as cards_card
from cards import tables
from cards.card import Card
from cards.payments import archive, asking, history
from cards.payments.archive import Promise
from cards.payments.asking import Rows
from cards.payments.decision import Question, Source, Voice
from cards.payments.gathering import PURPOSES, Asked
from cards.payments.message import HouseMessage, Message, NetworkMessage, WriteOff
from cards.payments.payment import Kind, Payment, PaymentId
from cards.payments.reason import Reason
from cards.proofs.presented import NOTHING
from law import calendar
from law.money import zero
from proof import journal
from wallet import account, packed
from wallet.chart import CHART, Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId

_Key = tuple[int, str, str, UUID | None]


class Tray:
    """What one batch works on. `desk` holds the wallets' running balances, `now` is the installation's clock."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = desk.now
        self.today = calendar.statutory_date(desk.now)
        self.promises: dict[PaymentId, Promise] = {}
        self._loans: dict[PaymentId, datetime] = {}
        self._cards: Mapping[UUID, Card] = {}
        self._lines: dict[UUID, Sequence[UUID]] = {}
        self._heirs: dict[UUID, UUID] = {}
        self._operator: dict[tuple[int, Purpose, str, str], AccountId] = {}
        self._payments: dict[PaymentId, Payment] = {}
        self._by_name: dict[_Key, PaymentId] = {}
        self._as_loaded: dict[PaymentId, int] = {}
        self._touched: set[PaymentId] = set()
        self._voices: list[Voice] = []
        self._facts: list[journal.Fact] = []
        self._decisions: list[dict[str, object]] = []
        self._links: list[dict[str, object]] = []

    # -- loading -------------------------------------------------------------------------------------------------------

    async def load(self, messages: Sequence[Message], sources: Sequence[Source]) -> None:
        """Bring everything `messages` are about onto the tray and the desk, and let `sources` speak up."""
        asked, answers = await self._heard(messages, sources)
        own, *others = asked.shared(answers)
        self._lay_out(*own)
        await self._open_operators(messages)
        about = msgspec.structs.replace(asked.about, now=self.now)
        for source, rows in zip(sources, others, strict=True):
            self._voices.append(await source.voice(self.desk, about, rows, self._cards))

    async def _heard(self, messages: Sequence[Message], sources: Sequence[Source]) -> tuple[Asked, list[Rows]]:
        """Take what was answered with the lock, or ask now; what was asked for another day is no answer."""
        asked, heard = self.desk.asked, self.desk.heard
        if isinstance(asked, Asked) and asked.day == self.today:
            return asked, [heard[query.statement] for query in asked]
        asked = Asked(messages, sources, self.now)
        return asked, await asking.ask(self.desk.db, asked)

    def _lay_out(self, cards: Rows, payments: Rows, accounts: Rows) -> None:
        self._cards = {found.id: found for found in map(cards_card.of_row, cards)}
        self._lines = {row["id"]: row["line"] for row in cards if row["line"]}
        self._heirs = {before: heir for heir, line in self._lines.items() for before in line}
        for kept in archive.found(payments):
            self._lay(kept.payment)
            self._as_loaded[kept.payment.id] = len(kept.payment.elements)
            if kept.promise:
                self.promises[kept.payment.id] = kept.promise
            if kept.open:
                self.desk.holds[kept.open.id] = kept.open
            if kept.loan_due:
                self._loans[kept.payment.id] = kept.loan_due
        self.desk.lay_out([row[1] for row in accounts], (row[:-2] for row in accounts))
        self._operator = {
            (lane, Purpose(purpose), label, currency): id_
            for lane, id_, _, currency, *_, purpose, label in accounts
            if purpose is not None
        }

    async def _open_operators(self, messages: Sequence[Message]) -> None:
        """Open the operator's accounts where money needs them for the first time."""
        purposes = [*PURPOSES]
        if any(isinstance(message, WriteOff) for message in messages):
            purposes.append(Purpose.FRAUD_LOSS)
        places = {(each.lane, each.network, each.currency) for each in map(self.payment, messages)}
        for lane, network, currency in sorted(places):
            for purpose in purposes:
                label = network if CHART[purpose].label else ""
                if (lane, purpose, label, str(currency)) not in self._operator:
                    self._operator[lane, purpose, label, str(currency)] = opened = await account.operator(
                        self.desk.db, lane=lane, purpose=purpose, label=label, currency=currency, at=self.now
                    )
                    await self.desk.load([opened])

    # -- what lies there -----------------------------------------------------------------------------------------------

    def payment(self, message: Message) -> Payment:
        """Find the payment `message` is about; a purchase not heard of before is a payment without elements."""
        if isinstance(message, HouseMessage):
            return self._payments[message.payment]
        return self._find(message.lane, message.network, message.lifecycle, message.card) or self._opened(message)

    def find(self, payment: PaymentId) -> Payment:
        """Answer a payment that a message named by its id."""
        return self._payments[payment]

    def named(self, payment: Payment, lifecycle: str) -> Payment | None:
        """Find another payment of the same card by the network's name for it."""
        known = self._find(payment.lane, payment.network, lifecycle, payment.card)
        return None if known is None or known.id == payment.id else known

    def _find(self, lane: int, network: str, lifecycle: str, card: UUID | None) -> Payment | None:
        """Look a name up on a card, then on those in whose place it came."""
        for each in (card, *self._lines.get(card, ())) if card else (None,):
            if (known := self._by_name.get((lane, network, lifecycle, each))) is not None:
                return self._payments[known]
        return None

    def _opened(self, message: NetworkMessage) -> Payment:
        paying = self._cards.get(message.card) if message.card else None
        return Payment(
            id=message.payment,
            lane=message.lane,
            network=message.network,
            lifecycle=message.lifecycle,
            card=paying.id if paying else None,
            holder=paying.holder if paying else None,
            account=paying.account if paying else None,
            currency=paying.currency if paying else message.amount.currency,
            merchant=message.merchant,
            opened_at=self.now,
        )

    def used(self, message: NetworkMessage) -> Card | None:
        """Answer the card that `message` names, as it is now."""
        return self._cards.get(message.card) if message.card else None

    def operator(self, payment: Payment, purpose: Purpose) -> AccountId:
        """Answer the operator's account in the lane of `payment`, that for its network where each has one."""
        label = payment.network if CHART[purpose].label else ""
        return self._operator[payment.lane, purpose, label, str(payment.currency)]

    # -- the decision --------------------------------------------------------------------------------------------------

    def against(self, question: Question) -> tuple[Reason, ...]:
        """Ask everybody what stands against it."""
        return tuple(reason for voice in self._voices for reason in voice.refusals(question))

    def buffer_percent(self, question: Question) -> int:
        """Ask everybody how much more should be set aside; the most counts."""
        return max((voice.buffer_percent(question) for voice in self._voices), default=0)

    def decided(self, question: Question, answered: Payment) -> None:
        """Keep what was asked and known with the answer, which is the element that carries the question's name."""
        element = answered.told(question.asked.element)
        assert element is not None, "an answer is an element"
        for voice in self._voices:
            voice.answered(question, element.reasons)
        self._decisions.append(
            {
                "lane": answered.lane,
                "payment": answered.id,
                "number": element.number,
                "card": question.card.id,
                "holder": question.card.holder,
                "approved": element.kind is not Kind.DECLINE,
                "reasons": element.reasons,
                "amount_minor": question.asked.amount.minor,
                "currency": question.asked.amount.currency,
                "request": msgspec.structs.replace(question.asked, presented=NOTHING, deadline=None),
                "features": self._features(question),
                "at": element.at,
            }
        )

    def _features(self, question: Question) -> dict[str, object]:
        known: dict[str, object] = {}
        for voice in self._voices:
            known.update(voice.features(question))
        return known

    # -- what becomes of it --------------------------------------------------------------------------------------------

    def keep(self, payment: Payment) -> None:
        """Take `payment` back with the elements that were added to it, and count what its holder spends by that."""
        before = self._payments.get(payment.id)
        sums = payment.sums()
        spent = before.sums().spent if before else zero(payment.currency)
        if payment.card and spent != sums.spent:
            for voice in self._voices:
                voice.spent(self._of_heir(payment), spent, sums.spent)
        if sums.owed and payment.account:
            self._loans.setdefault(payment.id, self.end_of_day())
        else:
            self._loans.pop(payment.id, None)
        self._lay(payment)
        self._touched.add(payment.id)
        self._facts += history.facts(payment, since=len(before.elements) if before else 0)

    def ask_again(self, payment: Payment) -> None:
        """Ask for what was lent at the end of this day again."""
        self._loans[payment.id] = self.end_of_day()
        self._touched.add(payment.id)

    def due(self, payment: Payment) -> datetime | None:
        """Say when what was lent for `payment` is asked back."""
        return self._loans.get(payment.id)

    def link(self, payment: Payment, about: Payment, confidence: str) -> None:
        """Say which payment `payment` is about."""
        self._links.append(
            {
                "lane": payment.lane,
                "payment": payment.id,
                "about": about.id,
                "holder": payment.holder,
                "confidence": confidence,
                "at": self.now,
            }
        )

    def end_of_day(self) -> datetime:
        """Answer when this day in Kazakhstan is over."""
        return calendar.day_starts(self.today + timedelta(days=1))

    def _of_heir(self, payment: Payment) -> Payment:
        """Give a payment to the card that speaks of it now: who counts knows those that the batch names."""
        heir = None if payment.card in self._cards or payment.card is None else self._heirs.get(payment.card)
        return msgspec.structs.replace(payment, card=heir) if heir else payment

    def _lay(self, payment: Payment) -> None:
        self._payments[payment.id] = payment
        self._by_name[payment.lane, payment.network, payment.lifecycle, payment.card] = payment.id

    def store(self) -> None:
        """Have everything written that the batch added."""
        loose = [
            {"lane": payment.lane, "payment": id_, "at": self.now, "due_at": self.now}
            for id_ in self._touched
            if _is_loose(payment := self._payments[id_], self._as_loaded.get(id_, 0))
        ]
        linked = [{"lane": link["lane"], "payment": link["payment"]} for link in self._links]
        changed = [self._payments[id_] for id_ in self._payments if id_ in self._touched]
        archive.add(self.desk, changed, self._as_loaded, self.promises, self._loans, self._decisions)
        for statement, rows in (
            (archive.LOOSE, loose),
            (archive.LINKED, self._links),
            (archive.MATCHED, linked),
        ):
            if rows:
                self.desk.also(statement, (archive.document(rows),))
        if self._facts:
            statement, facts = journal.appending(tables.event, self._facts)
            self.desk.also(statement, (packed.texts([facts]),))
        for voice in self._voices:
            voice.write(self.desk)


def _is_loose(payment: Payment, since: int) -> bool:
    """Whether money came or went by what is new of `payment`, and nobody knows what for."""
    moved = any(element.kind in {Kind.CLEARING, Kind.REFUND} for element in payment.elements[since:])
    return moved and payment.card is not None and not payment.sums().was_promised
