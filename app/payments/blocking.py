"""Whom a person is not asked for money by: blocked by way of a request of theirs, until they are let again.

route      app/http/mobile/money_requests.py   POST /v1/money-requests/{id}/block
blocks     app/payments/blocking.py            block(), unblock()      <- you are here
asks       app/payments/request.py             make()                  refuses whoever is blocked

Whoever is blocked can still pay, and be paid. They learn that this person can't be asked, as they would of anybody.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app import tables as house_tables
from app.auth.principal import Principal
from app.payments import request, tables
from app.payments.events import AskerBlocked, AskerUnblocked
from proof import journal


class NotBlocked(Exception):
    """Nobody is blocked by this id."""


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may not ask `holder` for money; `money_request` is the one they were blocked by."""

    id: UUID
    holder: UUID
    person: UUID
    money_request: UUID
    at: datetime


async def block(db: AsyncConnection, asked: UUID, me: Principal, at: datetime) -> Blocked:
    """Block whoever made the request `asked` of `me`, and decline all that they ask; raises Unknown, OtherSide.

    Whom one has blocked already stays blocked as they were.
    """
    found = await request.of_payer(db, asked, me)
    new = Blocked(id=ids.new(), holder=me.subject, person=found.holder, money_request=asked, at=at)
    made = insert(tables.blocked).values(msgspec.structs.asdict(new)).on_conflict_do_nothing()
    if await db.scalar(made.returning(tables.blocked.c.id)) is not None:
        await _tell(db, new, AskerBlocked(blocked=new.id, money_request=asked), me, at)
    await request.decline_all(db, found.holder, me, at)
    return next(each for each in await of(db, me.subject) if each.person == found.holder)


async def of(db: AsyncConnection, holder: UUID) -> list[Blocked]:
    """List whom a person has blocked, the last first."""
    columns = [tables.blocked.c[name] for name in Blocked.__struct_fields__]
    mine = select(*columns).where(tables.blocked.c.holder == holder).order_by(tables.blocked.c.id.desc())
    return [msgspec.convert(row, Blocked, from_attributes=True) for row in await db.execute(mine)]


async def unblock(db: AsyncConnection, blocked: UUID, me: Principal, at: datetime) -> None:
    """Let somebody ask again; raises NotBlocked."""
    found = next((each for each in await of(db, me.subject) if each.id == blocked), None)
    if found is None:
        raise NotBlocked
    await db.execute(delete(tables.blocked).where(tables.blocked.c.id == blocked))
    await _tell(db, found, AskerUnblocked(blocked=blocked), me, at)


async def _tell(db: AsyncConnection, about: Blocked, event: msgspec.Struct, me: Principal, at: datetime) -> None:
    told = journal.Fact(aggregate=about.id, holder=me.subject, at=at, actor=me.actor, event=event)
    await journal.append(db, house_tables.event, told)
