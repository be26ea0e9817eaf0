"""Against a refusal for good: the person appeals within the term, once, and two other officers hear it."""

import hashlib
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.cases import case, decision, records, review, tables, told
from kyc.cases.case import Case, Hop
from kyc.cases.decision import OFFICERS
from kyc.cases.life import SHOWN, Act, IllegalMove, State
from kyc.check import Finding, Verdict


class AppealOver(Exception):
    """The term is over, or the one appeal was heard; what is left is the court."""


async def may(db: AsyncConnection, held: Case, refused: review.Refusal | None, on: date) -> bool:
    """Say whether the person may appeal on this day."""
    if refused is None or held.state is not State.REJECTED_FINAL or on > refused.appeal_until:
        return False
    return await db.scalar(select(tables.case_appeal.c.id).where(tables.case_appeal.c.case_id == held.id)) is None


async def lodge(db: AsyncConnection, held: Case, *, id_: UUID, words: bytes, on: date, at: datetime, by: str) -> Case:
    """Appeal against the refusal of a locked case; `words` are sealed. Raises life.IllegalMove, AppealOver."""
    if held.state is not State.REJECTED_FINAL:
        raise IllegalMove(SHOWN[held.state], Act.APPEAL)  # its person reads it
    refused = await review.refusal(db, held.id)
    if refused is None or not await may(db, held, refused, on):
        raise AppealOver
    row = {"case_id": held.id, "sort": refused.sort, "id": id_, "resident": held.resident}
    await db.execute(insert(tables.case_appeal).values(row | {"words": words, "at": at}))
    appealed = Finding(OFFICERS, Verdict.REVIEW, {"appealed": str(refused.sort)}, review.RULE, (f"appeal_{id_}",))
    inputs = hashlib.sha256(words).digest()
    held = await records.store(db, held, [appealed], inputs=inputs, at=at, document=None)
    known = await records.latest(db, held.id)
    held = await records.write(db, held, decision.decide(known, purpose=held.purpose), at=at, actor=by)
    moved = await case.move(db, held, Hop(Act.APPEAL), at=at, by=by)
    await told.tell(db, moved, known, at=at, actor=by)
    return moved
