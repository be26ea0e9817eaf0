"""Accounts whose day has come: closed when the person's two weeks are over, erased when nothing must be kept longer.

asks       app/account/closure.py    request()
ends       app/account/ending.py     step()         <- you are here, a step of the worker
erases     migrations/versions/0015_account.py   app.erase()

Each transaction takes one account. Erasing destroys the person's key and deletes what leads to the person; the ledger,
the journals, the feed and the status lists keep their rows, which name an id that nothing belongs to any more.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.account import closure, tables
from app.account.closure import Closure, State
from app.account.events import AccountClosed, AccountErased, ClosureLapsed
from app.auth import session, subject
from app.auth.subject import Subject
from app.credentials import entitlement
from app.db import transaction
from app.house import House
from kyc.cases import keeping
from law import calendar
from residency import status
from residency.status import Act
from wallet import account

ACTOR = "service:ending"
_ONE_ROUND_MAX = 50
_AFTER_FAULT = timedelta(hours=1)

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Close and erase what is due, one account at a time; answers how many."""
    done = 0
    while done < _ONE_ROUND_MAX and await _one(house):
        done += 1
    return done


async def _one(house: House) -> bool:
    holder: UUID | None = None
    try:
        async with transaction(house.worker, actor=ACTOR, operation="ending") as story:
            db = await story()
            holder = await db.scalar(_DUE, {"now": story.now})
            if holder is not None:
                await _end(db, holder, story.now)
    except Exception as error:
        if holder is None:
            raise
        _log.error("ending_failed", step="ending", error=type(error).__name__, exc_info=error)
        async with transaction(house.worker) as story:
            await (await story()).execute(_LATER, {"holder": holder, "due_at": story.now + _AFTER_FAULT})
    return holder is not None


async def _end(db: AsyncConnection, holder: UUID, at: datetime) -> None:
    found = await closure.find(db, holder)
    if found.state is State.CLOSING:
        await _close(db, holder, found, at)
        return
    erased: dict[str, int] = await db.scalar(select(text("app.erase(:holder)")).params(holder=holder)) or {}
    await keeping.erase(db, holder, at=at, by=ACTOR)
    await closure.record(db, holder, AccountErased(rows=erased), actor=ACTOR, at=at)


async def _close(db: AsyncConnection, holder: UUID, found: Closure, at: datetime) -> None:
    await db.execute(_LANE, {"holder": holder})
    if in_the_way := await closure.obstacles(db, holder):
        lapsed = msgspec.structs.replace(found, state=State.OPEN, version=found.version + 1)
        await closure.write(db, holder, lapsed, due_at=None)
        fact = ClosureLapsed(obstacles=tuple(map(str, in_the_way)))
        await closure.record(db, holder, fact, actor=ACTOR, at=at)
        return
    for held in await status.of_resident(db, holder):
        if (held.state, Act.REVOKE) in status.LIFE:
            ended = await status.change(db, held.id, Act.REVOKE, at=at, by=ACTOR, reason_code="account_closed")
            await entitlement.follow(db, ended, actor=ACTOR, at=at)
    await keeping.close(db, holder, at=at, by=ACTOR)
    await account.close(db, holder, actor=ACTOR, at=at)
    await subject.suspend(db, holder, actor=ACTOR, at=clock.real())
    await session.end_all(db, Subject(holder, "resident", ""), "signed_out", clock.real())
    erases_on = await closure.erases_on(db, holder, calendar.statutory_date(at))
    closed = msgspec.structs.replace(found, state=State.CLOSED, version=found.version + 1, erases_on=erases_on)
    await closure.write(db, holder, closed, due_at=max(at, calendar.day_starts(erases_on)))
    await closure.record(db, holder, AccountClosed(erases_on=erases_on), actor=ACTOR, at=at)


_DUE = (
    select(tables.closure.c.holder)
    .where(tables.closure.c.due_at <= text(":now"))
    .order_by(tables.closure.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_LATER = (
    update(tables.closure)
    .where(tables.closure.c.holder == text(":holder"), tables.closure.c.due_at.is_not(None))
    .values(due_at=text(":due_at"))
)
# The lane's lock: whoever moves money now has moved it before we look, or finds the wallet closed.
_LANE = text(
    "SELECT FROM wallet.lane WHERE lane IN (SELECT lane FROM wallet.holder WHERE holder = :holder) FOR NO KEY UPDATE"
)
