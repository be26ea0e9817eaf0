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
    replaces: UUID | None = None
    parent: UUID | None = None
    exemption: str | None = None


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
    """The card will never be used again; `reason` says why."""

    card: UUID
    reason: str = "user"


class CardLimited(msgspec.Struct, frozen=True, kw_only=True, tag="card.limited"):
    """The holder set the card's limits; None lifts one."""

    card: UUID
    currency: str
    per_payment_max_minor: int | None
    per_day_max_minor: int | None
    per_week_max_minor: int | None = None
    per_month_max_minor: int | None = None
    per_year_max_minor: int | None = None


class CardRevealed(msgspec.Struct, frozen=True, kw_only=True, tag="card.revealed"):
    """The holder was shown the full number."""

    card: UUID


class PaymentAuthorised(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.authorised"):
    """The merchant was promised `amount_minor`; `promised_minor` is what the whole payment may still take.

    It had asked for `asked_minor`; `stand_in` says who promised it in our place.
    """

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str
    asked_minor: int | None = None
    stand_in: str | None = None


class PaymentDeclined(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.declined"):
    """The merchant was refused `amount_minor`; the first of `reasons` is the one that was answered.

    `allow` says which of the card's controls would have to let what pass (`{"countries": "TR"}`), where nothing but
    the holder's own choices stood against it.
    """

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str
    reasons: tuple[str, ...]
    allow: dict[str, str] = {}


class PaymentReversed(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.reversed"):
    """The merchant gave up `amount_minor` of what it was promised."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    promised_minor: int
    currency: str


class PaymentCleared(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.cleared"):
    """The network took `amount_minor` for the merchant, of which the wallet could not cover `short_minor`.

    `matched` is false where no promise was known of: the network forced the payment. `cause` says why the wallet was
    not asked for what is short; `fee_minor` and `markup_minor` are what we charged beside.
    """

    payment: UUID
    card: UUID | None
    amount_minor: int
    short_minor: int
    promised_minor: int
    currency: str
    matched: bool
    fee_minor: int = 0
    markup_minor: int = 0
    cause: str | None = None


class PaymentExpired(msgspec.Struct, frozen=True, kw_only=True, tag="card_payment.expired"):
    """No merchant claimed `amount_minor` in time; the wallet has it back."""

    payment: UUID
    card: UUID | None
    amount_minor: int
    currency: str
