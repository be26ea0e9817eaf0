"""The one place where amounts are rounded, and two ways to lose no unit: a remainder, or shares that add up."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, localcontext

import msgspec

from law.money import AmountOutOfRange, Currency, Money

# 19 digits of a bigint times a rate of up to 40 digits are exact in it; Inexact would tell if ever they were not.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
_RATE_DIGITS_MAX = 40


class BadRate(Exception):
    """A rate is a finite decimal above zero, of at most 40 digits on either side of its point."""

    def __init__(self, rate: Decimal) -> None:
        super().__init__(rate)
        self.rate = rate


class NothingToShareBy(Exception):
    """The weights of an allocation are none, all zero, or one of them is negative."""

    def __init__(self, weights: Sequence[int]) -> None:
        super().__init__(weights)
        self.weights = tuple(weights)


class Rounded(msgspec.Struct, frozen=True):
    """`money` is what moves; `remainder` is exact − rounded, in minor units of `money.currency`, within [−1/2, 1/2].

    Whoever moves `money` records `remainder` beside it and posts what remainders add up to, in whole minor units.
    """

    money: Money
    remainder: Decimal


def half_even(minor: Decimal, currency: Currency) -> Rounded:
    """Round a fractional count of minor units to the nearest whole one, a tie to the even one (IEEE 754, ISO 80000-1).

    Halves then go up as often as down, so many roundings of one sign don't drift. Raises AmountOutOfRange.
    """
    with localcontext(_EXACT):
        whole = minor.to_integral_value(rounding=ROUND_HALF_EVEN)
        return Rounded(Money(int(whole), currency), minor - whole)


def convert(money: Money, rate: Decimal, into: Currency) -> Rounded:
    """Exchange `money` at `rate` units of `into` for one unit of its currency (both major: 470.25 tenge for a dollar).

    Raises BadRate, AmountOutOfRange.
    """
    _check(rate)
    with localcontext(_EXACT):
        minor = (money.minor * rate).scaleb(into.exponent - money.currency.exponent)
        if minor.adjusted() > len(str(2**63)):  # far beyond bigint: don't spell out its digits
            raise AmountOutOfRange(int(minor), into)
    return half_even(minor, into)


def allocate(money: Money, weights: Sequence[int]) -> list[Money]:
    """Share `money` in proportion to `weights`; the shares add up to it exactly (largest remainder).

    Units left over go one each to the largest fractions, among equal ones to the earlier weight. A zero weight gets
    nothing, and a negative amount is shared as its opposite. Raises NothingToShareBy.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise NothingToShareBy(weights)
    sign = -1 if money.minor < 0 else 1
    parts = [divmod(abs(money.minor) * weight, whole) for weight in weights]
    left_over = abs(money.minor) - sum(share for share, _ in parts)
    by_fraction = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    lucky = set(by_fraction[:left_over])
    return [Money(sign * (share + (place in lucky)), money.currency) for place, (share, _) in enumerate(parts)]


def _check(rate: Decimal) -> None:
    if not rate.is_finite() or rate <= 0:
        raise BadRate(rate)
    if abs(rate.adjusted()) > _RATE_DIGITS_MAX or len(rate.as_tuple().digits) > _RATE_DIGITS_MAX:
        raise BadRate(rate)
