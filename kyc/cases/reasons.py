"""What a person may be told, by code: the catalogue in reasons.toml, and which check leads to which code.

A code is one of three kinds. RETRY: the person can mend it, and reads what would help. FINAL: two officers refused, and
it names the legal ground and the term of appeal. NEUTRAL: something that the person is never told, because telling it
would tip them off (AIFC AML Rules, chapter 13; Law 191-IV, art. 11): whatever a list, a score, a comparison with other
people or the press said, the one text is the same. A check that the catalogue does not know is NEUTRAL.
"""

import enum
import tomllib
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from law import calendar

TEXTS = Path(__file__).with_suffix(".toml")
#: How a check that the person is not told of appears among the reasons of a document.
UNSPOKEN = "person"


class Kind(enum.StrEnum):
    """What a code means for the person."""

    RETRY = "retry"
    FINAL = "final"
    NEUTRAL = "neutral"


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code: per language what is the matter and what would help; of a FINAL one the ground and the appeal's term."""

    kind: Kind
    en: tuple[str, str]
    ru: tuple[str, str]
    kk: tuple[str, str]
    ground: str | None = None
    appeal_months: int | None = None

    def __post_init__(self) -> None:
        final = self.kind is Kind.FINAL
        if final != (self.ground is not None) or final != (self.appeal_months is not None):
            raise ValueError("a final reason, and no other, has a ground and a term of appeal")

    def appeal_until(self, decided_on: date) -> date:
        """Answer the last day of the appeal against a decision of that day."""
        assert self.appeal_months is not None, "asked of a final reason"
        return calendar.add_months(decided_on, self.appeal_months)


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The codes, and the code of each check; a check's name may stop after its dot and then means all of them."""

    code: dict[str, Reason]
    check: dict[str, str]


class UnknownReason(Exception):
    """The catalogue has no such code, or not of this kind."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.code = code or "none"


@cache
def catalogue() -> Catalogue:
    """Read the catalogue; every check leads to a code that is there."""
    read = msgspec.convert(tomllib.loads(TEXTS.read_text(encoding="utf-8")), Catalogue)
    if unknown := set(read.check.values()) - read.code.keys():
        raise ValueError(f"no such codes: {unknown}")
    return read


def of(code: str | None, kind: Kind) -> Reason:
    """Look up a code of a kind; raises UnknownReason."""
    found = catalogue().code.get(code or "")
    if found is None or found.kind is not kind:
        raise UnknownReason(code)
    return found


def codes(checks: Iterable[str]) -> tuple[str, ...]:
    """List what the person is to mend, each code once; what they may not know is left out."""
    found = (_code(check) for check in checks)
    return tuple(dict.fromkeys(code for code in found if catalogue().code[code].kind is Kind.RETRY))


def is_confidential(check: str) -> bool:
    """Say whether nobody concerned by a check is told of it."""
    return catalogue().code[_code(check)].kind is Kind.NEUTRAL


def spoken(checks: Iterable[str]) -> tuple[str, ...]:
    """Give the names of checks as the person concerned may know them."""
    return tuple(dict.fromkeys(UNSPOKEN if is_confidential(check) else check for check in checks))


def _code(check: str) -> str:
    known = catalogue().check
    return known.get(check) or known.get(f"{check.partition('.')[0]}.") or "under_review"
