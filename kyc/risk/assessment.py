"""A judgement of a relation's risk: which rules applied to which facts, and what follows. Pure, explained, replayable.

judges    kyc/risk/assessment.py    assess()       <- you are here
stores    kyc/risk/assessment.py    store()        rows of kyc.assessment and kyc.risk_hit, only ever added to
reports   app/risk/judging.py       judge()        the check `risk.score` of the person's case

The same rules over the same facts by the same scale give the same assessment, to the byte; its hash is stored, and
replayed() proves it. Rules in their shadow are judged and stored beside it, and decide nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.risk import condition, facts, rule, tables
from kyc.risk.band import Band, Scale, scale, worst
from kyc.risk.condition import Held
from kyc.risk.events import RiskAssessed
from kyc.risk.facts import Facts
from kyc.risk.rule import State, Version
from proof import journal

MOST = 100


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that applied: what it added, what it left the band not below, which conditions held and why."""

    rule: str
    version: int
    points: int
    floor: Band | None
    because: tuple[Held, ...]


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say. `floor` is the highest that a rule sets: no word of an officer goes below it."""

    score: int
    band: Band
    floor: Band
    scale: Scale
    hits: tuple[Hit, ...]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An assessment as it was made: the `number`-th of its person, on a day, because of something."""

    id: UUID
    resident: UUID
    number: int
    why: str
    facts: Facts
    rules: tuple[str, ...]
    assessment: Assessment
    shadow: tuple[Hit, ...]
    inputs_hash: bytes
    outcome_hash: bytes
    actor: str
    at: datetime


class UnknownAssessment(Exception):
    """There is no such assessment."""


def assess(rules: Iterable[Version], known: Facts, by: Scale) -> Assessment:
    """Judge what is known by rules, in whatever order they come.

    The score is the sum of points, MOST at most. Another rule that applies never lowers score or band.
    """
    hits = tuple(sorted(_hits(rules, known), key=lambda hit: (hit.rule, hit.version)))
    score = min(MOST, sum(hit.points for hit in hits))
    floor = worst(*(hit.floor for hit in hits if hit.floor is not None))
    return Assessment(score=score, band=worst(by.band(score), floor), floor=floor, scale=by, hits=hits)


def written(made: Assessment) -> bytes:
    """Write an assessment in its one form."""
    return facts.one_form(made)


def inputs(rules: Iterable[str], known: Facts, by: Scale) -> bytes:
    """Hash what an assessment was made of: the versions of rules, the facts, the scale."""
    content = {"rules": sorted(rules), "facts": known, "scale": by}
    return hashlib.sha256(facts.one_form(content)).digest()


async def store(
    db: AsyncConnection, resident: UUID, known: Facts, *, new: UUID, why: str, on: date, actor: str, at: datetime
) -> Stored:
    """Judge a person by the rules of the day and keep it, with what the rules in their shadow say."""
    running = await rule.running(db, on)
    active = [each for each in running if each.state is State.ACTIVE]
    by = scale(on)
    made = assess(active, known, by)
    shadow = assess([each for each in running if each.state is State.SHADOW], known, by).hits
    await db.execute(_LOCK, {"resident": resident})
    stored = Stored(
        id=new,
        resident=resident,
        number=1 + (await db.scalar(_NUMBER, {"resident": resident}) or 0),
        why=why,
        facts=known,
        rules=tuple(sorted(each.name for each in active)),
        assessment=made,
        shadow=shadow,
        inputs_hash=inputs([each.name for each in active], known, by),
        outcome_hash=hashlib.sha256(written(made)).digest(),
        actor=actor,
        at=at,
    )
    await _write(db, stored, {(each.rule, each.version): each.id for each in running})
    told = RiskAssessed(assessment=new, number=stored.number, outcome_hash=stored.outcome_hash.hex())
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=new, at=at, actor=actor, event=told))
    return stored


async def replayed(db: AsyncConnection, wanted: UUID) -> bool:
    """Judge again what is stored by the versions it names; say whether it is the same, to the byte."""
    stored = await find(db, wanted)
    again = assess(await rule.named(db, stored.rules), stored.facts, stored.assessment.scale)
    same = hashlib.sha256(written(again)).digest() == stored.outcome_hash
    return same and inputs(stored.rules, stored.facts, stored.assessment.scale) == stored.inputs_hash


async def find(db: AsyncConnection, wanted: UUID) -> Stored:
    """Read an assessment; raises UnknownAssessment."""
    found = await _read(db, tables.assessment.c.id == wanted, 1)
    if not found:
        raise UnknownAssessment
    return found[0]


async def of(db: AsyncConnection, resident: UUID, *, limit: int) -> list[Stored]:
    """Read the assessments of a person, the latest first."""
    return await _read(db, tables.assessment.c.resident == resident, limit)


async def latest(db: AsyncConnection, resident: UUID) -> Stored | None:
    """Read the assessment that stands."""
    return next(iter(await of(db, resident, limit=1)), None)


async def applied(db: AsyncConnection, version: UUID, *, limit: int) -> Sequence[Row[Any]]:
    """Read where a version applied, in its shadow or in force, the latest first."""
    return (await db.execute(_APPLIED, {"version": version, "limit": limit})).all()


def _hits(rules: Iterable[Version], known: Facts) -> Iterable[Hit]:
    for each in rules:
        body = each.body
        if condition.applies(body.when, known):
            because = condition.because(body.when, known)
            yield Hit(rule=each.rule, version=each.version, points=body.points, floor=body.floor, because=because)


async def _write(db: AsyncConnection, stored: Stored, ids: dict[tuple[str, int], UUID]) -> None:
    made = stored.assessment
    row = {
        "id": stored.id,
        "resident": stored.resident,
        "number": stored.number,
        "why": stored.why,
        "facts": facts.written(stored.facts).decode(),
        "rules": list(stored.rules),
        "medium_from": made.scale.medium_from,
        "high_from": made.scale.high_from,
        "score": made.score,
        "band": made.band,
        "floor": made.floor,
        "inputs_hash": stored.inputs_hash,
        "outcome_hash": stored.outcome_hash,
        "actor": stored.actor,
        "at": stored.at,
    }
    await db.execute(insert(tables.assessment).values(row))
    hits = [(hit, False) for hit in made.hits] + [(hit, True) for hit in stored.shadow]
    rows = [
        {
            "assessment": stored.id,
            "version": ids[hit.rule, hit.version],
            "resident": stored.resident,
            "shadow": shadow,
            "points": hit.points,
            "floor": hit.floor,
            "because": msgspec.to_builtins(hit.because),
            "at": stored.at,
        }
        for hit, shadow in hits
    ]
    if rows:
        await db.execute(insert(tables.risk_hit).values(rows))


async def _read(db: AsyncConnection, where: Any, limit: int) -> list[Stored]:  # noqa: ANN401  SQLAlchemy's clause
    query = select(tables.assessment).where(where).order_by(tables.assessment.c.number.desc()).limit(limit)
    rows = (await db.execute(query)).all()
    hits: dict[UUID, list[tuple[bool, Hit]]] = {row.id: [] for row in rows}
    for row in await db.execute(_HITS, {"ids": list(hits)}):
        hit = Hit(
            rule=row.rule,
            version=row.version,
            points=row.points,
            floor=Band(row.floor) if row.floor else None,
            because=msgspec.convert(row.because, tuple[Held, ...]),
        )
        hits[row.assessment].append((row.shadow, hit))
    return [_stored(row, hits[row.id]) for row in rows]


def _stored(row: Row[Any], hits: Sequence[tuple[bool, Hit]]) -> Stored:
    made = Assessment(
        score=row.score,
        band=Band(row.band),
        floor=Band(row.floor),
        scale=Scale(row.medium_from, row.high_from),
        hits=tuple(hit for shadow, hit in hits if not shadow),
    )
    return Stored(
        id=row.id,
        resident=row.resident,
        number=row.number,
        why=row.why,
        facts=facts.read(row.facts.encode()),
        rules=tuple(row.rules),
        assessment=made,
        shadow=tuple(hit for shadow, hit in hits if shadow),
        inputs_hash=row.inputs_hash,
        outcome_hash=row.outcome_hash,
        actor=row.actor,
        at=row.at,
    )


# The assessments of one person are made one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.assessment:' || CAST(:resident AS uuid)::text, 0))")
_NUMBER = text("SELECT max(number) FROM kyc.assessment WHERE resident = :resident")
_HITS = text(
    """
    SELECT risk_hit.*, risk_version.rule, risk_version.version FROM (
        SELECT assessment, version AS of_version, shadow, points, floor, because FROM kyc.risk_hit
        WHERE assessment = ANY (:ids)
    ) AS risk_hit JOIN kyc.risk_version ON risk_version.id = risk_hit.of_version
    ORDER BY risk_version.rule, risk_version.version
    """
)
_APPLIED = text(
    """
    SELECT risk_hit.assessment, risk_hit.resident, risk_hit.shadow, risk_hit.points, risk_hit.floor, risk_hit.because,
           risk_hit.at, assessment.score, assessment.band
    FROM kyc.risk_hit JOIN kyc.assessment ON assessment.id = risk_hit.assessment
    WHERE risk_hit.version = :version ORDER BY risk_hit.at DESC, risk_hit.assessment DESC LIMIT :limit
    """
)
