"""What the calendar and the account do to a case: watching, renewal, suspension, the end.

demands    app/identity_cases.py                what the day asks of who shows a document
watches    app/identity_cases.py                who was approved a day ago
renews     kyc/risk            fall_due()       when the risk of a person says so
lapses     app/identity_cases.py                when the person did not answer in time
suspends   app/http/officer/identity_holds.py   one officer, at once
resumes    app/http/officer/identity_holds.py   under review, where two officers may grant it again
ends       app/account/ending.py                step(): close(), erase()

Each verb answers the case as it stands then, or None where there is none or it is not there to be done.
"""

import enum
import hashlib
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.cases import case, decision, life, records, required, tables, told
from kyc.cases.case import Case, Hop
from kyc.cases.decision import FRESH
from kyc.cases.life import Act, State
from kyc.cases.required import DEMANDED
from kyc.check import RULES, Finding, Verdict

#: The record of an officer's or a partner's word that nothing may be approved without a look.
SUSPENDED = "case.suspended"
_RULE = f"keeping@{RULES}"


class Cause(enum.StrEnum):
    """Why an officer suspends a case."""

    COURT_ORDER = "court_order"
    AUTHORITY_REQUEST = "authority_request"
    DOCUMENT_INVALID = "document_invalid"
    DOCUMENT_STOLEN = "document_stolen"
    HOLDER_DOUBTED = "holder_doubted"


async def demand(db: AsyncConnection, resident: UUID, checks: Collection[str], *, at: datetime, by: str) -> None:
    """Ask of somebody what the day and the installation ask, from the next look on; the same again writes nothing.

    What was asked before stays asked, on a day that asks less too, until it is given or officers settle it: the
    database lets nobody's request take it back.
    """
    held = await case.opened(db, resident, at=at, by=by)
    known = await records.latest(db, held.id)
    last = max((each for each in known if each.check == DEMANDED), key=lambda each: each.seq, default=None)
    asked = last.params["checks"].split() if last else []
    if not set(asked).issuperset(checks):
        wanted = required.demand({*asked, *checks})
        inputs = hashlib.sha256(wanted.params["checks"].encode()).digest()
        await records.store(db, held, [wanted], inputs=inputs, at=at, document=None)


async def monitor(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case | None:
    """Watch somebody from here on who was approved."""
    return await _move(db, resident, Hop(Act.MONITOR), at=at, by=by)


async def fall_due(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case | None:
    """Ask for a document anew: what was shown identifies until the answer is overdue, and a fresh one must come."""
    held = await case.of(db, resident, locked=True)
    if held is None or held.state not in life.STANDING:
        return None
    known = await records.latest(db, held.id)
    for document in dict.fromkeys(each.document for each in known if each.document is not None):
        stale = Finding(FRESH, Verdict.FAIL, {}, _RULE)
        inputs = hashlib.sha256(document.bytes).digest()
        held = await records.store(db, held, [stale], inputs=inputs, at=at, document=document)
    return await _decided(db, held, Hop(Act.FALL_DUE, ("document_due",)), at=at, by=by)


async def suspend(db: AsyncConnection, resident: UUID, *, reason: str, at: datetime, by: str) -> Case | None:
    """Let nothing identify somebody until officers have looked; `reason` is a code for officers."""
    held = await case.of(db, resident, locked=True)
    if held is None or (held.state, Act.SUSPEND) not in life.LIFE:
        return None
    said = Finding(SUSPENDED, Verdict.REVIEW, {"reason": reason}, _RULE)
    inputs = hashlib.sha256(reason.encode()).digest()
    held = await records.store(db, held, [said], inputs=inputs, at=at, document=None)
    return await _decided(db, held, Hop(Act.SUSPEND, (reason,)), at=at, by=by)


async def resume(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case | None:
    """Give a suspended case to the officers, two of whom may grant it again."""
    return await _move(db, resident, Hop(Act.REVIEW), only=State.SUSPENDED, at=at, by=by)


async def close(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case | None:
    """End a case with the account; from here on it is only kept."""
    return await _move(db, resident, Hop(Act.CLOSE), Hop(Act.RETAIN), at=at, by=by)


async def erase(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case | None:
    """Note that nothing of the person is left: what remains are moves, with ids that belong to nobody."""
    held = await _move(db, resident, Hop(Act.ERASE), at=at, by=by)
    if held is not None:
        await db.execute(update(tables.case).where(tables.case.c.id == held.id).values(decided=None))
    return held


async def take_late(db: AsyncConnection, now: datetime) -> Case | None:
    """Lock a case whose person did not answer in time; those another worker holds are passed over."""
    late = (
        select(*case.COLUMNS)
        .where(tables.case.c.answer_by <= now)
        .order_by(tables.case.c.answer_by, tables.case.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await case.one(db, late)


async def take_settled(db: AsyncConnection, before: datetime) -> Case | None:
    """Lock a case approved before a moment about which no alert is open; those another worker holds are passed over."""
    moved = tables.case_move.c
    approved = exists().where(
        moved.case_id == tables.case.c.id, moved.sort == tables.case.c.version, moved.at <= before
    )
    settled = (
        select(*case.COLUMNS)
        .where(tables.case.c.state == State.APPROVED, approved, text(_NO_ALERT))
        .order_by(tables.case.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=tables.case)
    )
    return await case.one(db, settled)


async def lapse(db: AsyncConnection, late: Case, *, at: datetime, by: str) -> Case:
    """End the wait: what was asked lapses and may be begun anew, an overdue renewal suspends."""
    if late.state is State.NEEDS_INPUT:
        return await case.move(db, late, Hop(Act.LAPSE), at=at, by=by)
    return await _decided(db, late, Hop(Act.SUSPEND, ("renewal_overdue",)), at=at, by=by)


async def _decided(db: AsyncConnection, held: Case, hop: Hop, *, at: datetime, by: str) -> Case:
    known = await records.latest(db, held.id)
    held = await records.write(db, held, decision.decide(known, purpose=held.purpose), at=at, actor=by)
    moved = await case.move(db, held, hop, at=at, by=by)
    await told.tell(db, moved, known, at=at, actor=by)
    return moved


async def _move(
    db: AsyncConnection, resident: UUID, *hops: Hop, only: State | None = None, at: datetime, by: str
) -> Case | None:
    held = await case.of(db, resident, locked=True)
    if held is None or (held.state, hops[0].act) not in life.LIFE or only not in {None, held.state}:
        return None
    return await case.move(db, held, *hops, at=at, by=by)


_NO_ALERT = (
    "NOT EXISTS (SELECT FROM kyc.alert WHERE alert.resident = kyc.case.resident"
    " AND alert.state IN ('open', 'confirmed'))"
)
