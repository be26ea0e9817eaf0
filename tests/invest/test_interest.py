"""Simple interest, actual days over 365: exact, rounded once, half to even, checked against exact fractions."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invest import interest
from invest.interest import DayCount
from law.money import KZT, Money
from simulators import bank
from tests.invest.made import kzt

RATES = st.decimals(min_value=0, max_value=Decimal("0.9999"), places=4)
PRINCIPALS = st.integers(1, 10**15)
DAYS = st.integers(0, 3660)


def half_even(exact: Fraction) -> int:
    return round(exact)  # of a Fraction: to the nearest, a tie to the even


@given(principal=PRINCIPALS, rate=RATES, days=DAYS)
def test_interest_is_the_exact_fraction_rounded_half_to_even(principal: int, rate: Decimal, days: int) -> None:
    exact = Fraction(principal) * Fraction(rate) * days / 365

    rounded = interest.simple(Money(principal, KZT), rate, days, DayCount.ACT_365F)

    assert rounded.money.minor == half_even(exact)
    assert abs(Fraction(rounded.remainder) - (exact - rounded.money.minor)) < Fraction(1, 10**50)


@given(principal=PRINCIPALS, rate=RATES, days=DAYS)
def test_the_bank_computes_the_same_in_its_own_way(principal: int, rate: Decimal, days: int) -> None:
    ours = interest.simple(Money(principal, KZT), rate, days, DayCount.ACT_365F).money.minor

    assert bank.interest({"principal_minor": principal, "rate": str(rate), "days": days}) == ours


@pytest.mark.parametrize(
    ("principal", "rate", "days", "earned"),
    [
        (kzt(50_000), "0.1450", 365, kzt(7_250)),
        (kzt(50_000), "0.1450", 366, kzt(7_269, 86)),  # a leap year's day is one more day over 365
        (kzt(1_000), "0.1450", 1, kzt(0, 40)),
        (kzt(1_000_000), "0", 365, kzt(0)),
        (Money(5, KZT), "0.1", 365, Money(0, KZT)),  # half a tiyn goes to the even one
        (Money(15, KZT), "0.1", 365, Money(2, KZT)),
    ],
)
def test_known_amounts(principal: Money, rate: str, days: int, earned: Money) -> None:
    assert interest.simple(principal, Decimal(rate), days, DayCount.ACT_365F).money == earned


def test_before_the_first_day_nothing_is_earned() -> None:
    early = interest.accrued(kzt(50_000), Decimal("0.1"), date(2026, 11, 23), date(2026, 11, 20), DayCount.ACT_365F)

    assert early == kzt(0)


def test_interest_never_runs_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        interest.simple(kzt(1), Decimal("0.1"), -1, DayCount.ACT_365F)
