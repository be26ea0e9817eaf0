"""Why a merchant is refused, in our words and in the network's."""

import enum
from collections.abc import Iterable


class Reason(enum.StrEnum):
    """Each has its response code below and its text for the holder in app/http/mobile/card_payments.toml.

    Their order is the order of publicity: of all that are found the first is answered. What is wrong with the card
    comes before what is wrong with the purchase, so that a stranger who tries numbers learns nothing of limits and
    balances.
    """

    # 1. what the message says of itself
    NAME_TAKEN = "name_taken"  # the network said something else under this name
    WRONG_CURRENCY = "wrong_currency"  # the card is billed in another
    UNKNOWN_CARD = "unknown_card"
    WRONG_EXPIRY = "wrong_expiry"
    # 2. the card, its holder, the programme
    CARD_CLOSED = "card_closed"
    CARD_NOT_ACTIVATED = "card_not_activated"
    CARD_FROZEN = "card_frozen"
    CARD_SUSPENDED = "card_suspended"
    VERIFICATION_LAPSED = "verification_lapsed"
    CARD_EXPIRED = "card_expired"
    PROGRAMME_ENDED = "programme_ended"
    # 3. the proofs that were presented
    NOT_PROVED = "not_proved"  # a card that is there presents something
    WRONG_CODE = "wrong_code"
    CODE_BLOCKED = "code_blocked"  # too many were wrong; the right one is not looked at for a day
    WRONG_CRYPTOGRAM = "wrong_cryptogram"
    CHIP_REPLAYED = "chip_replayed"
    PIN_BLOCKED = "pin_blocked"
    PIN_NOT_SET = "pin_not_set"
    PIN_REQUIRED = "pin_required"
    WRONG_PIN = "wrong_pin"
    WRONG_AUTHENTICATION = "wrong_authentication"
    TOKEN_NOT_ACTIVE = "token_not_active"  # noqa: S105  a word
    TOKEN_ELSEWHERE = "token_elsewhere"  # noqa: S105  a word
    # 4. what the programme never pays for
    FORBIDDEN_MERCHANT = "forbidden_merchant"
    FORBIDDEN_COUNTRY = "forbidden_country"
    FORBIDDEN_PERSON = "forbidden_person"
    NOT_FOR_CHILDREN = "not_for_children"
    RESTRICTED = "restricted"
    # 5. what the holder does not allow the card
    CHANNEL_BLOCKED = "channel_blocked"
    OPERATION_BLOCKED = "operation_blocked"
    CATEGORY_BLOCKED = "category_blocked"
    COUNTRY_BLOCKED = "country_blocked"
    MERCHANT_BLOCKED = "merchant_blocked"
    CURRENCY_BLOCKED = "currency_blocked"
    # 6. how much, how often
    PER_PAYMENT_LIMIT = "per_payment_limit"
    PER_DAY_LIMIT = "per_day_limit"
    PER_WEEK_LIMIT = "per_week_limit"
    PER_MONTH_LIMIT = "per_month_limit"
    PER_YEAR_LIMIT = "per_year_limit"
    FAMILY_LIMIT = "family_limit"
    CHILD_LIMIT = "child_limit"
    CASH_LIMIT = "cash_limit"
    TURNOVER_CAP = "turnover_cap"
    SPENDING_LIMIT = "spending_limit"
    # 7. the rules of risk
    RISK = "risk"
    CHALLENGE_REQUIRED = "challenge_required"
    # 8. the purchase and its money
    PURCHASE_OVER = "purchase_over"  # the merchant took its last, or said what it will take
    WALLET_CLOSED = "wallet_closed"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    # 9. our own hurry
    TIMED_OUT = "timed_out"


#: Response codes of ISO 8583 field 39.
APPROVED = "00"
PARTIAL = "10"  # approved for less
VERIFIED = "85"  # no reason to decline a card that is only looked at
CODES = {
    Reason.NAME_TAKEN: "94",  # duplicate transmission
    Reason.WRONG_CURRENCY: "12",  # invalid transaction
    Reason.UNKNOWN_CARD: "14",  # invalid card number
    Reason.WRONG_EXPIRY: "54",  # expired card
    Reason.CARD_CLOSED: "62",  # restricted card
    Reason.CARD_NOT_ACTIVATED: "78",  # not activated
    Reason.CARD_FROZEN: "62",
    Reason.CARD_SUSPENDED: "62",
    Reason.VERIFICATION_LAPSED: "62",
    Reason.CARD_EXPIRED: "54",
    Reason.PROGRAMME_ENDED: "62",
    Reason.NOT_PROVED: "05",  # do not honour
    Reason.WRONG_CODE: "N7",  # decline for CVV2 failure
    Reason.CODE_BLOCKED: "N7",  # who guesses is told no more than before
    Reason.WRONG_CRYPTOGRAM: "59",  # suspected fraud
    Reason.CHIP_REPLAYED: "59",
    Reason.PIN_BLOCKED: "75",  # allowable number of PIN tries exceeded
    Reason.PIN_NOT_SET: "55",  # incorrect PIN
    Reason.PIN_REQUIRED: "1A",  # strong authentication required
    Reason.WRONG_PIN: "55",
    Reason.WRONG_AUTHENTICATION: "59",
    Reason.TOKEN_NOT_ACTIVE: "62",
    Reason.TOKEN_ELSEWHERE: "57",
    Reason.FORBIDDEN_MERCHANT: "57",  # not permitted to this cardholder
    Reason.FORBIDDEN_COUNTRY: "57",
    Reason.FORBIDDEN_PERSON: "57",
    Reason.NOT_FOR_CHILDREN: "57",
    Reason.RESTRICTED: "57",
    Reason.CHANNEL_BLOCKED: "57",
    Reason.OPERATION_BLOCKED: "57",
    Reason.CATEGORY_BLOCKED: "57",
    Reason.COUNTRY_BLOCKED: "57",
    Reason.MERCHANT_BLOCKED: "57",
    Reason.CURRENCY_BLOCKED: "57",
    Reason.PER_PAYMENT_LIMIT: "61",  # exceeds the amount limit
    Reason.PER_DAY_LIMIT: "61",
    Reason.PER_WEEK_LIMIT: "61",
    Reason.PER_MONTH_LIMIT: "61",
    Reason.PER_YEAR_LIMIT: "61",
    Reason.FAMILY_LIMIT: "61",
    Reason.CHILD_LIMIT: "61",
    Reason.CASH_LIMIT: "61",
    Reason.TURNOVER_CAP: "57",
    Reason.SPENDING_LIMIT: "61",
    Reason.RISK: "59",  # suspected fraud
    Reason.CHALLENGE_REQUIRED: "1A",  # strong authentication required
    Reason.PURCHASE_OVER: "12",
    Reason.WALLET_CLOSED: "62",
    Reason.INSUFFICIENT_FUNDS: "51",  # not sufficient funds
    Reason.TIMED_OUT: "91",  # issuer inoperative: who asked stopped waiting
}

#: What is answered and not written down: the message is none of the payment that it names.
UNBOOKED = frozenset({Reason.NAME_TAKEN, Reason.WRONG_CURRENCY})

#: What the holder reads in the place of a reason that would tell of a list (tipping-off).
_SPOKEN = {Reason.FORBIDDEN_PERSON: Reason.RISK}

_PLACE = {reason: place for place, reason in enumerate(Reason)}


def in_order(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """Sort what was found, each reason once, the public one first."""
    return tuple(sorted(set(found), key=_PLACE.__getitem__))


def spoken(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """Give reasons as the holder may know them, in their order, each once."""
    return tuple(dict.fromkeys(_SPOKEN.get(reason, reason) for reason in found))
