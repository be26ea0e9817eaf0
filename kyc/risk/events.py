"""What happened to rules and judgements of risk, to declarations and reviews.

Nobody's feed shows the judgements: who is judged must not learn from us for what (AIFC AML Rules, chapter 13).
"""

from datetime import date
from uuid import UUID

import msgspec


class RiskRuleDrafted(msgspec.Struct, frozen=True, kw_only=True, tag="risk_rule.drafted"):
    """An officer wrote a version of a rule. Aggregate of these four: the version."""

    version_id: UUID
    rule: str
    version: int


class RiskRuleShadowed(msgspec.Struct, frozen=True, kw_only=True, tag="risk_rule.shadowed"):
    """A version is tried on everybody from now on; it decides nothing."""

    version_id: UUID
    rule: str
    version: int


class RiskRuleActivated(msgspec.Struct, frozen=True, kw_only=True, tag="risk_rule.activated"):
    """A version is in force, by the word of an officer who did not write it."""

    version_id: UUID
    rule: str
    version: int
    drafted_by: str


class RiskRuleRetired(msgspec.Struct, frozen=True, kw_only=True, tag="risk_rule.retired"):
    """A version is over; `by_version` is the one that took its place, if one did."""

    version_id: UUID
    rule: str
    version: int
    by_version: int | None = None


class RiskRuleBacktested(msgspec.Struct, frozen=True, kw_only=True, tag="risk_rule.backtested"):
    """A version was tried on facts of the past. Aggregate: the backtest."""

    version_id: UUID
    assessments: int
    moved: int
    hash: str


class RiskAssessed(msgspec.Struct, frozen=True, kw_only=True, tag="risk.assessed"):
    """A relation was judged. Aggregate: the assessment."""

    assessment: UUID
    number: int
    outcome_hash: str


class RiskOverrideProposed(msgspec.Struct, frozen=True, kw_only=True, tag="risk_override.proposed"):
    """An officer wants to put their word in the place of what was computed. Aggregate of both: the override."""

    what: str


class RiskOverrideDecided(msgspec.Struct, frozen=True, kw_only=True, tag="risk_override.decided"):
    """Another officer agreed, or did not."""

    what: str
    agreed: bool


class ExposureAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="exposure.answered"):
    """The outside said something, of whom is in the row alone. Aggregate: the answer."""

    kind: str
    vendor: str
    version: str


class FundsDeclared(msgspec.Struct, frozen=True, kw_only=True, tag="funds.declared"):
    """A person declared where their money comes from. Shown to them. Aggregate of both: the declaration."""

    declaration: UUID
    version: int


class FundsReviewed(msgspec.Struct, frozen=True, kw_only=True, tag="funds.reviewed"):
    """An officer accepted a declaration, or asks for more. Shown to the person."""

    declaration: UUID
    outcome: str


class ReviewAsked(msgspec.Struct, frozen=True, kw_only=True, tag="identity_review.asked"):
    """A person is to be verified again, by the day `until`. Shown to them. Aggregate of these three: the person."""

    until: date


class ReviewOverdue(msgspec.Struct, frozen=True, kw_only=True, tag="identity_review.overdue"):
    """The day is over. Shown to the person."""

    until: date


class ReviewDone(msgspec.Struct, frozen=True, kw_only=True, tag="identity_review.done"):
    """The person was verified again. Shown to them; when the next time is, is not."""
