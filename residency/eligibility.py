"""May this person become an electronic resident at all? Decided from two facts, by the rules of the day of filing.

The verdict is advice to the officers; that no citizen ever holds the status is also held by the table it is stored in.
"""

from datetime import date
from enum import StrEnum

import msgspec

from law.threshold import Thresholds


class Citizenship(StrEnum):
    """What a nationality means here: the service is for everybody but citizens of Kazakhstan (D3.2-d)."""

    CITIZEN = "citizen"
    FOREIGN = "foreign"
    STATELESS = "stateless"
    REFUGEE = "refugee"
    UNSPECIFIED = "unspecified"


class Verdict(StrEnum):
    """What a check found. REVIEW: a person has to look."""

    PASS = "pass"  # noqa: S105  a verdict, not a password
    FAIL = "fail"
    REVIEW = "review"


class Person(msgspec.Struct, frozen=True):
    """What was verified about the applicant; `born` is None where the document does not say the whole date."""

    citizenship: Citizenship
    born: date | None


class Finding(msgspec.Struct, frozen=True):
    """One check's answer; `reason` is a code of residency/reason.py wherever the verdict is FAIL."""

    check: str
    verdict: Verdict
    reason: str | None = None


def judge(person: Person, on: date, rules: Thresholds) -> tuple[Finding, Finding]:
    """Judge citizenship and age as of the Almaty day `on`; what is unknown is for a person to look at."""
    return citizenship(person), age(person, on, rules)


def citizenship(person: Person) -> Finding:
    """Judge by citizenship alone: everybody but citizens (D3.2-d)."""
    if person.citizenship is Citizenship.CITIZEN:
        return Finding("eligibility.citizenship", Verdict.FAIL, "ineligible_citizen")
    unclear = person.citizenship is Citizenship.UNSPECIFIED
    return Finding("eligibility.citizenship", Verdict.REVIEW if unclear else Verdict.PASS)


def age(person: Person, on: date, rules: Thresholds) -> Finding:
    """Judge by the full years on the day `on`."""
    if person.born is None:
        return Finding("eligibility.age", Verdict.REVIEW)
    if years(person.born, on) < rules.value("eresidency.age_years_min", on):
        return Finding("eligibility.age", Verdict.FAIL, "under_age")
    return Finding("eligibility.age", Verdict.PASS)


def years(born: date, on: date) -> int:
    """Count full years; who was born on 29 February completes a year on 1 March where there is no such day."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
