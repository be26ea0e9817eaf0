"""Sessions: one sign-in of one subject on one device. Its tokens live and die with it.

opened   by a passkey, by a client's key, by a pre-authorised code, or minted for testers
ended    by signing out or by the reuse of a refresh token; a suspended subject's sessions stand but admit nobody
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import tables
from app.auth.events import SessionEnded, SessionOpened
from app.auth.subject import Subject
from app.tables import event
from proof import journal

#: However often it is refreshed, a session ends and the passkey is asked for again.
LIFETIME = timedelta(days=90)
#: The client id of the e-Residency app itself, a public client.
APP = "app"

OpenedBy = Literal["passkey", "client", "code", "mint"]
EndedWhy = Literal["signed_out", "refresh_reused"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session. `jkt` is the key its tokens are bound to; None only where it was minted for a tester."""

    id: UUID
    subject: Subject
    client_id: str
    jkt: str | None
    scope: str
    at: datetime
    expires_at: datetime


async def begin(
    db: AsyncConnection,
    subject: Subject,
    *,
    opened_by: OpenedBy,
    client_id: str,
    jkt: str | None,
    scopes: frozenset[str],
    at: datetime,
    lasts: timedelta = LIFETIME,
) -> Session:
    """Open a session for `subject`, for whom the story speaks."""
    opened = Session(
        id=ids.new(),
        subject=subject,
        client_id=client_id,
        jkt=jkt,
        scope=" ".join(sorted(scopes)),
        at=at,
        expires_at=at + lasts,
    )
    row = msgspec.structs.asdict(opened) | {"subject": subject.id, "opened_by": opened_by}
    await db.execute(insert(tables.session).values(row))
    fact = SessionOpened(subject=subject.id, opened_by=opened_by, client_id=client_id)
    await _record(db, opened.id, subject, fact, at)
    return opened


async def find(db: AsyncConnection, session: UUID) -> Session | None:
    """Load a session that has not ended and whose subject is not suspended; it may have run out."""
    columns, who = tables.session.c, tables.subject.c
    rows = await db.execute(
        select(
            who.id, who.role, who.name, columns.client_id, columns.jkt, columns.scope, columns.at, columns.expires_at
        )
        .join_from(tables.session, tables.subject)
        .where(columns.id == session, columns.ended_at.is_(None), who.suspended_at.is_(None))
    )
    if (row := rows.one_or_none()) is None:
        return None
    return Session(
        id=session,
        subject=Subject(row.id, row.role, row.name),
        client_id=row.client_id,
        jkt=row.jkt,
        scope=row.scope,
        at=row.at,
        expires_at=row.expires_at,
    )


async def end(db: AsyncConnection, session: UUID, subject: Subject, why: EndedWhy, at: datetime) -> None:
    """End a session; ending it again has no effect."""
    columns = tables.session.c
    rows = await db.execute(
        update(tables.session)
        .where(columns.id == session, columns.ended_at.is_(None))
        .values(ended_at=at, ended_why=why)
        .returning(columns.id)
    )
    if rows.one_or_none() is not None:
        await _record(db, session, subject, SessionEnded(subject=subject.id, why=why), at)


async def _record(
    db: AsyncConnection, session: UUID, subject: Subject, fact: SessionOpened | SessionEnded, at: datetime
) -> None:
    actor = f"{subject.role}:{subject.id}"
    await journal.append(db, event, journal.Fact(aggregate=session, holder=subject.id, at=at, actor=actor, event=fact))
