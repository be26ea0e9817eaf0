"""A scanned document: what it says sealed, what was checked and what was decided beside it, for good.

route      app/http/mobile/identity.py   POST /v1/identity/documents
checks     kyc/mrz/zone.py, kyc/chip/passive.py, kyc/screening/
stores     kyc/document.py               store()           <- you are here
decides    kyc/cases/records.py          add()

Nothing is ever changed: a later look adds its check and, where it changes the answer, a decision of the next version.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import screening, states, tables
from kyc.cases import records
from kyc.check import Finding, Verdict
from kyc.mrz import Mrz
from kyc.screening import looking


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
    """What a document says about its holder, in the letters of its MRZ; sealed as JSON in `kyc.document.person`.

    `cut` says that the name filled its field, so that its last word may have lost letters; None is not noted yet then.
    """

    surname: str
    given: str
    born: str
    sex: str
    nationality: str
    number: str
    cut: bool | None = None

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
            cut=zone.truncated,
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


def inputs_hash(lines: Sequence[str], sod: bytes, groups: Mapping[int, bytes], *beside: bytes) -> bytes:
    """Digest what was read from a document and what was given `beside` it, each part with its name and length."""
    parts = {
        "mrz": "\n".join(lines).encode(),
        "sod": sod,
        **{f"dg{number}": groups[number] for number in sorted(groups)},
        **{f"beside{number}": part for number, part in enumerate(beside)},
    }
    digest = hashlib.sha256()
    for name, part in parts.items():
        digest.update(f"{name}:{len(part)}:".encode() + part)
    return digest.digest()


async def store(db: AsyncConnection, scan: Scan, findings: Sequence[Finding]) -> None:
    """Store a document and report what was found of it, and of its holder, to the holder's case."""
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
    if any(finding.check == screening.CHECK for finding in findings):
        await looking.shown(db, scan.resident, scan.id, at=scan.at)
    await records.add(db, scan.resident, findings, inputs=scan.inputs, at=scan.at, actor=scan.actor, document=scan.id)


async def find(db: AsyncConnection, document: UUID) -> Stored | None:
    """Find a document among those the reader may see."""
    row = (await db.execute(_FIND, {"document": document})).one_or_none()
    if row is None:
        return None
    fields = row._asdict() | {"reasons": tuple(row.reasons)}
    return Stored(**fields, checks=tuple((await _latest(db, document)).values()))


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
