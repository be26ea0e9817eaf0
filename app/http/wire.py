"""What our own operations speak: strict Structs, money in minor units, text without control characters."""

from typing import Annotated

import msgspec
from msgspec import Meta

from law.money import Currency, Money

#: Whole minor units that survive every JSON reader (RFC 8259 section 6: 2**53 - 1).
Minor = Annotated[
    int,
    Meta(ge=1, le=2**53 - 1, description="Minor units of the currency: 150000 is 1 500.00 tenge.", examples=[150_000]),
]
#: One line: no control characters, no line breaks.
LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"
#: Bytes in base64 (RFC 4648 section 4), as text: msgspec counts the bounds of bytes when they are decoded, and the
#: contract would show them as those of the text.
BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$(?!\n)"
#: A short line a person typed.
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE, examples=["Rent for May"])]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217 code.", examples=["KZT"])]


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what crosses the wire in operations of our own."""


class NoSuchTime(Exception):
    """The text has the form of a day or an instant, and there is none: the 31 February."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class NotTogether(Exception):
    """Fields that go together, or exclude each other, and were not sent so: what no type of one field can say."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.names = ", ".join(names)


class MoneyWire(Wire, frozen=True):
    """An amount: a balance may be negative, what a client sends to move may not."""

    amount_minor: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[150_000])]
    currency: CurrencyCode

    @classmethod
    def of(cls, money: Money) -> "MoneyWire":
        """Show `money` outside."""
        return cls(amount_minor=money.minor, currency=str(money.currency))

    def money(self) -> Money:
        """Read it in; raises law.money.UnknownCurrency."""
        return Money(self.amount_minor, Currency.of(self.currency))
