"""What happened to rules of risk. Nobody's feed shows it: who is watched must not learn from us for what."""

from uuid import UUID

import msgspec


class CardRuleDrafted(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.drafted"):
    """An officer wrote a version of a rule. Aggregate of all but the alert: the rule."""

    version_id: UUID
    version: int
    name: str
    action: str


class CardRuleShadowed(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.shadowed"):
    """A version is tried on every question from now on; it decides nothing."""

    version_id: UUID
    version: int


class CardRuleActivated(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.activated"):
    """A version is in force, by the word of an officer who did not write it."""

    version_id: UUID
    version: int
    drafted_by: str


class CardRuleRetired(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.retired"):
    """A version is over; `by_version` names the one that took its place, if one did."""

    version_id: UUID
    version: int
    by_version: int | None = None


class CardRuleAlerted(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.alerted"):
    """A rule in force found what officers want to hear of. Aggregate: this one finding."""

    version_id: UUID
    name: str
    payment: UUID
    number: int
    amount_minor: int
    currency: str
    approved: bool


class CardRuleBacktested(msgspec.Struct, frozen=True, kw_only=True, tag="card_rule.backtested"):
    """A version was tried on questions of the past. Aggregate: the backtest."""

    version_id: UUID
    decisions: int
    hits: int
    hash: str
