"""Shutting somebody out, and letting them in again: out by one officer at once, in by two.

shuts out   POST   /v1/officer/suspensions               one officer of security: waiting could harm
proposes    POST   /v1/officer/suspensions/{id}/lift     any of them
lifts       POST   /v1/officer/suspensions/{id}/lift     another one, which the database holds as well
holds       app/auth/gate.py                             with the next request, in every process
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import session, subject, tables
from app.auth.events import SubjectReinstated, SubjectReinstatementProposed
from app.tables import event
from proof import journal

#: Why, as codes: what is written here is history, so it must not be about the person.
Reason = Literal["device_stolen", "fraud_suspected", "sanctions", "court_order", "own_request", "left_service"]
LiftReason = Literal["cleared", "ordered", "mistaken"]


class UnknownSubject(Exception):
    """There is nobody of this id."""


class UnknownSuspension(Exception):
    """There is no suspension of this id that stands."""


class AlreadySuspended(Exception):
    """The subject is shut out already."""


class SameOfficer(Exception):
    """Who proposes to let somebody in, who agrees, and who is let in are three people."""


class Suspension(msgspec.Struct, frozen=True):
    """Somebody is shut out; once lifting is proposed, `lift_reason` and `lift_proposed_by` say why and by whom."""

    id: UUID
    subject: UUID
    reason: Reason
    suspended_by: str
    at: datetime
    lift_reason: LiftReason | None = None
    lift_proposed_by: str | None = None
    lifted_by: str | None = None
    lifted_at: datetime | None = None


async def listed(db: AsyncConnection) -> list[Suspension]:
    """List the suspensions that stand, the oldest first."""
    return await _found(db, tables.suspension.c.lifted_at.is_(None))


async def impose(db: AsyncConnection, who: UUID, reason: Reason, *, actor: str, at: datetime) -> Suspension:
    """Shut `who` out and end their sessions; raises UnknownSubject, AlreadySuspended, SameOfficer."""
    found = await subject.find(db, who)
    if found is None:
        raise UnknownSubject
    if actor == f"{found.role}:{who}":
        raise SameOfficer  # it would take two others to undo it
    made = Suspension(ids.new(), who, reason, actor, at)
    row = insert(tables.suspension).values(msgspec.structs.asdict(made)).on_conflict_do_nothing()
    if (await db.execute(row.returning(tables.suspension.c.id))).one_or_none() is None:
        raise AlreadySuspended
    await session.end_all(db, found, "signed_out", at)
    await subject.suspend(db, who, actor=actor, at=at, reason=reason)
    return made


async def lift(db: AsyncConnection, wanted: UUID, reason: LiftReason, *, actor: str, at: datetime) -> Suspension:
    """Propose to let somebody in again or, where another officer has proposed it, do; the first reason stays.

    Raises UnknownSuspension, SameOfficer.
    """
    found = await _lock(db, wanted)
    if actor in {found.lift_proposed_by, f"officer:{found.subject}"}:
        raise SameOfficer
    if found.lift_proposed_by is None:
        fact: msgspec.Struct = SubjectReinstatementProposed(suspension=found.id, reason=reason)
        changed: dict[str, object] = {"lift_reason": reason, "lift_proposed_by": actor}
    else:
        fact = SubjectReinstated(suspension=found.id, reason=found.lift_reason or reason)
        changed = {"lifted_by": actor, "lifted_at": at}
        await db.execute(update(tables.subject).where(tables.subject.c.id == found.subject).values(suspended_at=None))
    await db.execute(update(tables.suspension).where(tables.suspension.c.id == found.id).values(**changed))
    await journal.append(
        db, event, journal.Fact(aggregate=found.subject, holder=found.subject, at=at, actor=actor, event=fact)
    )
    return msgspec.structs.replace(found, **changed)


async def _lock(db: AsyncConnection, wanted: UUID) -> Suspension:
    columns = tables.suspension.c
    mine = (columns.id == wanted) & columns.lifted_at.is_(None)
    await db.execute(select(columns.id).where(mine).with_for_update())
    if not (found := await _found(db, mine)):
        raise UnknownSuspension
    return found[0]


async def _found(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Suspension]:
    columns = [tables.suspension.c[name] for name in Suspension.__struct_fields__]
    rows = await db.execute(select(*columns).where(wanted).order_by(tables.suspension.c.id))
    return [Suspension(*row) for row in rows]
