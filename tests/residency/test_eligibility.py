"""Who may become an electronic resident: foreigners and stateless persons of age (D3.2-d)."""

from datetime import date

import pytest

from residency import eligibility
from residency.eligibility import Citizenship, Finding, Person, Verdict
from residency.rules import RULES

_ON = date(2026, 9, 1)
_BORN = date(1990, 1, 1)


@pytest.mark.parametrize("citizenship", [Citizenship.FOREIGN, Citizenship.STATELESS, Citizenship.REFUGEE])
def test_foreigners_and_stateless_persons_pass(citizenship: Citizenship) -> None:
    found, _ = eligibility.judge(Person(citizenship, _BORN), _ON, RULES)

    assert found == Finding("eligibility.citizenship", Verdict.PASS)


def test_a_citizen_fails_with_the_reason() -> None:
    found, _ = eligibility.judge(Person(Citizenship.CITIZEN, _BORN), _ON, RULES)

    assert found == Finding("eligibility.citizenship", Verdict.FAIL, "ineligible_citizen")


def test_an_unspecified_citizenship_is_for_an_officer() -> None:
    found, _ = eligibility.judge(Person(Citizenship.UNSPECIFIED, _BORN), _ON, RULES)

    assert found.verdict is Verdict.REVIEW


@pytest.mark.parametrize(
    ("born", "on", "verdict"),
    [
        (date(2008, 9, 2), date(2026, 9, 1), Verdict.FAIL),
        (date(2008, 9, 1), date(2026, 9, 1), Verdict.PASS),
        (date(2008, 2, 29), date(2026, 2, 28), Verdict.FAIL),
        (date(2008, 2, 29), date(2026, 3, 1), Verdict.PASS),
        (None, date(2026, 9, 1), Verdict.REVIEW),
    ],
)
def test_age_is_counted_in_full_years_on_the_day_of_filing(born: date | None, on: date, verdict: Verdict) -> None:
    _, found = eligibility.judge(Person(Citizenship.FOREIGN, born), on, RULES)

    assert found.verdict is verdict
