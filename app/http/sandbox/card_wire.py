"""What testers say of cards and hear: the wire of app/http/sandbox/cards.py."""

from decimal import Decimal
from typing import Annotated, TypedDict
from uuid import UUID

from msgspec import Meta

from app.http import ids
from app.http.wire import LINE, Minor, MoneyWire, NotTogether, Wire
from cards.payments.message import Answer
from cards.payments.payment import Channel, Merchant, Operation
from cards.payments.reason import Reason
from law.money import Money

#: The network that payments of testers come over: no line has its name.
NETWORK = "sandbox"

CardId = Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Text = Annotated[str, Meta(min_length=1, max_length=40, pattern=LINE)]


class MerchantAt(Wire, frozen=True):
    """Who asks."""

    name: Annotated[_Text, Meta(examples=["Dostyk Books"])] = "Dostyk Books"
    id: Annotated[_Text, Meta(examples=["M-1001"])] = "M-1001"
    category: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", description="ISO 18245.", examples=["5942"])] = "5942"
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["KZ"])] = "KZ"

    def read(self) -> Merchant:
        """Give it in our words."""
        return Merchant(name=self.name, id=self.id, category=self.category, country=self.country)


class Exchange(TypedDict):
    """What a message says of an exchange."""

    original: Money | None
    rate: Decimal | None


class Abroad(Wire, frozen=True):
    """A purchase in another currency: what the merchant asks there, and the rate by which it is the card's amount."""

    original: Annotated[MoneyWire | None, Meta(examples=[None])] = None
    rate: Annotated[str, Meta(pattern=r"^[0-9]{1,7}(\.[0-9]{1,7})?$(?!\n)", examples=["563.2"])] | None = None

    def exchanged(self) -> Exchange:
        """Give it in our words; raises NotTogether, law.money.UnknownCurrency."""
        if (self.original is None) is not (self.rate is None):
            raise NotTogether("original", "rate")
        original = None if self.original is None else self.original.money()
        return {"original": original, "rate": None if self.rate is None else Decimal(self.rate)}


class Ask(Abroad, frozen=True, kw_only=True):
    """A card and an amount, in minor units of the card's currency, at a merchant."""

    card_id: CardId
    amount_minor: Minor
    merchant: MerchantAt = MerchantAt()


class Authorize(Ask, frozen=True, kw_only=True):
    """May the merchant have it? `single`: what is approved is taken at once. Nothing is presented as a proof."""

    operation: Annotated[Operation, Meta(examples=["purchase"])] = Operation.PURCHASE
    channel: Annotated[Channel, Meta(examples=["ecommerce"])] = Channel.ECOMMERCE
    partial_ok: bool = False
    estimated: bool = False
    single: bool = False


class Advice(Ask, frozen=True, kw_only=True):
    """The network said yes in our place."""

    channel: Annotated[Channel, Meta(examples=["chip"])] = Channel.CHIP


class Inquire(Wire, frozen=True):
    """A card whose money is asked about."""

    card_id: CardId


class Amount(Abroad, frozen=True):
    """How much of it; all of it where nothing is said."""

    amount_minor: Minor | None = None

    def minor(self, otherwise: Money) -> int:
        """Give the amount."""
        return otherwise.minor if self.amount_minor is None else self.amount_minor


class Capture(Amount, frozen=True):
    """How much is taken; after a `final` one the merchant takes no more."""

    final: bool = True


class Paid(Wire, frozen=True):
    """What became of it. `code` is field 39 of ISO 8583, `reasons` are all that was found, the public one first."""

    payment_id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    approved: bool
    code: Annotated[str, Meta(pattern=r"^[0-9A-Z]{2}$(?!\n)", examples=["00"])]
    reasons: Annotated[list[Reason], Meta(examples=[[]])]
    approved_minor: Annotated[int | None, Meta(examples=[150_000])] = None
    available_minor: Annotated[int | None, Meta(examples=[None])] = None
    approval: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["004711"])] | None = None

    @classmethod
    def of(cls, answer: Answer) -> "Paid":
        """Show an answer."""
        return cls(
            payment_id=ids.show("payment", answer.payment),
            approved=answer.approved,
            code=answer.code,
            reasons=list(answer.reasons),
            approved_minor=answer.amount.minor if answer.amount else None,
            available_minor=None if answer.available is None else answer.available.minor,
            approval=answer.approval,
        )

    @classmethod
    def of_house(cls, payment: UUID, *, done: bool) -> "Paid":
        """Show whether anything came of what no network said."""
        return cls(payment_id=ids.show("payment", payment), approved=done, code="00" if done else _NOTHING, reasons=[])


_NOTHING = "25"  # unable to locate a record
