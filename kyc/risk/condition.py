"""What a rule may say: a closed vocabulary, no code. A condition compares one fact (kyc/risk/facts.py) with values.

A rule applies where every group holds, and a group holds where any of its conditions does: any statement of facts can
be written so, and is read from top to bottom. Nothing is nested, so nothing grows without bound.
"""

import enum
from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated

import msgspec
from msgspec import Meta

from kyc.risk.facts import Facts


class CountFact(enum.StrEnum):
    """The facts that are whole numbers."""

    FUNDS_AMOUNT = "funds_amount"
    WEALTH_AMOUNT = "wealth_amount"
    PAPERS = "papers"
    EXPECTED_TURNOVER = "expected_turnover"
    TURNOVER_PERCENT = "turnover_percent"
    PEP_HITS = "pep_hits"
    MEDIA_HITS = "media_hits"
    LIST_OPEN = "list_open"
    LIST_CLEARED = "list_cleared"
    LIST_CONFIRMED = "list_confirmed"
    RELATION_DAYS = "relation_days"


class CodeFact(enum.StrEnum):
    """The facts that are one code."""

    NATIONALITY = "nationality"
    RESIDENCE = "residence"
    ISSUER = "issuer"
    NATIONALITY_LISTING = "nationality_listing"
    RESIDENCE_LISTING = "residence_listing"
    ISSUER_LISTING = "issuer_listing"
    NATIONALITY_CLASS = "nationality_class"
    DOCUMENT_GRADE = "document_grade"
    CHANNEL = "channel"
    OCCUPATION = "occupation"
    INDUSTRY = "industry"
    DECLARED = "declared"
    PEP = "pep"
    MEDIA = "media"


class SeveralFact(enum.StrEnum):
    """The facts that are several codes."""

    PRODUCTS = "products"
    FUNDS = "funds"
    WEALTH = "wealth"
    PEP_CLASSES = "pep_classes"


class Compares(enum.StrEnum):
    """How a number compares."""

    LESS = "less"
    AT_MOST = "at_most"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    AT_LEAST = "at_least"
    MORE = "more"


_COMPARES = {
    Compares.LESS: lt,
    Compares.AT_MOST: le,
    Compares.EQUAL: eq,
    Compares.NOT_EQUAL: ne,
    Compares.AT_LEAST: ge,
    Compares.MORE: gt,
}
_Values = Annotated[
    tuple[Annotated[str, Meta(max_length=40, pattern=r"^[\x20-\x7e]*$(?!\n)")], ...],
    Meta(min_length=1, max_length=250, examples=[["monitored"]]),
]


class CountIs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="number"):
    """A number is less than, equal to or more than `to`."""

    fact: Annotated[CountFact, Meta(examples=["pep_hits"])]
    is_: Annotated[Compares, Meta(examples=["at_least"])] = msgspec.field(name="is")
    to: Annotated[int, Meta(ge=0, le=1_000_000, examples=[1])]


class CodeIs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="text"):
    """A code is one of `values`, or none of them where `none` is set."""

    fact: Annotated[CodeFact, Meta(examples=["nationality_listing"])]
    values: _Values
    none: bool = False


class CodesHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="several"):
    """Several codes hold one of `values` at least, or none of them where `none` is set."""

    fact: Annotated[SeveralFact, Meta(examples=["funds"])]
    values: _Values
    none: bool = False


Condition = CountIs | CodeIs | CodesHold


class AnyOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds where any of its conditions does."""

    any_of: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=8)]


#: Holds where all groups do.
When = Annotated[tuple[AnyOf, ...], Meta(min_length=1, max_length=8)]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule applied: a condition that held, and the value it found; several codes as one text."""

    condition: Condition
    value: int | str


def applies(when: Sequence[AnyOf], facts: Facts) -> bool:
    """Say whether a rule applies."""
    return all(any(_holds(condition, facts) for condition in group.any_of) for group in when)


def because(when: Sequence[AnyOf], facts: Facts) -> tuple[Held, ...]:
    """Name every condition that held, in the order they are written."""
    return tuple(
        Held(condition=condition, value=_shown(getattr(facts, condition.fact)))
        for group in when
        for condition in group.any_of
        if _holds(condition, facts)
    )


def _holds(condition: Condition, facts: Facts) -> bool:
    value = getattr(facts, condition.fact)
    match condition:
        case CountIs(is_=how, to=to):
            return bool(_COMPARES[how](value, to))
        case CodeIs(values=values, none=none):
            return (value in values) is not none
        case CodesHold(values=values, none=none):
            return any(each in values for each in value) is not none


def _shown(value: int | str | tuple[str, ...]) -> int | str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value if isinstance(value, int) else str(value)
