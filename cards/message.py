"""What the card network tells us about a purchase, whatever the wire it came over, and what it hears back.

A purchase is one `lifecycle` of the network; each thing said in it is one `element`. Together they name a message for
ever: a repeat of it is answered like the first and changes nothing.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

from cards.payment import Element, Kind, Merchant, PaymentId
from cards.reason import APPROVED, CODES, Reason
from law.money import Money


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all messages say. `amount` is what the holder's wallet is charged, above zero.

    `card` is None when the network named no card of ours. A payment that this message opens gets the id `payment`.
    """

    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant


class Authorization(_Message, frozen=True, kw_only=True):
    """May the merchant have `amount`? An `advice` tells that the network said yes in our place: it is never declined.

    `expiry` is the last day on the card as the merchant read it.
    """

    expiry: date
    advice: bool = False


class Reversal(_Message, frozen=True, kw_only=True):
    """The merchant gives up `amount` of what it was promised. It may overtake the question it takes back."""


class Clearing(_Message, frozen=True, kw_only=True):
    """The network takes `amount` for the merchant, promised or not. After a `final` one the merchant takes no more."""

    final: bool = True


NetworkMessage = Authorization | Reversal | Clearing


class Lapse(msgspec.Struct, frozen=True, kw_only=True):
    """The house's own message: the promise of this payment ran until `due_at`."""

    lane: int
    payment: PaymentId
    due_at: datetime


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the network hears: approved or not, field 39 of ISO 8583, why not, and our name for the payment."""

    payment: PaymentId
    approved: bool
    code: str
    reason: Reason | None


def answer(payment: PaymentId, element: Element) -> Answer:
    """Say what became of a message: the first time and at every repeat. Only a question can hear no."""
    if element.kind is not Kind.DECLINE:
        return Answer(payment=payment, approved=True, code=APPROVED, reason=None)
    public = element.reasons[0]
    return Answer(payment=payment, approved=False, code=CODES[public], reason=public)
