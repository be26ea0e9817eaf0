"""What of Stripe's objects we look at, and what it means in our words. Fields we don't know are passed over.

Amounts are minor units of the card's currency; what leaves the account (a capture) is below zero.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from app.partners.stripe_issuing import categories
from cards.payments.message import Channel, Operation
from cards.payments.payment import Merchant
from cards.processing.processor import Told
from law.money import Currency, Money, UnknownCurrency


class Named(msgspec.Struct, frozen=True):
    """An object, of which only its id matters here."""

    id: str


class MerchantData(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    network_id: str
    category: str
    category_code: str | None = None
    name: str | None = None
    city: str | None = None
    country: str | None = None


class AmountDetails(msgspec.Struct, frozen=True):
    """What is in an amount beside the purchase."""

    atm_fee: int | None = None
    cashback_amount: int | None = None


class PendingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked now: `amount` more than was approved before."""

    amount: int
    currency: str
    is_amount_controllable: bool
    merchant_amount: int
    merchant_currency: str
    amount_details: AmountDetails | None = None


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is over, and what came of it: `reason` says who decided."""

    amount: int
    approved: bool
    reason: str
    merchant_amount: int
    merchant_currency: str


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved: a capture (below zero) or a refund."""

    id: str
    type: str
    amount: int
    currency: str
    card: str | Named
    merchant_amount: int
    merchant_currency: str
    merchant_data: MerchantData
    authorization: str | Named | None = None


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as Stripe has it: `amount` is what of it is promised (and was not given up), in all."""

    id: str
    amount: int
    currency: str
    approved: bool
    status: str
    authorization_method: str
    card: Named
    merchant_data: MerchantData
    request_history: list[Past]
    transactions: list[Transaction] = []
    pending_request: PendingRequest | None = None
    wallet: str | None = None
    token: str | Named | None = None


class Data(msgspec.Struct, frozen=True):
    """What an event is about."""

    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What Stripe tells. `livemode` says of which of its two worlds."""

    id: str
    type: str
    created: int
    livemode: bool
    data: Data

    def told(self) -> Told | None:
        """Name it as every processor's events are named; None where it is of no kind we know or about no one thing."""
        try:
            about = msgspec.json.decode(self.data.object, type=Named)
        except msgspec.DecodeError:  # a balance has no id
            return None
        if _KIND.fullmatch(self.type) is None or not all(map(_NAME.fullmatch, (self.id, about.id))):
            return None
        return Told(event=self.id, kind=self.type, about=about.id, at=datetime.fromtimestamp(self.created, UTC))


#: What events, their kinds and what they are about are called (revision 0029); Stripe has other words beside these.
_KIND, _NAME = re.compile("[a-z_.]{1,64}"), re.compile("[A-Za-z0-9_-]{1,64}")


def id_of(named: str | Named) -> str:
    """Read an id that may have been expanded."""
    return named if isinstance(named, str) else named.id


def merchant(data: MerchantData) -> Merchant:
    """Name who asks; what Stripe does not know of it is said by codes that stand for nothing."""
    return Merchant(
        name=(data.name or data.network_id)[:100],
        id=data.network_id[:64],
        category=data.category_code or categories.codes().get(data.category, "0000"),
        country=data.country if data.country and len(data.country) == 2 else "ZZ",  # noqa: PLR2004  as ISO 3166 has it
        city=data.city,
    )


_CHANNELS = {
    "chip": Channel.CHIP,
    "contactless": Channel.CONTACTLESS,
    "swipe": Channel.MAGSTRIPE,
    "keyed_in": Channel.MOTO,
    "online": Channel.ECOMMERCE,
}
_CASH = frozenset({"6010", "6011"})


def channel(asked: Authorization) -> Channel:
    """Say how the card met the merchant."""
    if asked.wallet and asked.authorization_method == "contactless":
        return Channel.TOKEN
    return _CHANNELS.get(asked.authorization_method, Channel.ECOMMERCE)


def operation(asked: Authorization, amount: int, details: AmountDetails | None = None) -> Operation:
    """Say what the money is for."""
    if not amount:
        return Operation.VERIFICATION
    if details and details.cashback_amount:
        return Operation.CASHBACK
    return purpose(asked.merchant_data)


def purpose(data: MerchantData) -> Operation:
    """Say what a merchant takes money for: machines and counters of banks (ISO 18245) give cash."""
    return Operation.CASH if merchant(data).category in _CASH else Operation.PURCHASE


def money(minor: int, currency: str) -> Money:
    """Read an amount, whatever its sign, in a currency cards are billed in."""
    return Money(abs(minor), Currency.of(currency.upper()))


def original(minor: int, currency: str, billed: Money) -> tuple[Money | None, Decimal | None]:
    """Read what the merchant asked in its own currency, and the rate it was turned at; nothing where it is the same."""
    if currency.upper() == billed.currency.value or not minor:
        return None, None
    try:
        asked = money(minor, currency)
    except UnknownCurrency:
        return None, None
    exponents = billed.currency.exponent - asked.currency.exponent
    return asked, round(Decimal(billed.minor) / Decimal(asked.minor) / Decimal(10) ** exponents, 6)
