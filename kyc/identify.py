"""From what a phone read of a document to a decision: examine it, look at the person, store all of it.

route      app/http/mobile/identity.py   POST /v1/identity/documents
examines   kyc/identify.py               examine(), store()      <- you are here
           kyc/mrz/zone.py, kyc/chip/passive.py, kyc/screening/
stores     kyc/document.py               store()
decides    kyc/cases/records.py          add()
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import agreement, document, holder, mrz, sole
from kyc.agreement import Form
from kyc.check import Finding, Verdict
from kyc.chip import active, passive
from kyc.chip.report import Grade, Report
from kyc.chip.trust import Trust
from kyc.document import Person, Scan
from kyc.holder import Safe
from kyc.mrz import Mrz
from kyc.risk import arrival
from kyc.screening import looking
from kyc.screening.matching import Lists
from kyc.screening.subject import Subject
from law.calendar import statutory_date


class Answer(msgspec.Struct, frozen=True):
    """What the chip answered to a challenge of ours: proof that it is no copy (kyc/chip/active.py)."""

    nonce: bytes
    answer: bytes


class Reading(msgspec.Struct, frozen=True):
    """What the phone read: the printed lines, the security object, the data groups by number.

    Beside them what the applicant wrote into the form, and what the chip answered, where they were asked.
    """

    lines: tuple[str, ...]
    sod: bytes
    groups: Mapping[int, bytes]
    form: Form | None = None
    answer: Answer | None = None


class Examined(msgspec.Struct, frozen=True):
    """What the document is worth by itself. `zone` is the chip's, or the printed one where the chip does not read."""

    zone: Mrz
    grade: Grade
    findings: tuple[Finding, ...]

    def took(self, ms: int) -> "Examined":
        """Note how long all of it took: the looks are taken together."""
        timed = tuple(msgspec.structs.replace(finding, ms=ms) for finding in self.findings)
        return msgspec.structs.replace(self, findings=timed)


class NothingReadable(Exception):
    """Neither the printed lines nor the chip say whose document this is; `fields` names what is wrong in the lines."""

    def __init__(self, fields: str) -> None:
        super().__init__(fields)
        self.fields = fields


class Blind(Protocol):
    """Give the keyed digest by which an equal value is found again."""

    def __call__(self, purpose: str, value: str) -> bytes:
        """Give 32 bytes."""
        ...


def examine(reading: Reading, trust: Trust, at: datetime) -> Examined:
    """Check the printed lines, the chip, and each against the other; pure and slow (some ms).

    Raises NothingReadable.
    """
    today = statutory_date(at)
    printed = mrz.parse(reading.lines, today)
    report = passive.verify(reading.sod, reading.groups, trust, at)
    zone = report.zone or printed
    if isinstance(zone, mrz.Unreadable) or zone.format not in mrz.TRAVEL:
        raise NothingReadable(agreement.wrong(zone))
    findings = (
        agreement.printed(printed, reading.lines, today),
        *(step.finding() for step in report.steps),
        *_original(reading, report),
        *agreement.page_and_chip(reading.lines, printed, report, dg1=1 in reading.groups),
        *agreement.form(reading.form, zone),
    )
    return Examined(zone, report.grade, findings)


def _original(reading: Reading, report: Report) -> tuple[Finding, ...]:
    """Look whether the chip is the original; one that can prove it is to be asked."""
    if reading.answer is None:
        return tuple(step.finding() for step in active.unasked(report))
    return (active.judge(report, reading.groups, reading.answer.nonce, reading.answer.answer).finding(),)


async def store(
    db: AsyncConnection,
    reading: Reading,
    examined: Examined,
    *,
    document_id: UUID,
    resident: UUID,
    safe: Safe,
    blind: Blind,
    lists: Lists | None,
    at: datetime,
    actor: str,
) -> None:
    """Look at the person, and store the document with everything that was found; what follows, the case says."""
    findings = list(examined.findings)
    if not _has(findings, Verdict.FAIL):
        findings += await holder.look(db, safe, resident, Person.of(examined.zone))
        # A forged document speaks of nobody; an unproven one may not claim its number before the genuine one comes.
        # What the applicant wrote into the form says nothing against the document.
        doubted = _has([each for each in findings if each.check != agreement.FORM], Verdict.REVIEW, Verdict.ERROR)
        claims = None if doubted else at
        findings.append(await sole.look(db, examined.zone, blind, resident=resident, document=document_id, at=claims))
        on = statutory_date(at)
        findings += await arrival.look(db, examined.zone, str(examined.grade), resident=resident, safe=safe, on=on)
        asked = Subject.of([Person.of(examined.zone)])
        findings.append(await looking.look(db, lists, asked, resident=resident, blind=blind, at=at, actor=actor))
    scan = Scan(
        id=document_id,
        resident=resident,
        zone=examined.zone,
        grade=str(examined.grade),
        person=safe.seal(
            msgspec.json.encode(Person.of(examined.zone)), table="kyc.document", column="person", row=document_id
        ),
        files=safe.seal(msgspec.msgpack.encode(reading), table="kyc.evidence", column="files", row=document_id),
        inputs=document.inputs_hash(reading.lines, reading.sod, reading.groups, *_beside(reading)),
        at=at,
        actor=actor,
    )
    await document.store(db, scan, findings)


def _beside(reading: Reading) -> tuple[bytes, ...]:
    """Give what was looked at beside the document, for its digest."""
    return tuple(msgspec.json.encode(part) for part in (reading.form, reading.answer) if part is not None)


def _has(findings: Sequence[Finding], *verdicts: Verdict) -> bool:
    return any(finding.verdict in verdicts for finding in findings)
