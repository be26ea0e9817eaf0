"""Money: an integer count of a currency's smallest unit."""

import re
from collections.abc import Iterable

import msgspec

from law.currency import Currency, UnknownCurrency

__all__ = [
    "CNY",
    "EUR",
    "GBP",
    "JPY",
    "KWD",
    "KZT",
    "MAX_MINOR",
    "MIN_MINOR",
    "RUB",
    "USD",
    "AmountOutOfRange",
    "BadAmount",
    "Currency",
    "CurrencyMismatch",
    "Money",
    "UnknownCurrency",
    "format_major",
    "parse_major",
    "total",
    "zero",
]

KZT = Currency.KZT
USD = Currency.USD
EUR = Currency.EUR
CNY = Currency.CNY
RUB = Currency.RUB
GBP = Currency.GBP
JPY = Currency.JPY
KWD = Currency.KWD

# The range of PostgreSQL's bigint, in which every amount is stored.
MIN_MINOR = -(2**63)
MAX_MINOR = 2**63 - 1


class CurrencyMismatch(Exception):
    """Two amounts of different currencies met in one sum or comparison."""

    def __init__(self, left: Currency, right: Currency) -> None:
        super().__init__(left, right)
        self.left = left
        self.right = right


class AmountOutOfRange(Exception):
    """The amount doesn't fit a bigint count of minor units."""

    def __init__(self, minor: int, currency: Currency) -> None:
        super().__init__(minor, currency)
        self.minor = minor
        self.currency = currency


class BadAmount(Exception):
    """The text isn't a decimal number with at most as many fraction digits as the currency has."""

    def __init__(self, text: str, currency: Currency) -> None:
        super().__init__(text, currency)
        self.text = text
        self.currency = currency


class Money(msgspec.Struct, frozen=True, gc=False):
    """`minor` is an integer count of the smallest unit: Money(1_500_00, KZT) is 1 500 tenge.

    May be negative (a balance can be); amounts that move are checked where they move.
    """

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        """Refuse what a bigint can't hold (AmountOutOfRange) and, as a mistake of ours, anything but an int."""
        if type(self.minor) is not int:
            raise TypeError(f"minor units are int, not {type(self.minor).__name__}")
        if not MIN_MINOR <= self.minor <= MAX_MINOR:
            raise AmountOutOfRange(self.minor, self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._minor_of(other)

    def __bool__(self) -> bool:
        """Say whether it is anything at all: zero is false, a debt is true."""
        return self.minor != 0

    def __str__(self) -> str:
        return f"{format_major(self)} {self.currency}"

    def _minor_of(self, other: "Money") -> int:
        if other.currency is not self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other.minor


def zero(currency: Currency) -> Money:
    """Nothing, in `currency`."""
    return Money(0, currency)


def total(amounts: Iterable[Money], currency: Currency) -> Money:
    """Sum `amounts`, all of `currency`; of none, zero."""
    return sum(amounts, zero(currency))


def format_major(money: Money) -> str:
    """Write the amount in major units with all digits of the currency: `1500.00`, `-0.05`, `1500` yen."""
    exponent = money.currency.exponent
    digits = str(abs(money.minor)).rjust(exponent + 1, "0")
    sign = "-" if money.minor < 0 else ""
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"


_MAJOR = re.compile(r"(-?)([0-9]{1,19})(?:\.([0-9]+))?")


def parse_major(text: str, currency: Currency) -> Money:
    """Read `1500`, `1500.5` or `-1500.50` as an amount of `currency`.

    Digits that the currency doesn't have are refused even when they are zeros, never rounded: BadAmount. So are spaces,
    signs other than a leading minus, exponents and digits of other scripts.
    """
    match = _MAJOR.fullmatch(text)
    if match is None:
        raise BadAmount(text, currency)
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > currency.exponent:
        raise BadAmount(text, currency)
    return Money(int(f"{sign}{whole}{fraction.ljust(currency.exponent, '0')}"), currency)
