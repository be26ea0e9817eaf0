"""A rule of risk and its life: drafted by one officer, tried in the shadow, brought into force by another one.

drafts     POST /v1/officer/risk-rules                           draft()
moves      POST /v1/officer/risk-rule-versions/{id}/steps        move()         <- you are here
refuses    the database (0034)           a step twice, one officer on both sides, any change of what was written
runs       kyc/risk/assessment.py        what is in shadow or active, on the days it is effective
tries      kyc/risk/backtest.py          any version, on facts of the past

A version never changes; what is different is another version. One version of a rule is active at a time: activating one
retires the other. What the house began with came with revision 0034 out of migrations/risk_rules.toml.
"""

import enum
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.risk import condition, tables
from kyc.risk.band import Band
from kyc.risk.condition import When
from kyc.risk.events import RiskRuleActivated, RiskRuleDrafted, RiskRuleRetired, RiskRuleShadowed
from kyc.risk.facts import Facts
from proof import journal


class State(enum.StrEnum):
    """Where a version is in its life."""

    DRAFT = "draft"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


#: Where a version may go. Nothing comes into force that was not tried, and nothing comes back.
LIFE = {
    State.DRAFT: frozenset({State.SHADOW, State.RETIRED}),
    State.SHADOW: frozenset({State.ACTIVE, State.RETIRED}),
    State.ACTIVE: frozenset({State.RETIRED}),
    State.RETIRED: frozenset[State](),
}

_Said = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rule says, for who reads an assessment. Nobody it is about ever does."""

    kk: Annotated[_Said, Meta(examples=["Азаматтығы FATF бақылауындағы ел"])]
    ru: Annotated[_Said, Meta(examples=["Гражданство страны под наблюдением ФАТФ"])]
    en: Annotated[_Said, Meta(examples=["Nationality of a jurisdiction that FATF monitors"])]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What obliges us, where, and when somebody last looked."""

    act: Annotated[_Said, Meta(examples=["AIFC AML Rules"])]
    clause: Annotated[_Said, Meta(examples=["5.1"])]
    checked_on: Annotated[date, Meta(examples=["2026-11-22"])]


class RiskRuleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version says: when it applies, what it adds, and the band it leaves nobody below.

    Points only add, so that no hit ever makes a relation look better. `applies_to` and `spares` are its test: facts it
    applies to, and facts it does not. It is effective from a day to the day before `until`.
    """

    when: When
    points: Annotated[int, Meta(ge=0, le=100, examples=[20])]
    floor: Annotated[Band | None, Meta(examples=["high"])] = None
    words: Words
    source: Source
    since: Annotated[date, Meta(examples=["2026-12-01"])]
    until: Annotated[date | None, Meta(examples=[None])] = None
    applies_to: Annotated[Facts, Meta(examples=[{"nationality_listing": "monitored"}])]
    spares: Annotated[Facts, Meta(examples=[{"nationality_listing": "none"}])]


class Step(msgspec.Struct, frozen=True):
    """A version came into a state."""

    state: State
    by: str
    at: datetime


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rule with its life so far; the last of `steps` is its state."""

    id: UUID
    rule: str
    version: int
    body: RiskRuleBody
    drafted_by: str
    drafted_at: datetime
    steps: tuple[Step, ...]

    @property
    def state(self) -> State:
        """Where it is."""
        return self.steps[-1].state

    @property
    def name(self) -> str:
        """How an assessment names it."""
        return f"{self.rule}@{self.version}"

    def effective(self, on: date) -> bool:
        """Whether it may be in force on a day."""
        return self.body.since <= on and (self.body.until is None or on < self.body.until)


class UnknownRule(Exception):
    """There is no such version of a rule."""


class WrongStep(Exception):
    """A version in `state` does not go there."""

    def __init__(self, state: State, to: State) -> None:
        super().__init__(state, to)
        self.state = state.value
        self.to = to.value


class SameOfficer(Exception):
    """Who brings a version into force is not who drafted it."""


class FailsItsTest(Exception):
    """The rule does not do what its own facts say: `which` is applies_to, spares, effect or days."""

    def __init__(self, which: str) -> None:
        super().__init__(which)
        self.which = which


def prove(body: RiskRuleBody) -> None:
    """Try a rule on its own facts, and see that it does anything; raises FailsItsTest."""
    for which, known, expected in (("applies_to", body.applies_to, True), ("spares", body.spares, False)):
        if condition.applies(body.when, known) is not expected:
            raise FailsItsTest(which)
    if not body.points and body.floor is None:
        raise FailsItsTest("effect")
    if body.until is not None and body.until <= body.since:
        raise FailsItsTest("days")


async def draft(
    db: AsyncConnection, rule: str, *, version: UUID, body: RiskRuleBody, actor: str, at: datetime
) -> Version:
    """Write the next version of a rule, the first where there is none; the one in force stays. Raises FailsItsTest."""
    prove(body)
    await db.execute(_LOCK)
    known = await _read(db, "risk_version.rule = :rule", rule=rule)
    made = Version(id=version, rule=rule, version=len(known) + 1, body=body, drafted_by=actor, drafted_at=at,
                   steps=(Step(State.DRAFT, actor, at),))  # fmt: skip
    row = {"id": version, "rule": rule, "version": made.version, "body": msgspec.to_builtins(body),
           "drafted_by": actor, "drafted_at": at}  # fmt: skip
    await db.execute(insert(tables.risk_version).values(row))
    await _step(db, made, State.DRAFT, actor, at)
    await _tell(db, RiskRuleDrafted(version_id=version, rule=rule, version=made.version), version, actor, at)
    return made


async def move(db: AsyncConnection, version: UUID, to: State, *, actor: str, at: datetime) -> Version:
    """Take a version to its next state; raises UnknownRule, WrongStep, SameOfficer."""
    await db.execute(_LOCK)
    found = await find(db, version)
    if to not in LIFE[found.state]:
        raise WrongStep(found.state, to)
    if to is State.ACTIVE:
        if found.drafted_by == actor:
            raise SameOfficer
        for other in await _read(db, "risk_version.rule = :rule", rule=found.rule):
            if other.state is State.ACTIVE:
                await _step(db, other, State.RETIRED, actor, at)
                fact = RiskRuleRetired(version_id=other.id, rule=other.rule, version=other.version,
                                       by_version=found.version)  # fmt: skip
                await _tell(db, fact, other.id, actor, at)
    await _step(db, found, to, actor, at)
    await _tell(db, _FACTS[to](found), found.id, actor, at)
    return await find(db, version)


async def find(db: AsyncConnection, version: UUID) -> Version:
    """Read one version; raises UnknownRule."""
    found = await _read(db, "risk_version.id = :id", id=version)
    if not found:
        raise UnknownRule
    return found[0]


async def listed(db: AsyncConnection) -> list[Version]:
    """Read all versions of all rules, by name."""
    return await _read(db, "true")


async def named(db: AsyncConnection, names: Sequence[str]) -> list[Version]:
    """Read versions by the names an assessment gives them; raises UnknownRule where one is missing."""
    found = await _read(db, "risk_version.rule || '@' || risk_version.version = ANY (:names)", names=list(names))
    if len(found) != len(set(names)):
        raise UnknownRule
    return found


async def running(db: AsyncConnection, on: date) -> list[Version]:
    """Read the versions that look at everybody on a day: in force, or in their shadow."""
    known = await _read(db, "latest.state IN ('shadow', 'active')")
    return [each for each in known if each.effective(on)]


async def active(db: AsyncConnection, on: date) -> list[Version]:
    """Read the versions in force on a day, in a story that speaks for a resident, who reads no rules."""
    known = versions(await db.execute(text("SELECT * FROM kyc.active_rules()")))
    return [each for each in known if each.effective(on)]


def versions(rows: Iterable[Row[Any]]) -> list[Version]:
    """Put versions together out of a row for each of their steps."""
    return [_version(list(steps)) for _, steps in groupby(rows, key=lambda row: row.id)]


async def _read(db: AsyncConnection, where: str, **values: object) -> list[Version]:
    return versions(await db.execute(text(_READ.format(where=where)), values))


def _version(rows: Sequence[Row[Any]]) -> Version:
    row = rows[0]
    return Version(
        id=row.id,
        rule=row.rule,
        version=row.version,
        body=msgspec.convert(row.body, RiskRuleBody),
        drafted_by=row.drafted_by,
        drafted_at=row.drafted_at,
        steps=tuple(Step(State(each.state), each.by_officer, each.at) for each in rows),
    )


async def _step(db: AsyncConnection, version: Version, state: State, actor: str, at: datetime) -> None:
    row = {"version": version.id, "state": state, "drafted_by": version.drafted_by, "by_officer": actor,
           "at": at}  # fmt: skip
    await db.execute(insert(tables.risk_step).values(row))


def _shadowed(version: Version) -> msgspec.Struct:
    return RiskRuleShadowed(version_id=version.id, rule=version.rule, version=version.version)


def _activated(version: Version) -> msgspec.Struct:
    return RiskRuleActivated(
        version_id=version.id, rule=version.rule, version=version.version, drafted_by=version.drafted_by
    )


def _retired(version: Version) -> msgspec.Struct:
    return RiskRuleRetired(version_id=version.id, rule=version.rule, version=version.version)


_FACTS = {State.SHADOW: _shadowed, State.ACTIVE: _activated, State.RETIRED: _retired}


async def _tell(db: AsyncConnection, event: msgspec.Struct, version: UUID, actor: str, at: datetime) -> None:
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=version, at=at, actor=actor, event=event))


# All steps are taken one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.risk_rule', 0))")
_READ = """
SELECT risk_version.*, risk_step.state, risk_step.by_officer, risk_step.at
FROM kyc.risk_version JOIN kyc.risk_step ON risk_step.version = risk_version.id
CROSS JOIN LATERAL (
    SELECT state FROM kyc.risk_step AS last WHERE last.version = risk_version.id ORDER BY seq DESC LIMIT 1
) AS latest
WHERE {where} ORDER BY risk_version.rule, risk_version.version, risk_step.seq
"""
