"""What else happened to card payments (cards/events.py has the first of them): ids, amounts and times.

Fields are added at the end with a default; a changed meaning is a new event. Amounts are minor units of `currency`.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class PaymentConfirmed(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.confirmed"):
    """Of its estimate the merchant will take `amount_minor`; `promised_minor` is what it may still take."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str


class CardLookedAt(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.verified"):
    """A merchant or a cash machine asked about the card, or about its balance; nothing was promised."""

    payment: UUID
    card: UUID | None
    operation: str


class RefundAuthorised(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.refund_authorised"):
    """A merchant said that it will send `amount_minor` back."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str


class PaymentRefunded(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.refunded"):
    """The network gave `amount_minor` back."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str


class PaymentCharged(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.charged"):
    """A fee of `amount_minor` was charged beside any purchase, of which the wallet could not cover `short_minor`."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    short_minor: int
    currency: str
    ours: bool


class PaymentMatched(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.matched"):
    """Of what was promised, `amount_minor` was taken under another name: so much of the promise is over."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str


class LoanRecovered(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.recovered"):
    """The wallet paid back `amount_minor` of what was lent to it for the payment; `owed_minor` is left."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    owed_minor: int
    currency: str


class LoanWrittenOff(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.written_off"):
    """What was still owed, `amount_minor`, is lost to fraud."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str


class PaymentAllowed(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.allowed"):
    """The holder lets a declined `payment` pass once, asked again until then. Aggregate: the allowance."""

    payment: UUID
    card: UUID
    amount_minor: int
    currency: str
    expires_at: datetime
