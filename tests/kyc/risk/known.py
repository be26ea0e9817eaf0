"""Facts and rules to judge with, as plain as can be."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec

from kyc.risk.band import Scale
from kyc.risk.condition import AnyOf, Compares, CountFact, CountIs
from kyc.risk.facts import Channel, Facts, Listing, Looked
from kyc.risk.rule import RiskRuleBody, Source, State, Step, Version, Words

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SCALE = Scale(25, 60)
_NAMES = UUID("0192f7d0-6a4b-7c3e-9003-7269736b0000")
RULES = Path(__file__).parents[3] / "migrations" / "risk_rules.toml"
#: Somebody of whom nothing bad is known, with a chip that was read.
PLAIN = Facts(
    nationality="UTO",
    issuer="UTO",
    nationality_listing=Listing.NONE,
    issuer_listing=Listing.NONE,
    nationality_class="foreign",
    document_grade="valid",
    channel=Channel.CHIP,
    pep=Looked.CLEAR,
    media=Looked.CLEAR,
    relation_days=400,
)


def bodies() -> dict[str, RiskRuleBody]:
    """Read the rules an installation begins with."""
    return msgspec.convert(tomllib.loads(RULES.read_text(encoding="utf-8")), dict[str, RiskRuleBody])


def version(rule: str, body: RiskRuleBody, number: int = 1, state: State = State.ACTIVE) -> Version:
    return Version(
        id=uuid5(_NAMES, f"{rule}@{number}"),
        rule=rule,
        version=number,
        body=body,
        drafted_by="officer:1",
        drafted_at=AT,
        steps=(Step(state, "officer:2", AT),),
    )


def shipped() -> list[Version]:
    return [version(rule, body) for rule, body in bodies().items()]


def body(**changed: Any) -> RiskRuleBody:  # noqa: ANN401  fields of a rule
    """Write a rule that applies where there is a hit of the first question."""
    plain: dict[str, Any] = {
        "when": (AnyOf((CountIs(fact=CountFact.PEP_HITS, is_=Compares.AT_LEAST, to=1),)),),
        "points": 10,
        "words": Words(kk="бір", ru="один", en="one"),
        "source": Source(act="AIFC AML Rules", clause="5.1", checked_on=date(2026, 11, 22)),
        "since": date(2026, 4, 25),
        "applies_to": Facts(pep_hits=1),
        "spares": Facts(),
    }
    return RiskRuleBody(**plain | changed)
