"""Whoever was verified long enough ago is asked to be verified again: by band, by the document's end, or at once.

plans      app/risk/reviewing.py      schedule()     after every judgement
takes      kyc/risk/profile.py        due_for_review()
asks       app/risk/reviewing.py      step()         <- you are here, a step of the worker
moves      kyc/cases/keeping.py       fall_due(); what is overdue is suspended by lapse()
restricts  app/restrictions           proposed by the machine, agreed to by an officer; lifted when it is done

The person reads what to do and by when, the same words for everybody: show a document, confirm where the money comes
from. Why it is now is nobody's to tell. What was done in time changes nothing; what was not suspends the relation until
it is done.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.db import transaction
from app.house import House
from app.limiting import tables as limiting
from app.restrictions import restriction
from app.restrictions.reason import Reason
from app.restrictions.restriction import ActOpen, Proposed, Stands
from kyc import standing
from kyc import tables as kyc_tables
from kyc.cases import keeping
from kyc.risk import declaration, profile
from kyc.risk.band import Band
from kyc.risk.profile import Review
from law import calendar

ACTOR = "service:risk"
CAUSE = "data_outdated"
#: What is asked of somebody who is to be verified again.
Todo = Literal["document", "declaration"]
_AT_ONCE = 20
_CLASS = Reason.IDENTITY_UPDATE


async def step(house: House) -> int:
    """Ask a few of those whose verification is over, or note that they did not answer; answers how many."""
    async with transaction(house.worker, actor=ACTOR, operation="reviews") as story:
        db = await story()
        due = await profile.due_for_review(db, at=story.now, limit=_AT_ONCE)
        for resident in due:
            await _review(db, resident, story.now)
    return len(due)


async def schedule(db: AsyncConnection, resident: UUID, band: Band, *, actor: str, at: datetime) -> None:
    """Plan when somebody is verified again; whoever was asked and did all of it is free."""
    known = await standing.standing(db, resident, calendar.statutory_date(at))
    if known.document is None or known.document_expires is None:
        return
    if (asked := await profile.open_review(db, resident)) is not None:
        if await outstanding(db, asked, at=at):
            return
        await profile.done(db, asked, at=at, actor=actor)
        await _free(db, resident, at=at)
    verified_at = await _shown_at(db, known.document)
    review_on, why = profile.next_review(band, calendar.statutory_date(verified_at), known.document_expires)
    await profile.verified(db, resident, at=verified_at, review_on=review_on, why=why)


async def outstanding(db: AsyncConnection, asked: Review, *, at: datetime) -> tuple[Todo, ...]:
    """Say what somebody who was asked has not done yet: identified by a document, and a declaration, since then."""
    known = await standing.standing(db, asked.resident, calendar.statutory_date(at))
    shown_at = None if known.document is None else await _shown_at(db, known.document)
    said_at = await declaration.last_at(db, asked.resident)
    done: dict[Todo, bool] = {
        "document": shown_at is not None and shown_at > asked.asked_at,
        "declaration": said_at is not None and said_at > asked.asked_at,
    }
    return tuple(name for name, is_done in done.items() if not is_done)


async def _shown_at(db: AsyncConnection, document: UUID) -> datetime:
    stored = kyc_tables.document.c
    shown_at: datetime = (await db.execute(select(stored.at).where(stored.id == document))).scalar_one()
    return shown_at


async def _review(db: AsyncConnection, resident: UUID, at: datetime) -> None:
    asked = await profile.open_review(db, resident)
    if asked is None:
        asked = await profile.ask(db, resident, new=ids.new(), at=at, actor=ACTOR)
        await keeping.fall_due(db, resident, at=at, by=ACTOR)
        await profile.next_at(db, resident, calendar.day_starts(asked.until + timedelta(days=1)))
        return
    await profile.overdue(db, asked, at=at, actor=ACTOR)
    await profile.next_at(db, resident, None)
    try:
        await restriction.impose(db, resident, CAUSE, act=ids.new(), note=None, actor=ACTOR, at=at)
    except (Stands, ActOpen):
        return  # officers were faster


async def _free(db: AsyncConnection, resident: UUID, *, at: datetime) -> None:
    """Let everything work again that stopped for want of what the person has done now."""
    for proposed in await restriction.waiting(db):
        if proposed.holder == resident and proposed.proposed_by == ACTOR:
            await restriction.close(db, proposed.id, agreed=False, actor="system:verified", at=at)
    for standing_ in await restriction.of(db, resident):
        if standing_.reason is _CLASS and standing_.state is restriction.State.IN_FORCE:
            await _lift(db, standing_, at=at)


async def _lift(db: AsyncConnection, held: restriction.Restriction, *, at: datetime) -> None:
    """Lift a restriction of ours: the person asked by doing it, the machine agrees because it saw it."""
    imposed = [each for each in await restriction.acts(db, held.id) if each.id == held.by_act]
    if not imposed or imposed[0].proposed_by != ACTOR:
        return
    act = Proposed(
        id=ids.new(),
        restriction=held.id,
        holder=held.holder,
        act=restriction.Act.LIFT,
        reason=held.reason,
        cause=None,
        note=None,
        proposed_by=f"resident:{held.holder}",
        proposed_at=at,
        decided_by=ACTOR,
        decided_at=at,
        agreed=True,
    )
    row = {name: getattr(act, name) for name in Proposed.__struct_fields__}
    await db.execute(insert(limiting.restriction_act).values(row))
    await restriction.lift(db, held.id, act=act.id, actor=ACTOR, at=at)
