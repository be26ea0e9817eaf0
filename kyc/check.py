"""What was looked at, what was found, and what follows from it.

Every look is a `Finding`; with the version of the rules and the digest of what they were given it is stored as a row of
`kyc.check`. The decision is a pure function of findings: the same findings give the same decision, in ten years too.
"""

import enum
from collections.abc import Iterable

import msgspec

#: The version of the rules below and of kyc/chip.py, kyc/mrz.py and kyc/screening.py; a changed rule is a new version.
RULES = "2026-11"


class Verdict(enum.StrEnum):
    """`error` is a look that could not be taken: no answer, neither good nor bad."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    FAIL = "fail"
    REVIEW = "review"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One look: `check` names it (`chip.signature`); `params` explain it and hold no personal data."""

    check: str
    verdict: Verdict
    params: dict[str, str] = {}


class Identified(msgspec.Struct, frozen=True, tag="identified"):
    """The person is who they say, and nothing speaks against dealing with them."""


class NeedsReview(msgspec.Struct, frozen=True, tag="review"):
    """A person must look, at these checks."""

    reasons: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The document does not identify anyone, for these checks; another one, or a better reading, may."""

    reasons: tuple[str, ...]


Decision = Identified | NeedsReview | Refused

#: What the person concerned is not told: that somebody else came with their document, or that they are on a list.
CONFIDENTIAL = frozenset({"person.unique", "person.screening"})
#: How these appear among the reasons that the person is told.
UNSPOKEN = "person"

#: Without each of these nobody is identified. What is missing is looked at by a person, never taken as passed.
REQUIRED = (
    "mrz.read",
    "chip.structure",
    "chip.digest",
    "chip.signature",
    "chip.algorithms",
    "chip.issuer_trusted",
    "chip.issuer_matches",
    "chip.data_groups",
    "chip.only_signed_groups",
    "document.matches_chip",
    "document.in_force",
    "person.unique",
    "person.screening",
)


def decide(findings: Iterable[Finding]) -> Decision:
    """Refuse where anything failed, ask a person where anything is open, identify where all required checks passed."""
    found = tuple(findings)
    if failed := _named(found, Verdict.FAIL):
        return Refused(failed)
    missing = set(REQUIRED) - {finding.check for finding in found}
    if unclear := (*_named(found, Verdict.REVIEW, Verdict.ERROR), *sorted(missing)):
        return NeedsReview(unclear)
    return Identified()


def spoken(reasons: Iterable[str]) -> tuple[str, ...]:
    """Give the reasons as the person concerned may know them."""
    return tuple(dict.fromkeys(UNSPOKEN if reason in CONFIDENTIAL else reason for reason in reasons))


def _named(findings: Iterable[Finding], *verdicts: Verdict) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.check for finding in findings if finding.verdict in verdicts))
