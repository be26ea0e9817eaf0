"""Money: what adds up, what may not meet, and how amounts are written."""

from decimal import Decimal

import msgspec
import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from law.money import (
    CNY,
    EUR,
    JPY,
    KWD,
    KZT,
    MAX_MINOR,
    MIN_MINOR,
    USD,
    AmountOutOfRange,
    BadAmount,
    Currency,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    format_major,
    parse_major,
    total,
    zero,
)

currencies = st.sampled_from(list(Currency))
minors = st.integers(MIN_MINOR, MAX_MINOR)
small = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(("currency", "exponent"), [(KZT, 2), (USD, 2), (EUR, 2), (CNY, 2), (JPY, 0), (KWD, 3)])
def test_a_currency_has_the_digits_of_iso_4217(currency: Currency, exponent: int) -> None:
    assert currency.exponent == exponent


def test_codes_and_numbers_are_those_of_an_independent_table() -> None:
    ours = {(currency.value, f"{currency.numeric:03}") for currency in Currency}

    assert ours <= {(entry.alpha_3, entry.numeric) for entry in pycountry.currencies}


@given(currencies)
def test_a_currency_is_found_by_letters_and_by_number(currency: Currency) -> None:
    assert Currency.of(currency.value) is currency
    assert Currency.of_numeric(currency.numeric) is currency


@pytest.mark.parametrize("code", ["XXX", "kzt", "", "XAU", "KZT "])
def test_other_letters_are_no_currency(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        Currency.of(code)


def test_another_number_is_no_currency() -> None:
    with pytest.raises(UnknownCurrency):
        Currency.of_numeric(999)


@given(small, small, currencies)
def test_sums_are_sums_of_minor_units(left: int, right: int, currency: Currency) -> None:
    assert Money(left, currency) + Money(right, currency) == Money(left + right, currency)
    assert Money(left, currency) - Money(right, currency) == Money(left - right, currency)
    assert (Money(left, currency) < Money(right, currency)) == (left < right)
    assert (Money(left, currency) >= Money(right, currency)) == (left >= right)
    assert (Money(left, currency) <= Money(right, currency)) == (left <= right)
    assert (Money(left, currency) > Money(right, currency)) == (left > right)
    assert -Money(left, currency) == Money(-left, currency)
    assert abs(Money(left, currency)) == Money(abs(left), currency)
    assert 3 * Money(left, currency) == Money(left, currency) * 3 == Money(3 * left, currency)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_never_meet(operation: str) -> None:
    with pytest.raises(CurrencyMismatch):
        getattr(Money(1, KZT), operation)(Money(1, USD))


def test_equal_amounts_of_two_currencies_are_not_equal() -> None:
    assert Money(0, KZT) != Money(0, USD)


@pytest.mark.parametrize("minor", [MAX_MINOR + 1, MIN_MINOR - 1])
def test_an_amount_beyond_bigint_does_not_exist(minor: int) -> None:
    with pytest.raises(AmountOutOfRange):
        Money(minor, KZT)


def test_a_sum_beyond_bigint_does_not_exist() -> None:
    with pytest.raises(AmountOutOfRange):
        Money(MAX_MINOR, KZT) + Money(1, KZT)


@pytest.mark.parametrize("minor", [1.0, True, Decimal(1), "1", None])
def test_minor_units_are_integers(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, KZT)  # type: ignore[arg-type]  # what a caller without types could do


def test_of_nothing_the_total_is_zero() -> None:
    assert total([], KZT) == zero(KZT)
    assert total([Money(1, KZT), Money(2, KZT)], KZT) == Money(3, KZT)


def test_a_total_refuses_another_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        total([Money(1, USD)], KZT)


def test_only_zero_is_nothing() -> None:
    assert not zero(KZT)
    assert Money(-1, KZT)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1_500_00, KZT, "1500.00"),
        (-5, KZT, "-0.05"),
        (0, KZT, "0.00"),
        (1500, JPY, "1500"),
        (0, JPY, "0"),
        (1, KWD, "0.001"),
        (-12_345, KWD, "-12.345"),
        (MIN_MINOR, KZT, "-92233720368547758.08"),
    ],
)
def test_an_amount_is_written_with_all_its_digits(minor: int, currency: Currency, text: str) -> None:
    assert format_major(Money(minor, currency)) == text
    assert str(Money(minor, currency)) == f"{text} {currency.value}"


@given(minors, currencies)
def test_what_is_written_is_read_back(minor: int, currency: Currency) -> None:
    assert parse_major(format_major(Money(minor, currency)), currency) == Money(minor, currency)


@pytest.mark.parametrize(("text", "minor"), [("1500", 1500_00), ("1500.5", 1500_50), ("007", 7_00), ("-0", 0)])
def test_shorter_fractions_are_read(text: str, minor: int) -> None:
    assert parse_major(text, KZT) == Money(minor, KZT)


@pytest.mark.parametrize(
    "text",
    ["", "1.", ".5", "1.005", "1.000", "1,5", "1e3", "+1", " 1", "1 ", "1_000", "--1", "NaN", "Infinity", "٣", "1\n"],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        parse_major(text, KZT)


def test_yen_have_no_fraction_to_read() -> None:
    with pytest.raises(BadAmount):
        parse_major("1.0", JPY)


def test_an_amount_too_long_for_bigint_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        parse_major("92233720368547758.08", KZT)


def test_in_json_money_is_its_minor_units_and_its_code() -> None:
    assert msgspec.json.encode(Money(1, KZT)) == b'{"minor":1,"currency":"KZT"}'
    assert msgspec.json.decode(b'{"minor":1,"currency":"KZT"}', type=Money) == Money(1, KZT)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"minor":1,"currency":"XXX"}', type=Money)
