"""Duties of officers: who may see, decide, change and hand out what, under four eyes (the list is in scopes.py).

proposes  POST /v1/officer/duties                  one officer of security
approves  POST /v1/officer/duties/{id}/approval    another one; neither is whom it is for
ends      DELETE /v1/officer/duties/{id}           either alone: to take a right away nobody waits for a second
operates  eresidency officer invite, grant         the operator, who makes the first ones

A duty counts from the officer's next sign-in; one that ends closes the officer's sessions at once.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import scopes, session, subject, tables
from app.auth.events import DutyEnded, DutyGranted, DutyProposed
from app.auth.principal import Role
from app.auth.scopes import Duty
from app.tables import event
from proof import journal

#: How the operator's command line is named among those who decide.
OPERATOR = "operator"


class UnknownOfficer(Exception):
    """There is no such officer."""


class UnknownGrant(Exception):
    """Nobody proposed this, or it has ended."""


class DutyHeld(Exception):
    """The officer has this duty, or it is proposed already."""


class SamePerson(Exception):
    """Who proposes a duty, who approves it and who gets it are three people."""


class Grant(msgspec.Struct, frozen=True):
    """A duty of an officer: proposed, and in force from `approved_at` on."""

    id: UUID
    officer: UUID
    duty: Duty
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None


async def scopes_of(db: AsyncConnection, role: Role, who: UUID) -> frozenset[str]:
    """Give every scope that `who` gets by signing in."""
    if role != "officer":
        return scopes.held_by(role)
    columns = tables.officer_grant.c
    mine = (columns.officer == who) & columns.approved_at.is_not(None) & columns.ended_at.is_(None)
    return scopes.of_duties(await db.scalars(select(columns.duty).where(mine)))


async def listed(db: AsyncConnection) -> list[Grant]:
    """List what is proposed or in force, the oldest first."""
    columns = tables.officer_grant.c
    return await _found(db, columns.ended_at.is_(None))


async def propose(db: AsyncConnection, officer: UUID, duty: Duty, *, actor: str, at: datetime) -> Grant:
    """Ask for a duty for `officer`; raises UnknownOfficer, DutyHeld, SamePerson."""
    found = await subject.find(db, officer)
    if found is None or found.role != "officer":
        raise UnknownOfficer
    if actor == f"officer:{officer}":
        raise SamePerson
    made = Grant(ids.new(), officer, duty, actor, at, None, None)
    row = insert(tables.officer_grant).values(msgspec.structs.asdict(made)).on_conflict_do_nothing()
    if (await db.execute(row.returning(tables.officer_grant.c.id))).one_or_none() is None:
        raise DutyHeld
    await _record(db, made, DutyProposed(officer=officer, duty=duty), actor, at)
    return made


async def approve(db: AsyncConnection, grant: UUID, *, actor: str, at: datetime) -> Grant:
    """Put a proposed duty in force; raises UnknownGrant, DutyHeld, SamePerson."""
    found = await _lock(db, grant)
    if found.approved_at is not None:
        raise DutyHeld
    if actor == f"officer:{found.officer}" or (actor == found.proposed_by and actor != OPERATOR):
        raise SamePerson
    await _set(db, grant, approved_by=actor, approved_at=at)
    await _record(db, found, DutyGranted(officer=found.officer, duty=found.duty), actor, at)
    return msgspec.structs.replace(found, approved_by=actor, approved_at=at)


async def end(db: AsyncConnection, grant: UUID, *, actor: str, at: datetime) -> None:
    """Take a duty away, or a proposal back, and close the officer's sessions; raises UnknownGrant."""
    found = await _lock(db, grant)
    await _set(db, grant, ended_by=actor, ended_at=at)
    await _record(db, found, DutyEnded(officer=found.officer, duty=found.duty), actor, at)
    if found.approved_at is not None:
        await session.end_all(db, await subject.admitted(db, found.officer), "duties_changed", at)


async def give(db: AsyncConnection, officer: UUID, duties: Iterable[Duty], at: datetime) -> None:
    """Give duties by the operator's own word; raises UnknownOfficer, DutyHeld."""
    for duty in duties:
        made = await propose(db, officer, duty, actor=OPERATOR, at=at)
        await approve(db, made.id, actor=OPERATOR, at=at)


async def _lock(db: AsyncConnection, grant: UUID) -> Grant:
    columns = tables.officer_grant.c
    mine = (columns.id == grant) & columns.ended_at.is_(None)
    await db.execute(select(columns.id).where(mine).with_for_update())
    if not (found := await _found(db, mine)):
        raise UnknownGrant
    return found[0]


async def _found(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Grant]:
    columns = [tables.officer_grant.c[name] for name in Grant.__struct_fields__]
    rows = await db.execute(select(*columns).where(wanted).order_by(tables.officer_grant.c.id))
    return [Grant(*row) for row in rows]


async def _set(db: AsyncConnection, grant: UUID, **values: object) -> None:
    await db.execute(update(tables.officer_grant).where(tables.officer_grant.c.id == grant).values(**values))


async def _record(
    db: AsyncConnection, grant: Grant, fact: DutyProposed | DutyGranted | DutyEnded, actor: str, at: datetime
) -> None:
    told = journal.Fact(aggregate=grant.id, holder=grant.officer, at=at, actor=actor, event=fact)
    await journal.append(db, event, told)
