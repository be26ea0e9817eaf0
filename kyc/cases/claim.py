"""One officer at a time: who claims a case works on it until the review, the release, or the end of half an hour."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.cases import life, tables
from kyc.cases.case import Case
from kyc.cases.life import Act, IllegalMove

#: How long a claim holds without a review; by the machine's clock.
LASTS = timedelta(minutes=30)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The pending action of a case: whose it is, and until when nobody else may act."""

    id: UUID
    officer: UUID
    claimed_at: datetime
    lapses_at: datetime


class ClaimedByOther(Exception):
    """Another officer is working on this case."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until.isoformat(timespec="seconds")


class NotClaimed(Exception):
    """The officer has not claimed this case, or the claim has lapsed."""


class SameReviewer(Exception):
    """The officer has spoken in this round already, or decided what is appealed."""


_FIELDS = [tables.case_action.c[field] for field in Claim.__struct_fields__]


async def pending(db: AsyncConnection, case_id: UUID, *, at: datetime) -> Claim | None:
    """Find who works on a case at this moment."""
    found = await _open(db, case_id)
    return found if found is not None and found.lapses_at > at else None


async def take(db: AsyncConnection, held: Case, officer: UUID, *, id_: UUID, at: datetime) -> Claim:
    """Claim a locked case; again changes nothing. Raises life.IllegalMove, SameReviewer, ClaimedByOther."""
    if held.state not in life.WAITS_FOR_OFFICERS:
        raise IllegalMove(held.state, Act.PROPOSE)
    await other_eyes(db, held.id, officer)
    found = await _open(db, held.id)
    if found is not None and found.lapses_at > at:
        if found.officer != officer:
            raise ClaimedByOther(found.lapses_at)
        return found
    if found is not None:
        await _end(db, found.id, "lapsed", at)
    made = Claim(id=id_, officer=officer, claimed_at=at, lapses_at=at + LASTS)
    row = msgspec.structs.asdict(made) | {"case_id": held.id, "resident": held.resident}
    await db.execute(insert(tables.case_action).values(row))
    return made


async def other_eyes(db: AsyncConnection, case_id: UUID, officer: UUID) -> None:
    """Let nobody look twice, in the same round or at an appeal against their own word; raises SameReviewer."""
    if await db.scalar(_SPOKE, {"case_id": case_id, "officer": officer}):
        raise SameReviewer


async def require(db: AsyncConnection, held: Case, officer: UUID, *, at: datetime) -> Claim:
    """Answer the officer's own claim; raises NotClaimed."""
    found = await pending(db, held.id, at=at)
    if found is None or found.officer != officer:
        raise NotClaimed
    return found


async def release(db: AsyncConnection, held: Case, officer: UUID, *, at: datetime) -> None:
    """Let others act on a locked case again; raises NotClaimed."""
    await _end(db, (await require(db, held, officer, at=at)).id, "released", at)


async def done(db: AsyncConnection, claim: Claim, *, at: datetime) -> None:
    """End a claim by the review that it was for."""
    await _end(db, claim.id, "reviewed", at)


async def _open(db: AsyncConnection, case_id: UUID) -> Claim | None:
    columns = tables.case_action.c
    row = (
        await db.execute(select(*_FIELDS).where(columns.case_id == case_id, columns.ended_at.is_(None)))
    ).one_or_none()
    return msgspec.convert(row, Claim, from_attributes=True) if row else None


async def _end(db: AsyncConnection, claim: UUID, by: str, at: datetime) -> None:
    mine = tables.case_action.c.id == claim
    await db.execute(update(tables.case_action).where(mine).values(ended_at=at, ended_by=by))


_SPOKE = text(
    """
    SELECT EXISTS (
        SELECT FROM kyc.case_review WHERE case_id = :case_id AND officer = :officer AND round = (
            SELECT max(sort) FROM kyc.case_move WHERE case_id = :case_id AND state = 'manual_review'
        )
    ) OR EXISTS (
        SELECT FROM kyc.case_appeal AS appeal JOIN kyc.case_verdict AS refused USING (case_id, sort)
        WHERE appeal.case_id = :case_id AND :officer IN (refused.first_officer, refused.second_officer)
    )
    """
)
