"""Rounding and sharing lose nothing: what isn't moved is told."""

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from law.money import JPY, KWD, KZT, USD, AmountOutOfRange, Currency, Money, total
from law.rounding import BadRate, NothingToShareBy, allocate, convert, half_even

amounts = st.builds(Money, st.integers(-(2**62), 2**62), st.just(KZT))
rates = st.decimals(min_value=Decimal("0.000001"), max_value=10_000, places=6)
weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize(
    ("exact", "minor", "remainder"),
    [
        ("0.5", 0, "0.5"),
        ("1.5", 2, "-0.5"),
        ("2.5", 2, "0.5"),
        ("-0.5", 0, "-0.5"),
        ("-1.5", -2, "0.5"),
        ("2.500001", 3, "-0.499999"),
        ("2.499999", 2, "0.499999"),
        ("7", 7, "0"),
    ],
)
def test_a_half_goes_to_the_even_unit(exact: str, minor: int, remainder: str) -> None:
    rounded = half_even(Decimal(exact), KZT)

    assert rounded.money == Money(minor, KZT)
    assert rounded.remainder == Decimal(remainder)


@pytest.mark.parametrize(
    ("money", "rate", "into", "minor", "remainder"),
    [
        (Money(100_00, USD), "470.25", KZT, 47_025_00, "0"),
        (Money(1, USD), "470.255", KZT, 470, "0.255"),
        (Money(47_025_00, KZT), "0.00212652844", USD, 100_00, "-0.00001090"),
        (Money(1000, JPY), "3.1234", KZT, 3123_40, "0"),
        (Money(1_000, KWD), "1529.123456", KZT, 1529_12, "0.3456"),
        (Money(3, KZT), "0.3", JPY, 0, "0.009"),
        (Money(-100_00, USD), "470.25", KZT, -47_025_00, "0"),
    ],
)
def test_a_rate_is_between_major_units(money: Money, rate: str, into: Currency, minor: int, remainder: str) -> None:
    converted = convert(money, Decimal(rate), into)

    assert converted.money == Money(minor, into)
    assert converted.remainder == Decimal(remainder)


@given(st.builds(Money, st.integers(-(10**14), 10**14), st.just(USD)), rates)
def test_money_and_remainder_are_exactly_the_product(money: Money, rate: Decimal) -> None:
    converted = convert(money, rate, JPY)

    exact = Fraction(money.minor) * Fraction(rate) / 100
    assert converted.money.minor + Fraction(converted.remainder) == exact
    assert abs(converted.remainder) <= Decimal("0.5")


def test_many_halves_do_not_drift() -> None:
    halves = [half_even(Decimal(n) + Decimal("0.5"), KZT) for n in range(1000)]

    assert sum(rounded.remainder for rounded in halves) == 0
    down = [Decimal(n) + Decimal("0.5") for n in range(1000)]
    assert sum(half - half.quantize(Decimal(1), rounding=ROUND_DOWN) for half in down) == 500


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "sNaN", "Infinity", "1e41", "1e-41", "1." + "1" * 41])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(BadRate):
        convert(Money(1, USD), Decimal(rate), KZT)


@pytest.mark.parametrize("rate", ["10", "1e40"])
def test_a_product_beyond_bigint_is_refused(rate: str) -> None:
    with pytest.raises(AmountOutOfRange):
        convert(Money(2**62, USD), Decimal(rate), KZT)


@given(amounts, weights)
def test_shares_add_up_exactly(money: Money, by: list[int]) -> None:
    assert total(allocate(money, by), KZT) == money


@given(amounts, weights)
def test_a_share_is_less_than_a_unit_from_its_due(money: Money, by: list[int]) -> None:
    for share, weight in zip(allocate(money, by), by, strict=True):
        assert abs(share.minor - Fraction(money.minor * weight, sum(by))) < 1


@given(amounts, weights)
def test_who_has_no_weight_gets_nothing(money: Money, by: list[int]) -> None:
    for share, weight in zip(allocate(money, [*by, 0]), [*by, 0], strict=True):
        assert weight or not share


@given(amounts, weights)
def test_a_debt_is_shared_as_the_same_amount_owned(money: Money, by: list[int]) -> None:
    assert allocate(-money, by) == [-share for share in allocate(money, by)]


@pytest.mark.parametrize(
    ("minor", "by", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (100, [50, 30, 20], [50, 30, 20]),
        (1, [1, 2], [0, 1]),
        (7, [0, 1], [0, 7]),
        (0, [1, 1], [0, 0]),
        (10, [3, 3, 3, 1], [3, 3, 3, 1]),
    ],
)
def test_left_over_units_go_to_the_largest_fraction_then_the_first(
    minor: int, by: list[int], shares: list[int]
) -> None:
    assert [share.minor for share in allocate(Money(minor, KZT), by)] == shares


@pytest.mark.parametrize("by", [[], [0], [0, 0], [2, -1], [-1]])
def test_there_must_be_something_to_share_by(by: list[int]) -> None:
    with pytest.raises(NothingToShareBy):
        allocate(Money(1, KZT), by)
