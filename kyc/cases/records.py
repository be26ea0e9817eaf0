"""A look is reported: it is stored with its case, what follows from all looks is decided, and the case goes on.

reports    kyc/document.py, kyc/screening, kyc/risk, kyc/papers
stores     kyc/cases/records.py     add()           <- you are here
decides    kyc/cases/decision.py    decide()
moves      kyc/cases/course.py      hops()          where the decision leads from where the case stands
tells      kyc/cases/told.py        tell()          what each document is worth now: all that other rooms ask

Whoever reports in a resident's own request can't read what is confidential; the database hands the latest looks of a
case only to this module's question, which passes nothing on but what follows from them.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import check, sole
from kyc import tables as kyc_tables
from kyc.cases import case, course, decision, reasons, tables, told
from kyc.cases.case import Case
from kyc.cases.course import Turn
from kyc.cases.decision import Decision, Outcome, Record
from kyc.check import Finding


async def add(
    db: AsyncConnection,
    resident: UUID,
    findings: Sequence[Finding],
    *,
    inputs: bytes,
    at: datetime,
    actor: str,
    document: UUID | None = None,
    shown: bool = True,
) -> Decision:
    """Add looks to the resident's case, which begins here if there was none, and let it follow what they change.

    `inputs` is the digest of what was looked at, 32 bytes; `document` the one that was looked at, stored already, and
    `shown` that the person showed it just now: a face compared with it later is bound to it and shows nothing anew.
    """
    held = await case.opened(db, resident, at=at, by=actor)
    held = await store(db, held, findings, inputs=inputs, at=at, document=document)
    return (await follow(db, held, at=at, actor=actor, shown=document if shown else None))[1]


async def store(
    db: AsyncConnection, held: Case, findings: Sequence[Finding], *, inputs: bytes, at: datetime, document: UUID | None
) -> Case:
    """Add looks to a locked case and decide nothing yet."""
    rows = [
        {
            "case_id": held.id,
            "seq": seq,
            "document": document,
            "resident": held.resident,
            "name": finding.check,
            "rule": finding.rule or f"{finding.check.partition('.')[0]}@{check.RULES}",
            "inputs_hash": inputs,
            "verdict": str(finding.verdict),
            "params": finding.params,
            "evidence": list(finding.evidence),
            "ms": finding.ms,
            "confidential": reasons.is_confidential(finding.check),
            "at": at,
        }
        for seq, finding in enumerate(findings, held.records + 1)
    ]
    if rows:
        # Many rows in one statement return nothing, and must not: the confidential ones can't be read back.
        await db.execute(insert(kyc_tables.check).values(rows))
    counted = msgspec.structs.replace(held, records=held.records + len(rows))
    await db.execute(update(tables.case).where(tables.case.c.id == held.id).values(records=counted.records))
    return counted


async def follow(
    db: AsyncConnection, held: Case, *, at: datetime, actor: str, shown: UUID | None = None
) -> tuple[Case, Decision]:
    """Decide anew over a locked case and move it where that leads; `shown` is the document that was just shown."""
    known = await latest(db, held.id)
    decided = decision.decide(known, purpose=held.purpose)
    if decided.outcome is Outcome.APPROVE and held.decided != decided.gist():
        taken = await taken_since(db, held, known, decided.document, at=at)
        if taken is not None:
            inputs = hashlib.sha256("".join(taken.evidence).encode()).digest()
            held = await store(db, held, [taken], inputs=inputs, at=at, document=decided.document)
            known = await latest(db, held.id)
            decided = decision.decide(known, purpose=held.purpose)
    turn = Turn(
        decided=decided,
        changed=held.decided != decided.gist(),
        unlooked=decision.is_unlooked(known, decided),
        open=decision.open_(known, decided, purpose=held.purpose),
        copy=None if shown is None else decision.worth(known, shown, purpose=held.purpose),
    )
    held = await write(db, held, decided, at=at, actor=actor)
    moved = await case.move(db, held, *course.hops(held, turn), at=at, by=actor)
    await told.tell(db, moved, known, at=at, actor=actor)
    return moved, decided


async def taken_since(
    db: AsyncConnection, held: Case, known: Sequence[Record], document: UUID | None, *, at: datetime | None
) -> Finding | None:
    """Say so where somebody else claimed a document, or its holder, since it was looked at; claims it where `at`."""
    for each in known:
        if each.check == sole.CHECK and document is not None and each.document == document:
            again = await sole.again(db, each.evidence, resident=held.resident, document=document, at=at)
            return again if each.verdict is check.Verdict.PASS is not again.verdict else None
    return None


async def write(db: AsyncConnection, held: Case, decided: Decision, *, at: datetime, actor: str) -> Case:
    """Write a decision down unless the last one said the same."""
    if held.decided == decided.gist():
        return held
    wrote = msgspec.structs.replace(held, decisions=held.decisions + 1, decided=decided.gist())
    row = {
        "case_id": held.id,
        "number": wrote.decisions,
        "resident": held.resident,
        "records": held.records,
        "rules": decided.rules,
        "outcome": str(decided.outcome),
        "encoded": decided.encoded(),
        "digest": decided.digest(),
        "actor": actor,
        "at": at,
    }
    await db.execute(insert(tables.case_decision).values(row))
    counted = {"decisions": wrote.decisions, "decided": wrote.decided}
    await db.execute(update(tables.case).where(tables.case.c.id == held.id).values(counted))
    return wrote


async def latest(db: AsyncConnection, case_id: UUID) -> tuple[Record, ...]:
    """Read the last look of each check, of each document by itself, in the order they were made."""
    return tuple(map(Record.read, await db.execute(_LATEST, {"case_id": case_id})))


_LATEST = text(
    "SELECT seq, name, rule, verdict, params, evidence, encode(inputs_hash, 'hex') AS inputs, document"
    " FROM kyc.latest_checks(:case_id) ORDER BY seq"
)
