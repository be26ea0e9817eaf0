"""Why a merchant is refused, in our words and in the network's."""

import enum


class Reason(enum.StrEnum):
    """Each has its response code below and its text for the holder in app/http/mobile/card_payments.toml."""

    UNKNOWN_CARD = "unknown_card"
    WRONG_EXPIRY = "wrong_expiry"
    CARD_CLOSED = "card_closed"
    CARD_NOT_ACTIVATED = "card_not_activated"
    CARD_FROZEN = "card_frozen"
    CARD_EXPIRED = "card_expired"
    FORBIDDEN_MERCHANT = "forbidden_merchant"
    RESTRICTED = "restricted"
    PER_PAYMENT_LIMIT = "per_payment_limit"
    PER_DAY_LIMIT = "per_day_limit"
    SPENDING_LIMIT = "spending_limit"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    WALLET_CLOSED = "wallet_closed"


#: Response codes of ISO 8583 field 39.
APPROVED = "00"
CODES = {
    Reason.UNKNOWN_CARD: "14",  # invalid card number
    Reason.WRONG_EXPIRY: "54",  # expired card
    Reason.CARD_CLOSED: "62",  # restricted card
    Reason.CARD_NOT_ACTIVATED: "78",  # not activated
    Reason.CARD_FROZEN: "62",
    Reason.CARD_EXPIRED: "54",
    Reason.FORBIDDEN_MERCHANT: "57",  # not permitted to this cardholder
    Reason.RESTRICTED: "57",
    Reason.PER_PAYMENT_LIMIT: "61",  # exceeds the amount limit
    Reason.PER_DAY_LIMIT: "61",
    Reason.SPENDING_LIMIT: "61",
    Reason.INSUFFICIENT_FUNDS: "51",  # not sufficient funds
    Reason.WALLET_CLOSED: "62",
}
