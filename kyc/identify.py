"""From what a phone read of a document to a decision: examine it, look at the person, store all of it.

route      app/http/mobile/identity.py   POST /v1/identity/documents
examines   kyc/identify.py               examine(), store()      <- you are here
           kyc/mrz.py, kyc/chip.py, kyc/screening.py
decides    kyc/check.py                  decide()
stores     kyc/document.py               store()
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import check, chip, document, mrz, names, screening
from kyc.check import Decision, Finding, Verdict
from kyc.document import Person, Scan
from kyc.mrz import Mrz
from kyc.trust import Trust
from law.calendar import statutory_date


class Reading(msgspec.Struct, frozen=True):
    """What the phone read: the printed lines, the security object, the data groups by number."""

    lines: tuple[str, ...]
    sod: bytes
    groups: Mapping[int, bytes]


class Examined(msgspec.Struct, frozen=True):
    """What the document is worth by itself. `zone` is the chip's, or the printed one where the chip does not read."""

    zone: Mrz
    grade: chip.Grade
    findings: tuple[Finding, ...]


class NothingReadable(Exception):
    """Neither the printed lines nor the chip say whose document this is; `fields` names what is wrong in the lines."""

    def __init__(self, fields: str) -> None:
        super().__init__(fields)
        self.fields = fields


class Seal(Protocol):
    """Encrypt a field with the resident's data key, for its place."""

    def __call__(self, plaintext: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Give the sealed field."""
        ...


class Blind(Protocol):
    """Give the keyed digest by which an equal value is found again."""

    def __call__(self, purpose: str, value: str) -> bytes:
        """Give 32 bytes."""
        ...


def examine(reading: Reading, trust: Trust, at: datetime) -> Examined:
    """Check the printed lines, the chip, and each against the other; pure and slow (some ms).

    Raises NothingReadable.
    """
    printed = mrz.parse(reading.lines, statutory_date(at))
    report = chip.verify(reading.sod, reading.groups, trust, at)
    zone = report.zone or printed
    if isinstance(zone, mrz.Unreadable):
        raise NothingReadable(_wrong(zone))
    findings = (_read(printed), *(step.finding() for step in report.steps), *_matches(reading.lines, printed, report))
    return Examined(zone, report.grade, findings)


async def store(
    db: AsyncConnection,
    reading: Reading,
    examined: Examined,
    *,
    document_id: UUID,
    resident: UUID,
    seal: Seal,
    blind: Blind,
    at: datetime,
    actor: str,
) -> Decision:
    """Look at the person, decide, and store the document with everything that was found."""
    findings = list(examined.findings)
    if not _has(findings, Verdict.FAIL):
        # A forged document speaks of nobody; an unproven one may not claim its number before the genuine one comes.
        if not _has(findings, Verdict.REVIEW, Verdict.ERROR):
            findings.append(await _unique(db, examined.zone, blind, resident=resident, document_id=document_id, at=at))
        zone = examined.zone
        findings.append(await screening.screen(db, f"{zone.given} {zone.surname}", zone.born))
    decision = check.decide(findings)
    scan = Scan(
        id=document_id,
        resident=resident,
        zone=examined.zone,
        grade=str(examined.grade),
        person=seal(
            msgspec.json.encode(Person.of(examined.zone)), table="kyc.document", column="person", row=document_id
        ),
        files=seal(msgspec.msgpack.encode(reading), table="kyc.evidence", column="files", row=document_id),
        inputs=document.inputs_hash(reading.lines, reading.sod, reading.groups),
        at=at,
        actor=actor,
    )
    await document.store(db, scan, findings, decision)
    return decision


async def _unique(
    db: AsyncConnection, zone: Mrz, blind: Blind, *, resident: UUID, document_id: UUID, at: datetime
) -> Finding:
    """Look whether somebody else came with this document, or is this person: one account for each person."""
    claims = {
        "document": f"{zone.issuer}|{zone.number}",
        "person": f"{names.normalise(f'{zone.given} {zone.surname}')}|{zone.born.text()}|{zone.nationality}",
    }
    taken = [
        kind
        for kind, value in claims.items()
        if not await document.is_first(
            db, kind, blind(f"kyc.{kind}", value), resident=resident, document=document_id, at=at
        )
    ]
    return Finding(
        "person.unique", Verdict.REVIEW if taken else Verdict.PASS, {"taken": ", ".join(taken)} if taken else {}
    )


def _read(printed: Mrz | mrz.Unreadable) -> Finding:
    if isinstance(printed, mrz.Unreadable):
        return Finding("mrz.read", Verdict.FAIL, {"wrong": _wrong(printed)})
    return Finding("mrz.read", Verdict.PASS, {"format": printed.format})


def _wrong(zone: mrz.Unreadable) -> str:
    return ", ".join(f"{problem.field}: {problem.rule}" for problem in zone.problems)


def _matches(lines: Sequence[str], printed: Mrz | mrz.Unreadable, report: chip.Report) -> tuple[Finding, ...]:
    """Compare page and chip letter by letter; which fields differ is named, what they say is not."""
    if report.zone is None:
        return ()
    if tuple(lines) == report.lines:
        return (Finding("document.matches_chip", Verdict.PASS),)
    differing = ["zone"]
    if isinstance(printed, Mrz):
        fields = Mrz.__struct_fields__
        differing = [name for name in fields if getattr(printed, name) != getattr(report.zone, name)] or differing
    return (Finding("document.matches_chip", Verdict.FAIL, {"differs": ", ".join(differing)}),)


def _has(findings: Sequence[Finding], *verdicts: Verdict) -> bool:
    return any(finding.verdict in verdicts for finding in findings)
