"""Subjects: everybody who can be told apart, people and clients, and the invitations by which staff come in."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import tables, ticket
from app.auth.events import SubjectRegistered, SubjectSuspended
from app.auth.principal import Role
from app.db import Story
from app.tables import event
from proof import journal

INVITATION_LIFETIME = timedelta(hours=24)
#: How long a further device of somebody who is known may be added with an invitation of theirs.
DEVICE_INVITATION_LIFETIME = timedelta(minutes=10)


class Subject(msgspec.Struct, frozen=True):
    """`name` is the client id of a partner, regulator or service and the staff name of an officer, else empty."""

    id: UUID
    role: Role
    name: str
    suspended_at: datetime | None = None


class Suspended(Exception):
    """The subject may not come in until an officer lifts it."""


class InvitationSpent(Exception):
    """There is no such invitation, it was used before, or its day is over."""


async def register(db: AsyncConnection, new: Subject, at: datetime) -> bool:
    """Record a subject, for whom the story speaks already; False if it is known."""
    row = insert(tables.subject).values(id=new.id, role=new.role, name=new.name, at=at)
    if (await db.execute(row.on_conflict_do_nothing().returning(tables.subject.c.id))).one_or_none() is None:
        return False
    fact = SubjectRegistered(role=new.role)
    await journal.append(
        db,
        event,
        journal.Fact(aggregate=new.id, holder=new.id, at=at, actor=f"{new.role}:{new.id}", event=fact),
    )
    return True


async def find(db: AsyncConnection, subject: UUID) -> Subject | None:
    """Load a subject."""
    columns = tables.subject.c
    rows = await db.execute(
        select(columns.id, columns.role, columns.name, columns.suspended_at).where(columns.id == subject)
    )
    return Subject(*row) if (row := rows.one_or_none()) else None


async def admitted(db: AsyncConnection, subject: UUID) -> Subject:
    """Load a subject that exists and may come in; raises Suspended."""
    found = await find(db, subject)
    assert found is not None, "a passkey, code or client refers to its subject"
    if found.suspended_at is not None:
        raise Suspended
    return found


async def suspend(db: AsyncConnection, subject: UUID, *, actor: str, at: datetime, reason: str = "") -> None:
    """Let nothing in for `subject` from the commit on; no effect on one already suspended or unknown."""
    rows = await db.execute(
        update(tables.subject)
        .where(tables.subject.c.id == subject, tables.subject.c.suspended_at.is_(None))
        .values(suspended_at=at)
        .returning(tables.subject.c.id)
    )
    if rows.scalar_one_or_none() is not None:
        told = SubjectSuspended(reason=reason)
        await journal.append(db, event, journal.Fact(aggregate=subject, holder=subject, at=at, actor=actor, event=told))


async def limit(db: AsyncConnection, subject: UUID, until: datetime) -> datetime:
    """Close money out and changes of security for a subject who was recovered; gives until when."""
    await db.execute(update(tables.subject).where(tables.subject.c.id == subject).values(limited_until=until))
    return until


async def invite(story: Story, new: Subject, at: datetime) -> str:
    """Register `new` and make the invitation with which its first passkey is added; shown once, never stored."""
    await story.speak_for(new.id)
    db = await story()
    await register(db, new, at)
    return (await invite_device(db, new.id, at, lasts=INVITATION_LIFETIME)).text


async def invite_device(
    db: AsyncConnection, owner: UUID, at: datetime, *, lasts: timedelta = DEVICE_INVITATION_LIFETIME
) -> ticket.Ticket:
    """Make an invitation with which a passkey of `owner`, for whom the story speaks, is added."""
    made = ticket.new(owner)
    await db.execute(insert(tables.invitation).values(hash=made.hash, subject=owner, expires_at=at + lasts))
    return made


async def invited(story: Story, text: str, now: datetime, *, spend: bool) -> ticket.Ticket:
    """Read an invitation that stands, use it up if `spend`, and speak for its subject; raises InvitationSpent."""
    if (shown := ticket.parse(text)) is None:
        raise InvitationSpent
    await story.speak_for(shown.subject)
    columns = tables.invitation.c
    standing = (columns.hash == shown.hash) & columns.used_at.is_(None) & (columns.expires_at > now)
    found = (
        update(tables.invitation).where(standing).values(used_at=now).returning(columns.hash)
        if spend
        else select(columns.hash).where(standing)
    )
    if (await (await story()).execute(found)).one_or_none() is None:
        raise InvitationSpent
    return shown
