"""What happened to cards and to payments made with them: ids, amounts and times, never a card number.

Fields are added at the end with a default; a changed meaning is a new event. Amounts are minor units of `currency`.
"""

from datetime import date
from uuid import UUID

import msgspec


class CardOrdered(msgspec.Struct, frozen=True, kw_only=True, tag="card.ordered"):
    """A card came to be, on the legal basis `issuance_basis`, after its holder accepted the notice `notice_version`."""

    card: UUID
    form: str
    issuance_basis: str
    notice_version: str
    expires_on: date


class CardActivated(msgspec.Struct, frozen=True, kw_only=True, tag="card.activated"):
    """The card can be used."""

    card: UUID


class CardFrozen(msgspec.Struct, frozen=True, kw_only=True, tag="card.frozen"):
    """Purchases are refused until the card is unfrozen; what was already authorised is still paid."""

    card: UUID


class CardUnfrozen(msgspec.Struct, frozen=True, kw_only=True, tag="card.unfrozen"):
    """The card can be used again."""

    card: UUID


class CardClosed(msgspec.Struct, frozen=True, kw_only=True, tag="card.closed"):
    """The card will never be used again."""

    card: UUID


class CardLimited(msgspec.Struct, frozen=True, kw_only=True, tag="card.limited"):
    """The holder set the card's limits; None lifts one."""

    card: UUID
    currency: str
    per_payment_max_minor: int | None
    per_day_max_minor: int | None


class CardRevealed(msgspec.Struct, frozen=True, kw_only=True, tag="card.revealed"):
    """The holder was shown the full number."""

    card: UUID


class PaymentAuthorised(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.authorised"):
    """The merchant was promised `amount_minor`; `promised_minor` is what the whole payment may still take."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str


class PaymentDeclined(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.declined"):
    """The merchant was refused `amount_minor`; the first of `reasons` is the one that was answered."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str
    reasons: tuple[str, ...]


class PaymentReversed(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.reversed"):
    """The merchant gave up `amount_minor` of what it was promised."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str


class PaymentCleared(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.cleared"):
    """The network took `amount_minor` for the merchant, of which the wallet could not cover `short_minor`.

    `matched` is false where no promise was known of: the network forced the payment.
    """

    payment: UUID
    card: UUID | None
    amount_minor: int
    short_minor: int
    promised_minor: int
    currency: str
    matched: bool


class PaymentExpired(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.expired"):
    """No merchant claimed `amount_minor` in time; the wallet has it back."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str
