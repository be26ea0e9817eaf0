"""A scanned document: what it says sealed, what was checked and what was decided beside it, for good.

route      app/http/mobile/identity.py   POST /v1/identity/documents
checks     kyc/mrz.py, kyc/chip.py, kyc/screening.py
decides    kyc/check.py                  decide()
stores     kyc/document.py               store()           <- you are here

Nothing is ever changed: a later look adds its check and, where it changes the answer, a decision of the next version.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import check, events, screening, states, tables
from kyc.check import Decision, Finding, Identified, Verdict
from kyc.mrz import Mrz
from proof import journal


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be stored; `inputs` is the digest of what was read.

    `person` and `files` are sealed already, for the places (kyc.document, person, id) and (kyc.evidence, files, id).
    """

    id: UUID
    resident: UUID
    zone: Mrz
    grade: str
    person: bytes
    files: bytes
    inputs: bytes
    at: datetime
    actor: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says about its holder, in the letters of its MRZ; sealed as JSON in `kyc.document.person`."""

    surname: str
    given: str
    born: str
    sex: str
    nationality: str
    number: str

    @classmethod
    def of(cls, zone: Mrz) -> "Person":
        """Take the person out of a zone."""
        return cls(
            surname=zone.surname,
            given=zone.given,
            born=zone.born.text(),
            sex=zone.sex,
            nationality=zone.nationality,
            number=zone.number,
        )


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it stands: the latest decision, and the checks its reader may see, in the order they were made."""

    id: UUID
    resident: UUID
    format: str
    issuer: str
    nationality_class: str
    expires: date
    grade: str
    person: bytes
    at: datetime
    outcome: str
    reasons: tuple[str, ...]
    checks: tuple[Finding, ...]


def inputs_hash(lines: Sequence[str], sod: bytes, groups: Mapping[int, bytes]) -> bytes:
    """Digest what was read from a document, each part with its name and length."""
    parts = {
        "mrz": "\n".join(lines).encode(),
        "sod": sod,
        **{f"dg{number}": groups[number] for number in sorted(groups)},
    }
    digest = hashlib.sha256()
    for name, part in parts.items():
        digest.update(f"{name}:{len(part)}:".encode() + part)
    return digest.digest()


async def store(db: AsyncConnection, scan: Scan, findings: Sequence[Finding], decision: Decision) -> None:
    """Store a document with its checks and the decision that follows from them."""
    await db.execute(
        insert(tables.document).values(
            id=scan.id,
            resident=scan.resident,
            format=scan.zone.format,
            issuer=scan.zone.issuer,
            nationality_class=str(states.nationality(scan.zone.nationality)),
            expires=scan.zone.expires,
            grade=scan.grade,
            person=scan.person,
            at=scan.at,
        )
    )
    await db.execute(insert(tables.evidence).values(document=scan.id, resident=scan.resident, files=scan.files))
    await _add_checks(db, scan.id, scan.resident, findings, inputs=scan.inputs, at=scan.at)
    for finding in findings:
        if finding.check == screening.CHECK:
            await screening.note(db, scan.id, scan.resident, finding)
    await _add_decision(db, scan.id, scan.resident, decision, version=1, actor=scan.actor, at=scan.at)
    checked = events.DocumentChecked(document=scan.id, grade=scan.grade, outcome=_outcome(decision))
    await _tell(
        db,
        scan.id,
        scan.resident,
        checked,
        *_identified(decision, scan.id, scan.zone.expires),
        at=scan.at,
        actor=scan.actor,
    )


async def look_again(
    db: AsyncConnection, document: UUID, finding: Finding, *, inputs: bytes, at: datetime, actor: str
) -> Decision:
    """Add a later check to a document and decide anew over the latest of each; a new decision is the next version."""
    await db.execute(_LOCK, {"document": document})
    row = (await db.execute(_DECIDED, {"document": document})).one()
    await _add_checks(db, document, row.resident, [finding], inputs=inputs, at=at)
    decision = check.decide((await _latest(db, document)).values())
    if (_outcome(decision), list(_reasons(decision))) != (row.outcome, row.reasons):
        await _add_decision(db, document, row.resident, decision, version=row.version + 1, actor=actor, at=at)
    if _outcome(decision) != row.outcome:
        decided = events.DocumentDecided(document=document, outcome=_outcome(decision))
        await _tell(
            db, document, row.resident, decided, *_identified(decision, document, row.expires), at=at, actor=actor
        )
    return decision


async def find(db: AsyncConnection, document: UUID) -> Stored | None:
    """Find a document among those the reader may see."""
    row = (await db.execute(_FIND, {"document": document})).one_or_none()
    if row is None:
        return None
    fields = row._asdict() | {"reasons": tuple(row.reasons)}
    return Stored(**fields, checks=tuple((await _latest(db, document)).values()))


async def is_first(
    db: AsyncConnection, kind: str, blind: bytes, *, resident: UUID, document: UUID, at: datetime
) -> bool:
    """Claim a document or a person for the resident; whether nobody else did before. `kind` is document or person."""
    claimed = func.kyc.claim_first(kind, blind, resident, document, at)
    first: bool = (await db.execute(select(claimed))).scalar_one()
    return first


async def _latest(db: AsyncConnection, document: UUID) -> dict[str, Finding]:
    """Read the latest of each check, in the order they were first made."""
    found: dict[str, Finding] = {}
    stored = tables.check
    rows = await db.execute(
        select(stored.c.name, stored.c.verdict, stored.c.params)
        .where(stored.c.document == document)
        .order_by(stored.c.id)
    )
    for row in rows:
        found[row.name] = Finding(row.name, Verdict(row.verdict), row.params)
    return found


async def _add_checks(
    db: AsyncConnection, document: UUID, resident: UUID, findings: Iterable[Finding], *, inputs: bytes, at: datetime
) -> None:
    rows = [
        {
            "document": document,
            "resident": resident,
            "name": finding.check,
            "rule_version": check.RULES,
            "inputs_hash": inputs,
            "verdict": str(finding.verdict),
            "params": finding.params,
            "confidential": finding.check in check.CONFIDENTIAL,
            "at": at,
        }
        for finding in findings
    ]
    # Many rows in one statement return nothing, and must not: the confidential ones can't be read back.
    await db.execute(insert(tables.check).values(rows))


async def _add_decision(
    db: AsyncConnection, document: UUID, resident: UUID, decision: Decision, *, version: int, actor: str, at: datetime
) -> None:
    await db.execute(
        insert(tables.decision).values(
            document=document,
            version=version,
            resident=resident,
            outcome=_outcome(decision),
            reasons=list(_reasons(decision)),
            rule_version=check.RULES,
            actor=actor,
            at=at,
        )
    )


async def _tell(
    db: AsyncConnection, document: UUID, resident: UUID, *told: msgspec.Struct, at: datetime, actor: str
) -> None:
    facts = (journal.Fact(aggregate=document, holder=resident, at=at, actor=actor, event=event) for event in told)
    await journal.append(db, tables.event, *facts)


def _identified(decision: Decision, document: UUID, expires: date) -> tuple[events.ResidentIdentified, ...]:
    return (events.ResidentIdentified(document, expires),) if isinstance(decision, Identified) else ()


def _outcome(decision: Decision) -> str:
    return str(decision.__struct_config__.tag)


def _reasons(decision: Decision) -> tuple[str, ...]:
    """Give the reasons as they are stored beside the document: its holder reads them."""
    return () if isinstance(decision, Identified) else check.spoken(decision.reasons)


_FIND = text(
    """
    SELECT document.id, document.resident, format, issuer, nationality_class, expires, grade, person, document.at,
           decided.outcome, decided.reasons
    FROM kyc.document JOIN LATERAL (
        SELECT outcome, reasons FROM kyc.decision WHERE decision.document = document.id ORDER BY version DESC LIMIT 1
    ) AS decided ON true
    WHERE document.id = :document
    """
)
# Orders the later looks at one document: its rows are never updated, so none of them can be locked. A statement of its
# own, because a statement sees what was true before it waited.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:document AS uuid)::text, 1704))")
_DECIDED = text(
    """
    SELECT document.resident, document.expires, decided.version, decided.outcome, decided.reasons
    FROM kyc.document JOIN LATERAL (
        SELECT version, outcome, reasons FROM kyc.decision WHERE decision.document = document.id
        ORDER BY version DESC LIMIT 1
    ) AS decided ON true
    WHERE document.id = :document
    """
)
