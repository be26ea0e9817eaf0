"""The tray of one batch: the cards and payments its messages are about, and what became of them.

Everything the batch needs is loaded before the first message is decided; messages then see what those before them did;
everything is stored with a few statements at the end, in the transaction of the ledger's moves (wallet/desk.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from cards import archive, card, history, tables
from cards.allowance import Allowance
from cards.archive import Promise
from cards.card import Card
from cards.message import Lapse, NetworkMessage
from cards.payment import Payment, PaymentId
from law import calendar
from law.money import KZT, Money, total, zero
from proof import journal
from wallet import account
from wallet.chart import CHART, Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId

_Key = tuple[int, str, str, UUID | None]


class Tray:
    """What one batch works on. `desk` holds the wallets' running balances, `now` is the installation's clock.

    `allowance` is what the holders may spend, given once `holders` are known.
    """

    allowance: Allowance

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = desk.now
        self.promises: dict[PaymentId, Promise] = {}
        self._cards: dict[UUID, Card] = {}
        self._operator: dict[tuple[int, Purpose, str], AccountId] = {}
        self._payments: dict[PaymentId, Payment] = {}
        self._by_name: dict[_Key, PaymentId] = {}
        self._as_loaded: dict[PaymentId, int] = {}
        self._facts: list[journal.Fact] = []

    async def load(self, messages: Sequence[NetworkMessage | Lapse]) -> None:
        """Bring everything `messages` are about onto the tray and the desk."""
        told = [message for message in messages if not isinstance(message, Lapse)]
        self._cards = await card.find_all(self.desk.db, {message.card for message in told if message.card})
        limited = [card_.id for card_ in self._cards.values() if card_.limits.per_day]
        found = await archive.find(
            self.desk.db,
            names={(message.lane, message.network, message.lifecycle) for message in told},
            ids={(message.lane, message.payment) for message in messages if isinstance(message, Lapse)},
            cards=limited,
            since=self._midnight(),
        )
        for kept in found:
            self._lay(kept.payment)
            self._as_loaded[kept.payment.id] = len(kept.payment.elements)
            if kept.promise:
                self.promises[kept.payment.id] = kept.promise
        await self._load_money({(message.lane, message.network) for message in told})

    async def _load_money(self, networks: Iterable[tuple[int, str]]) -> None:
        for lane, network in sorted(networks):
            for purpose in (Purpose.CARD_CLEARING, Purpose.CARD_RECEIVABLE, Purpose.SUSPENSE):
                label = network if CHART[purpose].label else ""
                if (lane, purpose, label) not in self._operator:
                    self._operator[lane, purpose, label] = await account.operator(
                        self.desk.db, lane=lane, purpose=purpose, label=label, at=self.now
                    )
        await self.desk.load([*self._operator.values(), *(found.account for found in self._cards.values())])
        await self.desk.load_holds(promise.hold for promise in self.promises.values() if promise.hold)

    def holders(self) -> set[UUID]:
        """Say whose cards and payments are on the tray."""
        of_payments = {payment.holder for payment in self._payments.values() if payment.holder}
        return of_payments | {found.holder for found in self._cards.values()}

    def payment(self, message: NetworkMessage | Lapse) -> Payment:
        """Find the payment `message` is about; a purchase not heard of before is a payment without elements."""
        if isinstance(message, Lapse):
            return self._payments[message.payment]
        known = self._by_name.get((message.lane, message.network, message.lifecycle, message.card))
        return self._opened(message) if known is None else self._payments[known]

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
            currency=paying.currency if paying else KZT,
            merchant=message.merchant,
            opened_at=self.now,
        )

    def card(self, payment: Payment) -> Card | None:
        """Answer the card of `payment`, as it is now."""
        return self._cards.get(payment.card) if payment.card else None

    def operator(self, payment: Payment, purpose: Purpose) -> AccountId:
        """Answer the operator's account in the lane of `payment`, that for its network where each has one."""
        return self._operator[payment.lane, purpose, payment.network if CHART[purpose].label else ""]

    def spent_today(self, spender: Card, *, beside: Payment) -> Money:
        """Sum what the card promised and paid in payments opened since midnight in Kazakhstan, `beside` not counted.

        Right for cards with a limit per day only: for the others nothing was loaded.
        """
        others = (
            payment.sums().spent
            for payment in self._payments.values()
            if payment.card == spender.id and payment.id != beside.id and payment.opened_at >= self._midnight()
        )
        return total(others, spender.currency)

    def more(self, payment: Payment) -> Money:
        """Say how much more is spent of `payment` than of what lies on the tray."""
        before = self._payments.get(payment.id)
        return payment.sums().spent - (before.sums().spent if before else zero(payment.currency))

    def keep(self, payment: Payment) -> None:
        """Take `payment` back with the element that was added to it, and count what its holder spends by that."""
        if payment.holder:
            self.allowance.count(payment.holder, self.more(payment), payment.opened_at)
        self._lay(payment)
        self._facts.append(history.fact(payment))

    def _lay(self, payment: Payment) -> None:
        self._payments[payment.id] = payment
        self._by_name[payment.lane, payment.network, payment.lifecycle, payment.card] = payment.id

    async def store(self) -> None:
        """Write what the batch added."""
        changed = [
            payment for payment in self._payments.values() if len(payment.elements) > self._as_loaded.get(payment.id, 0)
        ]
        if changed:
            await archive.add(self.desk.db, changed, self._as_loaded, self.promises)
            await journal.append(self.desk.db, tables.event, *self._facts)

    def _midnight(self) -> datetime:
        return calendar.day_starts(calendar.statutory_date(self.now))
