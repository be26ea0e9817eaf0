"""A rule of risk and its life: drafted by one officer, tried in the shadow, brought into force by another one.

drafts     POST /v1/officer/card-rules, /v1/officer/card-rules/{id}/versions    draft(), redraft()
moves      POST /v1/officer/card-rule-versions/{id}/steps                       move()
refuses    the database (0026)          a step twice, one officer on both sides, any change of what was written
runs       cards/rules/engine.py      what is in shadow or active
tries      cards/rules/backtest.py    any version, on questions of the past

A version never changes; what is different is another version. One version of a rule is active at a time: activating one
retires the other.
"""

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as card_tables
from cards.rules import tables
from cards.rules.condition import When
from cards.rules.events import CardRuleActivated, CardRuleDrafted, CardRuleRetired, CardRuleShadowed
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


class Decline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="decline"):
    """Refuse it."""


class Challenge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="challenge"):
    """Refuse it unless it was authenticated: by 3-D Secure, or by the PIN."""


class Alert(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="alert"):
    """Let it pass and tell officers."""


class Buffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="buffer"):
    """Hold so much more than was asked."""

    percent: Annotated[int, Meta(ge=1, le=100, examples=[20])]


Action = Decline | Challenge | Alert | Buffer


class RuleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version says: when it applies, and what is done then."""

    when: When
    then: Action


class Step(msgspec.Struct, frozen=True):
    """A version came into a state."""

    state: State
    by: str
    at: datetime


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rule with its life so far; the last of `steps` is its state."""

    id: UUID
    rule: UUID
    version: int
    name: str
    body: RuleBody
    drafted_by: str
    drafted_at: datetime
    steps: tuple[Step, ...]

    @property
    def state(self) -> State:
        """Where it is."""
        return self.steps[-1].state


class UnknownRule(Exception):
    """There is no such rule, or no such version."""


class NameTaken(Exception):
    """Another rule has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class WrongStep(Exception):
    """A version in `state` does not go there."""

    def __init__(self, state: State, to: State) -> None:
        super().__init__(state, to)
        self.state = state.value
        self.to = to.value


class SameOfficer(Exception):
    """Who brings a version into force is not who drafted it."""


async def draft(
    db: AsyncConnection, *, rule: UUID, version: UUID, name: str, body: RuleBody, actor: str, at: datetime
) -> Version:
    """Write the first version of a rule; raises NameTaken."""
    await db.execute(_LOCK)
    if await db.scalar(_NAMED, {"name": name}):
        raise NameTaken(name)
    return await _write(db, rule, version, 1, name, body, actor, at)


async def redraft(
    db: AsyncConnection, rule: UUID, *, version: UUID, body: RuleBody, actor: str, at: datetime
) -> Version:
    """Write another version of a rule; the one in force stays in force. Raises UnknownRule."""
    await db.execute(_LOCK)
    known = await of(db, rule)
    return await _write(db, rule, version, len(known) + 1, known[0].name, body, actor, at)


async def move(db: AsyncConnection, version: UUID, to: State, *, actor: str, at: datetime) -> Version:
    """Take a version to its next state; raises UnknownRule, WrongStep, SameOfficer.

    From their next batch on all processes do as it says.
    """
    await db.execute(_LOCK)
    found = await find(db, version)
    if to not in LIFE[found.state]:
        raise WrongStep(found.state, to)
    if to is State.ACTIVE:
        if found.drafted_by == actor:
            raise SameOfficer
        for other in await of(db, found.rule):
            if other.state is State.ACTIVE:
                await _step(db, other, State.RETIRED, actor, at)
                await _tell(db, other, CardRuleRetired(version_id=other.id, version=other.version,
                                                       by_version=found.version), actor, at)  # fmt: skip
    await _step(db, found, to, actor, at)
    await _tell(db, found, _FACTS[to](version=found), actor, at)
    return await find(db, version)


async def find(db: AsyncConnection, version: UUID) -> Version:
    """Read one version; raises UnknownRule."""
    return (await _read(db, "rule_version.id = :id", id=version))[0]


async def of(db: AsyncConnection, rule: UUID) -> list[Version]:
    """Read all versions of a rule, the first one first; raises UnknownRule."""
    return await _read(db, "rule_version.rule = :rule", rule=rule)


async def listed(db: AsyncConnection) -> list[Version]:
    """Read all versions of all rules, by name."""
    return _versions(await db.execute(text(_READ.format(where="true"))))


async def running(db: AsyncConnection) -> list[Version]:
    """Read the versions that look at every question: in force, or in their shadow."""
    return [each for each in await listed(db) if each.state in {State.SHADOW, State.ACTIVE}]


async def _read(db: AsyncConnection, where: str, **values: UUID) -> list[Version]:
    found = _versions(await db.execute(text(_READ.format(where=where)), values))
    if not found:
        raise UnknownRule
    return found


def _versions(rows: Iterable[Row[Any]]) -> list[Version]:
    return [_version(list(steps)) for _, steps in groupby(rows, key=lambda row: row.id)]


def _version(rows: Sequence[Row[Any]]) -> Version:
    row = rows[0]
    return Version(
        id=row.id,
        rule=row.rule,
        version=row.version,
        name=row.name,
        body=msgspec.convert(row.body, RuleBody),
        drafted_by=row.drafted_by,
        drafted_at=row.drafted_at,
        steps=tuple(Step(State(each.state), each.by_officer, each.at) for each in rows),
    )


async def _write(  # noqa: PLR0917  the columns of a row, once
    db: AsyncConnection, rule: UUID, version: UUID, number: int, name: str, body: RuleBody, actor: str, at: datetime
) -> Version:
    action = body.then.__struct_config__.tag
    made = Version(id=version, rule=rule, version=number, name=name, body=body, drafted_by=actor, drafted_at=at,
                   steps=(Step(State.DRAFT, actor, at),))  # fmt: skip
    row = {"id": version, "rule": rule, "version": number, "name": name, "body": msgspec.to_builtins(body),
           "action": action, "drafted_by": actor, "drafted_at": at}  # fmt: skip
    await db.execute(insert(tables.rule_version).values(row))
    await _step(db, made, State.DRAFT, actor, at)
    await _tell(db, made, CardRuleDrafted(version_id=version, version=number, name=name, action=str(action)), actor, at)
    return made


async def _step(db: AsyncConnection, version: Version, state: State, actor: str, at: datetime) -> None:
    row = {"version": version.id, "state": state, "drafted_by": version.drafted_by, "by_officer": actor,
           "at": at}  # fmt: skip
    await db.execute(insert(tables.rule_step).values(row))


def _shadowed(version: Version) -> msgspec.Struct:
    return CardRuleShadowed(version_id=version.id, version=version.version)


def _activated(version: Version) -> msgspec.Struct:
    return CardRuleActivated(version_id=version.id, version=version.version, drafted_by=version.drafted_by)


def _retired(version: Version) -> msgspec.Struct:
    return CardRuleRetired(version_id=version.id, version=version.version)


_FACTS = {State.SHADOW: _shadowed, State.ACTIVE: _activated, State.RETIRED: _retired}


async def _tell(db: AsyncConnection, version: Version, event: msgspec.Struct, actor: str, at: datetime) -> None:
    await journal.append(db, card_tables.event, journal.Fact(aggregate=version.rule, at=at, actor=actor, event=event))


# All steps are taken one after the other, so that the latest one that is seen is a stamp of them all (engine.py).
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('cards.rule', 0))")
_NAMED = text("SELECT EXISTS (SELECT FROM cards.rule_version WHERE name = :name)")
_READ = """
SELECT rule_version.*, rule_step.state, rule_step.by_officer, rule_step.at
FROM cards.rule_version JOIN cards.rule_step ON rule_step.version = rule_version.id
WHERE {where} ORDER BY rule_version.name, rule_version.version, rule_step.seq
"""
