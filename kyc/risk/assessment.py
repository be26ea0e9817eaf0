"""A judgement of a relation's risk: which rules applied to which facts, and what follows. Pure, explained, replayable.

judges    kyc/risk/assessment.py    assess()       <- you are here
stores    kyc/risk/assessment.py    store()        rows of kyc.assessment and kyc.risk_hit, only ever added to
reports   app/risk/judging.py       judge()        the check `risk.score` of the person's case

The same rules over the same facts by the same scale give the same assessment, to the byte; its hash is stored, and
replayed() proves it. Rules in their shadow are judged and stored beside it, and decide nothing. Facts are sealed with
the person's key for (kyc.assessment, facts, id); why a rule applied is told anew from them, and stored nowhere.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.holder import Safe, Safes
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


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version applied, in its shadow or in force."""

    assessment: UUID
    resident: UUID
    shadow: bool
    points: int
    floor: Band | None
    because: tuple[Held, ...]
    score: int
    band: Band
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
    db: AsyncConnection,
    resident: UUID,
    known: Facts,
    *,
    safe: Safe,
    new: UUID,
    why: str,
    on: date,
    actor: str,
    at: datetime,
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
    await _write(db, stored, safe, {(each.rule, each.version): each.id for each in running})
    told = RiskAssessed(assessment=new, number=stored.number, outcome_hash=stored.outcome_hash.hex())
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=new, at=at, actor=actor, event=told))
    return stored


async def replayed(db: AsyncConnection, stored: Stored) -> bool:
    """Judge again what is stored by the versions it names; say whether it is the same, to the byte."""
    again = assess(await rule.named(db, stored.rules), stored.facts, stored.assessment.scale)
    same = hashlib.sha256(written(again)).digest() == stored.outcome_hash
    return same and inputs(stored.rules, stored.facts, stored.assessment.scale) == stored.inputs_hash


async def find(db: AsyncConnection, wanted: UUID, safes: Safes) -> Stored:
    """Read an assessment; raises UnknownAssessment."""
    found = await _read(db, tables.assessment.c.id == wanted, 1, safes)
    if not found:
        raise UnknownAssessment
    return found[0]


async def of(db: AsyncConnection, resident: UUID, safes: Safes, *, limit: int) -> list[Stored]:
    """Read the assessments of a person, the latest first."""
    return await _read(db, tables.assessment.c.resident == resident, limit, safes)


async def applied(db: AsyncConnection, version: Version, safes: Safes, *, limit: int) -> list[Result]:
    """Read where a version applied, the latest first, and by what."""
    rows = (await db.execute(_APPLIED, {"version": version.id, "limit": limit})).all()
    opened = await unsealed(db, rows, safes)
    return [
        Result(
            assessment=row.id,
            resident=row.resident,
            shadow=row.shadow,
            points=row.points,
            floor=Band(row.floor) if row.floor else None,
            because=condition.because(version.body.when, opened[row.id]),
            score=row.score,
            band=Band(row.band),
            at=row.at,
        )
        for row in rows
        if row.id in opened
    ]


def sealed(safe: Safe, known: Facts, row: UUID) -> bytes:
    """Seal facts for their assessment."""
    return safe.seal(facts.written(known), table=_TABLE, column=_COLUMN, row=row)


async def unsealed(db: AsyncConnection, rows: Sequence[Row[Any]], safes: Safes) -> dict[UUID, Facts]:
    """Open the facts of some assessments; left out is whose key is gone, and what is not of a form that is known."""
    keys = await safes(db, {row.resident for row in rows if row.facts is not None})
    known: dict[UUID, Facts] = {}
    for row in rows:
        try:
            known[row.id] = facts.read(_opened(row, keys))
        except (KeyError, msgspec.ValidationError):
            continue
    return known


def _opened(row: Row[Any], keys: Mapping[UUID, Safe]) -> bytes:
    if row.facts is None:  # of before 0043, and not sealed yet
        clear: str = row.unsealed
        return clear.encode()
    return keys[row.resident].open(row.facts, table=_TABLE, column=_COLUMN, row=row.id)


def _hits(rules: Iterable[Version], known: Facts) -> Iterable[Hit]:
    for each in rules:
        body = each.body
        if condition.applies(body.when, known):
            because = condition.because(body.when, known)
            yield Hit(rule=each.rule, version=each.version, points=body.points, floor=body.floor, because=because)


async def _write(db: AsyncConnection, stored: Stored, safe: Safe, ids: dict[tuple[str, int], UUID]) -> None:
    made = stored.assessment
    row = {
        "id": stored.id,
        "resident": stored.resident,
        "number": stored.number,
        "why": stored.why,
        "facts": sealed(safe, stored.facts, stored.id),
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
            "at": stored.at,
        }
        for hit, shadow in hits
    ]
    if rows:
        await db.execute(insert(tables.risk_hit).values(rows))


async def _read(
    db: AsyncConnection,
    where: Any,  # noqa: ANN401  SQLAlchemy's clause
    limit: int,
    safes: Safes,
) -> list[Stored]:
    query = select(tables.assessment).where(where).order_by(tables.assessment.c.number.desc()).limit(limit)
    rows = (await db.execute(query)).all()
    opened = await unsealed(db, rows, safes)
    hits: dict[UUID, list[tuple[bool, Hit]]] = {row.id: [] for row in rows if row.id in opened}
    for row in await db.execute(_HITS, {"ids": list(hits)}):
        when = msgspec.convert(row.body["when"], condition.When)
        hit = Hit(
            rule=row.rule,
            version=row.version,
            points=row.points,
            floor=Band(row.floor) if row.floor else None,
            because=condition.because(when, opened[row.assessment]),
        )
        hits[row.assessment].append((row.shadow, hit))
    return [_stored(row, opened[row.id], hits[row.id]) for row in rows if row.id in opened]


def _stored(row: Row[Any], known: Facts, hits: Sequence[tuple[bool, Hit]]) -> Stored:
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
        facts=known,
        rules=tuple(row.rules),
        assessment=made,
        shadow=tuple(hit for shadow, hit in hits if shadow),
        inputs_hash=row.inputs_hash,
        outcome_hash=row.outcome_hash,
        actor=row.actor,
        at=row.at,
    )


_TABLE, _COLUMN = "kyc.assessment", "facts"
# The assessments of one person are made one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.assessment:' || CAST(:resident AS uuid)::text, 0))")
_NUMBER = text("SELECT max(number) FROM kyc.assessment WHERE resident = :resident")
_HITS = text(
    """
    SELECT risk_hit.*, risk_version.rule, risk_version.version, risk_version.body FROM (
        SELECT assessment, version AS of_version, shadow, points, floor FROM kyc.risk_hit
        WHERE assessment = ANY (:ids)
    ) AS risk_hit JOIN kyc.risk_version ON risk_version.id = risk_hit.of_version
    ORDER BY risk_version.rule, risk_version.version
    """
)
_APPLIED = text(
    """
    SELECT assessment.id, risk_hit.resident, risk_hit.shadow, risk_hit.points, risk_hit.floor, risk_hit.at,
           assessment.score, assessment.band, assessment.facts, assessment.unsealed
    FROM kyc.risk_hit JOIN kyc.assessment ON assessment.id = risk_hit.assessment
    WHERE risk_hit.version = :version ORDER BY risk_hit.at DESC, risk_hit.assessment DESC LIMIT :limit
    """
)
