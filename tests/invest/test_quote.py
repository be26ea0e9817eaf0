"""A quote: amounts the product takes, working days, interest of the days in between, and what is insured."""

from datetime import date

import pytest

from invest import insurance
from invest.product import BadTerms, InsuranceClass, check
from invest.quote import AmountNotOffered
from law.money import USD, Money
from law.seed import THRESHOLDS
from tests.invest.made import FRIDAY, SAVINGS, held, kzt, quoted, terms


def test_a_quote_says_what_is_paid_and_when() -> None:
    found = quoted(50_000)

    assert (found.starts_on, found.matures_on, found.days) == (date(2026, 11, 20), date(2027, 11, 22), 367)
    assert found.interest == kzt(7_289, 73)  # the 20th of November 2027 is a Saturday: two days more
    assert found.total == kzt(57_289, 73)
    assert found.fee == kzt(0)
    assert found.interest_lost_max == kzt(7_289, 73) - kzt(50, 27)


@pytest.mark.parametrize(
    ("asked_on", "starts_on"),
    [
        (date(2026, 11, 20), date(2026, 11, 20)),
        (date(2026, 11, 21), date(2026, 11, 23)),  # Saturday
        (date(2026, 12, 16), date(2026, 12, 17)),  # Independence Day
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2027, 1, 1), date(2027, 1, 5)),  # New Year, its second day, and the weekend between
    ],
)
def test_a_deposit_begins_on_a_working_day(asked_on: date, starts_on: date) -> None:
    assert quoted(on=asked_on).starts_on == starts_on


@pytest.mark.parametrize("tenge", [999, 50_000_100, 1_050])
def test_an_amount_outside_the_terms_is_refused_with_what_they_take(tenge: int) -> None:
    with pytest.raises(AmountNotOffered) as refused:
        quoted(tenge)

    assert (refused.value.minimum, refused.value.maximum, refused.value.step) == (
        "1000.00 KZT",
        "50000000.00 KZT",
        "100.00 KZT",
    )


@pytest.mark.parametrize("tenge", [1_000, 1_100, 50_000_000])
def test_the_bounds_themselves_are_taken(tenge: int) -> None:
    assert quoted(tenge).principal == kzt(tenge)


@pytest.mark.parametrize(
    ("kind", "amount", "of_class", "insured", "covered"),
    [
        (InsuranceClass.SAVINGS, 5_000_000, 0, 0, 5_000_000),
        (InsuranceClass.SAVINGS, 5_000_000, 17_000_000, 17_000_000, 3_000_000),
        (InsuranceClass.SAVINGS, 5_000_000, 25_000_000, 25_000_000, 0),
        (InsuranceClass.OTHER, 12_000_000, 0, 0, 10_000_000),
        (InsuranceClass.OTHER, 8_000_000, 0, 15_000_000, 5_000_000),  # all classes together: 20 million
        (InsuranceClass.NONE, 5_000_000, 0, 0, 0),
    ],
)
def test_the_guarantee_is_per_class_and_per_bank(
    kind: InsuranceClass, amount: int, of_class: int, insured: int, covered: int
) -> None:
    found = insurance.cover(kzt(amount), kind, held(of_class, insured), THRESHOLDS, FRIDAY)

    assert found.covered == kzt(covered)
    assert found.covered + found.uncovered == kzt(amount)


def test_money_that_is_not_tenge_is_shown_as_not_covered() -> None:
    found = insurance.cover(Money(100, USD), InsuranceClass.OTHER, held(), THRESHOLDS, FRIDAY)

    assert (found.limit, found.uncovered) == (None, Money(100, USD))


@pytest.mark.parametrize(
    "broken",
    [
        {"name": {"en": "Savings", "ru": "Вклад"}},
        {"rate": SAVINGS.rate * 10},
        {"rate": -SAVINGS.rate},
        {"early_exit": type(SAVINGS.early_exit)(notice_days=0, rate=SAVINGS.rate * 2)},
        {"early_exit": type(SAVINGS.early_exit)(notice_days=-1, rate=SAVINGS.rate)},
        {"minimum_minor": 0},
        {"maximum_minor": 1},
        {"step_minor": 0},
        {"term_days": 0},
    ],
    ids=str,
)
def test_terms_that_contradict_themselves_are_not_published(broken: dict[str, object]) -> None:
    with pytest.raises(BadTerms):
        check(terms(**broken))


def test_the_terms_a_client_agrees_to_are_one_text() -> None:
    assert terms().text() == SAVINGS.text()
    assert '"rate":"0.1450"' in SAVINGS.text()
