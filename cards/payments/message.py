"""What the card network tells us about a purchase, whatever the wire it came over, and what it hears back.

A purchase is one `lifecycle` of the network; each thing said in it is one `element`. Together they name a message for
ever: a repeat of it is answered like the first and changes nothing.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import NotRequired, TypedDict
from uuid import UUID

import msgspec

from cards.payments.payment import INQUIRIES, Channel, Element, Kind, Merchant, Operation, PaymentId, StandIn
from cards.payments.reason import APPROVED, CODES, PARTIAL, VERIFIED, Reason, spoken
from cards.proofs.presented import NOTHING, Presented
from law.currency import Currency
from law.money import Money

__all__ = [
    "Answer",
    "Authorization",
    "Channel",
    "Clearing",
    "Confirmation",
    "FeeCharge",
    "HouseMessage",
    "Lapse",
    "Match",
    "Message",
    "NetworkMessage",
    "Operation",
    "Recovery",
    "Refund",
    "Refused",
    "Reversal",
    "StandIn",
    "WriteOff",
    "answer",
    "approval",
    "foreign",
    "kinds",
    "unbooked",
]


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all messages say. `amount` is what the holder's wallet is charged by the network, never below zero.

    `card` is None when the network named no card of ours. A payment that this message opens gets the id `payment`.
    `subject` is the element this is about, where that is another: what a reversal takes back, and the question that an
    advice tells the answer of, whoever gave it. What two messages say of one thing is said once.
    """

    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant
    subject: str | None = None


class Said(TypedDict):
    """What all messages say, to be handed on whole by who makes one from what it read."""

    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant
    subject: NotRequired[str | None]


class Authorization(_Message, frozen=True, kw_only=True):
    """May the merchant have `amount`? An `advice` tells that somebody said yes in our place: it is never declined.

    `expiry` is the last day on the card as the merchant read it, None where it read none. `original` is what the
    merchant asks in its own currency, which the network turned into `amount` at `rate`. `fee` is the part of `amount`
    that the terminal's owner charges (field 28). `partial_ok`: the merchant can take less. `estimated`: what will be
    taken is not known yet (fuel, a hotel). `increment`: more of what was promised before; the same lifecycle, another
    element. `single`: what is approved is taken at once, no clearing follows (0200). After `deadline`, by the machine's
    clock, nobody waits for the answer any more.
    """

    expiry: date | None = None
    advice: bool = False
    operation: Operation = Operation.PURCHASE
    channel: Channel = Channel.ECOMMERCE
    terminal: str | None = None
    original: Money | None = None
    rate: Decimal | None = None
    fee: Money | None = None
    partial_ok: bool = False
    estimated: bool = False
    increment: bool = False
    single: bool = False
    presented: Presented = NOTHING
    deadline: datetime | None = None
    stand_in: StandIn | None = None

    @property
    def present(self) -> bool:
        """Whether the card was there."""
        return self.channel.present

    @property
    def inquiry(self) -> bool:
        """Whether nothing is to be promised: the balance is asked, or whether the card is good."""
        return self.operation in INQUIRIES or not self.amount


class Confirmation(_Message, frozen=True, kw_only=True):
    """The merchant says what an estimate came to: of all it was promised it will take `amount` (a pump's completion).

    An advice: never declined, also beyond what was promised.
    """

    operation: Operation = Operation.PURCHASE
    channel: Channel = Channel.CHIP
    original: Money | None = None
    rate: Decimal | None = None


class Reversal(_Message, frozen=True, kw_only=True):
    """The merchant takes back `amount` of `subject`, but for the part that `remaining` replaces it with (field 95).

    It may overtake what it takes back. Of a promise it gives up the rest, of a clearing or what was taken at once
    (`single`) it gives the money back, of a refund it takes it; never more than that came to. Without a `subject` it
    gives up what was promised, whoever asked for it.
    """

    remaining: Money | None = None


class Clearing(_Message, frozen=True, kw_only=True):
    """The network takes `amount` for the merchant, promised or not. After a `final` one the merchant takes no more.

    `of` is the lifecycle it was promised under, where that is another one. `interchange` is what the network leaves us
    of `amount` when it settles: noted here, booked by the settlement.
    """

    final: bool = True
    operation: Operation = Operation.PURCHASE
    original: Money | None = None
    rate: Decimal | None = None
    fee: Money | None = None
    interchange: Money | None = None
    of: str | None = None


class Refund(_Message, frozen=True, kw_only=True):
    """The merchant sends `amount` back, whatever it took. `of` is the lifecycle of the purchase, if it is named."""

    original: Money | None = None
    rate: Decimal | None = None
    interchange: Money | None = None
    of: str | None = None


class FeeCharge(_Message, frozen=True, kw_only=True):
    """The holder is charged `amount` beside any purchase; it is the network's, or ours where `ours` says so."""

    ours: bool = False


class Refused(_Message, frozen=True, kw_only=True):
    """Who processes the card refused `amount` by itself and did not ask; the first of `reasons` is what it answered."""

    reasons: tuple[Reason, ...]
    operation: Operation = Operation.PURCHASE
    channel: Channel = Channel.ECOMMERCE


NetworkMessage = Authorization | Refused | Confirmation | Reversal | Clearing | Refund | FeeCharge


class Lapse(msgspec.Struct, frozen=True, kw_only=True):
    """The house's own message: the promise of this payment ran until `due_at`; a tester ends it `early`."""

    lane: int
    payment: PaymentId
    due_at: datetime
    early: bool = False


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """The house's own message: the wallet may have money again for what was lent to it for this payment."""

    lane: int
    payment: PaymentId
    due_at: datetime


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The house's own message: what `payment` was promised has been taken under the name of `taken`, so surely."""

    lane: int
    payment: PaymentId
    taken: PaymentId
    confidence: str


class WriteOff(msgspec.Struct, frozen=True, kw_only=True):
    """The house's own message: two officers gave up what was lent for this payment, as lost to fraud; `by` says who.

    It is `amount`, all that was owed when they decided: where that is another by now, nothing is given up.
    """

    lane: int
    payment: PaymentId
    amount: Money
    by: str


HouseMessage = Lapse | Recovery | Match | WriteOff
Message = NetworkMessage | HouseMessage


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the network hears: approved or not, field 39 of ISO 8583, why not, and our name for the payment.

    `amount` is what was approved, less than was asked where `code` says partial; `available` is told to who asked for
    the balance; `approval` is the six characters of field 38; `reasons` are all that was found, the public one first.
    """

    payment: PaymentId
    approved: bool
    code: str
    reason: Reason | None
    amount: Money | None = None
    available: Money | None = None
    approval: str | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def spoken(self) -> Reason | None:
        """Why not, as anybody outside may know it."""
        return spoken([self.reason])[0] if self.reason else None


def answer(payment: PaymentId, element: Element) -> Answer:
    """Say what became of a message: the first time and at every repeat. Only a question can hear no."""
    if element.kind is Kind.DECLINE:
        public = element.reasons[0]
        return Answer(
            payment=payment, approved=False, code=CODES[public], reason=public, reasons=element.reasons
        )  # fmt: skip
    return Answer(
        payment=payment,
        approved=True,
        code=_code(element),
        reason=None,
        amount=element.amount,
        available=element.told,
        approval=approval(payment, element.number),
    )


def unbooked(payment: PaymentId, reason: Reason) -> Answer:
    """Say that a message is none of the payment it names: nothing follows from it, whatever it is."""
    return Answer(payment=payment, approved=False, code=CODES[reason], reason=reason, reasons=(reason,))


def kinds(told: NetworkMessage) -> frozenset[Kind]:
    """Answer what a message may have become: under its name anything else is another message."""
    return _KINDS[type(told)]


def foreign(told: NetworkMessage, currency: Currency) -> bool:
    """Whether any amount that is booked of it is of another currency."""
    amounts = (told.amount, getattr(told, "remaining", None), getattr(told, "interchange", None))
    return any(amount is not None and amount.currency is not currency for amount in amounts)


_KINDS: dict[type[NetworkMessage], frozenset[Kind]] = {
    Authorization: frozenset(
        {Kind.AUTHORIZATION, Kind.INCREMENT, Kind.DECLINE, Kind.INQUIRY, Kind.REFUND_AUTHORIZATION}
    ),
    Refused: frozenset({Kind.DECLINE}),
    Confirmation: frozenset({Kind.CONFIRMATION}),
    Reversal: frozenset({Kind.REVERSAL}),
    Clearing: frozenset({Kind.CLEARING}),
    Refund: frozenset({Kind.REFUND}),
    FeeCharge: frozenset({Kind.FEE}),
}


def _code(element: Element) -> str:
    if element.kind is Kind.INQUIRY and element.told is None:
        return VERIFIED
    return PARTIAL if element.partial else APPROVED


def approval(payment: PaymentId, number: int) -> str:
    """Answer the approval code (field 38) of a payment's element: the same at every repeat."""
    return f"{(payment.int * 31 + number) % 10**6:06}"
