"""What a term deposit earns: simple interest, paid at maturity."""

import enum
from datetime import date
from decimal import Context, Decimal, localcontext

from law import rounding
from law.money import Money
from law.rounding import Rounded


class DayCount(enum.StrEnum):
    """How days become a part of a year. `act_365f`: days passed over 365, in leap years too (ISDA 2006, 4.16(d))."""

    ACT_365F = "act_365f"


_YEAR_DAYS = {DayCount.ACT_365F: 365}

# The exact interest is a multiple of 10⁻ᵈ/365, d the decimals of the rate, so it is either a tie or at least 10⁻ᵈ/730
# away from one: with 80 digits the quotient can't be taken for a tie that it is not.
_QUOTIENT = Context(prec=80)


def simple(principal: Money, rate: Decimal, days: int, day_count: DayCount) -> Rounded:
    """Interest on `principal` at the yearly `rate` (0.145 is 14.5 %) over `days`, rounded half to even.

    `days` ≥ 0. The remainder is what the bank keeps (or adds) for paying whole minor units.
    """
    if days < 0:
        raise ValueError("interest runs forward")
    with localcontext(_QUOTIENT):
        exact = principal.minor * rate * days / _YEAR_DAYS[day_count]
    return rounding.half_even(exact, principal.currency)


def accrued(principal: Money, rate: Decimal, since: date, until: date, day_count: DayCount) -> Money:
    """Interest earned from the day `since` to the day `until`, which does not count itself; none before `since`."""
    return simple(principal, rate, max(0, (until - since).days), day_count).money
