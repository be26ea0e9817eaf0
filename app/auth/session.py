"""Sessions: one sign-in of one subject on one device. Its tokens live and die with it.

opened   by a passkey, by a client's key, by a pre-authorised code, or minted for testers
ended    by signing out or by the reuse of a refresh token; a suspended subject's sessions stand but admit nobody
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import gate, tables, token
from app.auth.events import SessionEnded, SessionOpened
from app.auth.principal import Role
from app.auth.subject import Subject
from app.auth.wallets import wallet_tables
from app.tables import event
from proof import journal


class Terms(NamedTuple):
    """How long a session stands unused (its refresh token is not exchanged), and however much it is used."""

    idle: timedelta
    absolute: timedelta


#: Residents read what is theirs with the key of their phone for as long as people may be spared a second factor for
#: that (RTS (EU) 2018/389 art. 10 as amended by (EU) 2022/2360: 180 days; we stay at half); money out, contacts and
#: devices ask for the passkey each time. Officers see other people's data: well within NIST SP 800-63B-4, AAL2 (24
#: hours, an hour unused). Machines have their key at hand and get no refresh token.
TERMS: dict[Role, Terms] = {
    "resident": Terms(idle=timedelta(days=30), absolute=timedelta(days=90)),
    "officer": Terms(idle=timedelta(minutes=30), absolute=timedelta(hours=12)),
    "partner": Terms(idle=token.LIFETIME, absolute=token.LIFETIME),
    "regulator": Terms(idle=token.LIFETIME, absolute=token.LIFETIME),
    "service": Terms(idle=token.LIFETIME, absolute=token.LIFETIME),
}
#: Of a wallet somebody vouches for, whose session is for the holder's credentials alone: it renews what it holds for
#: as long as HAIP 1.0 section 4.4 would have it, if it comes once in the life of a copy.
WALLET = Terms(idle=timedelta(days=90), absolute=timedelta(days=360))
#: The client id of the e-Residency app itself, a public client.
APP = "app"

OpenedBy = Literal["passkey", "client", "code", "mint"]
EndedWhy = Literal["signed_out", "refresh_reused", "device_removed", "recovered", "code_reused", "duties_changed"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session. `jkt` is the key its tokens are bound to; None only where it was minted for a tester."""

    id: UUID
    subject: Subject
    opened_by: OpenedBy
    client_id: str
    jkt: str | None
    scope: str
    at: datetime
    expires_at: datetime

    @property
    def terms(self) -> Terms:
        """How long it stands unused, and however much it is used."""
        return terms(self.opened_by, self.subject.role)


def terms(opened_by: OpenedBy, role: Role) -> Terms:
    """Look up how long a session stands."""
    if opened_by == "mint":
        return Terms(token.BEARER_LIFETIME_MAX, token.BEARER_LIFETIME_MAX)
    return WALLET if opened_by == "code" else TERMS[role]


async def begin(
    db: AsyncConnection,
    subject: Subject,
    *,
    opened_by: OpenedBy,
    client_id: str,
    jkt: str | None,
    scopes: frozenset[str],
    at: datetime,
    lasts: timedelta | None = None,
    passkey: bytes | None = None,
) -> Session:
    """Open a session for `subject`, for whom the story speaks; `passkey` is the one that opened it.

    It lasts as long as its terms say, or shorter.
    """
    longest = terms(opened_by, subject.role).absolute
    opened = Session(
        id=ids.new(),
        subject=subject,
        opened_by=opened_by,
        client_id=client_id,
        jkt=jkt,
        scope=" ".join(sorted(scopes)),
        at=at,
        expires_at=at + min(lasts or longest, longest),
    )
    row = msgspec.structs.asdict(opened) | {"subject": subject.id, "passkey": passkey}
    await db.execute(insert(tables.session).values(row))
    fact = SessionOpened(subject=subject.id, opened_by=opened_by, client_id=client_id)
    await _record(db, opened.id, subject, fact, at)
    return opened


async def find(db: AsyncConnection, session: UUID) -> Session | None:
    """Load a session that has not ended and whose subject is not suspended; it may have run out."""
    columns, who = tables.session.c, tables.subject.c
    rows = await db.execute(
        select(
            who.id,
            who.role,
            who.name,
            columns.opened_by,
            columns.client_id,
            columns.jkt,
            columns.scope,
            columns.at,
            columns.expires_at,
        )
        .join_from(tables.session, tables.subject)
        .where(columns.id == session, columns.ended_at.is_(None), who.suspended_at.is_(None))
    )
    if (row := rows.one_or_none()) is None:
        return None
    return Session(
        id=session,
        subject=Subject(row.id, row.role, row.name),
        opened_by=row.opened_by,
        client_id=row.client_id,
        jkt=row.jkt,
        scope=row.scope,
        at=row.at,
        expires_at=row.expires_at,
    )


async def keep(db: AsyncConnection, session: UUID | None) -> None:
    """Let a session not end before this transaction does; raises gate.SessionEnded where it has.

    So whoever ends it waits for what is done here with it, and can undo that too: a lost phone gets nothing by hurry.
    """
    columns = tables.session.c
    standing = select(columns.id).where(columns.id == session, columns.ended_at.is_(None))
    if (await db.execute(standing.with_for_update(read=True))).one_or_none() is None:
        raise gate.SessionEnded


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


class UnknownSession(Exception):
    """The subject has no open session of this id."""


class Open(msgspec.Struct, frozen=True):
    """A session as its owner sees it: `renewed_at` is when its tokens were, `idle_until` when they must be again.

    `device` is whose passkey opened it, or for a wallet the one it was let in from.
    """

    id: UUID
    opened_by: OpenedBy
    client_id: str
    device: UUID | None
    at: datetime
    expires_at: datetime
    renewed_at: datetime
    idle_until: datetime


async def listed(db: AsyncConnection, subject: UUID, now: datetime) -> list[Open]:
    """List the sessions of `subject` that stand, the newest first."""
    columns, tokens, keys, wallets = tables.session.c, tables.refresh.c, tables.passkey.c, wallet_tables.wallet_session
    newest = (
        select(tokens.session, func.max(tokens.at).label("at"), func.max(tokens.expires_at).label("expires_at"))
        .where(tokens.subject == subject)
        .group_by(tokens.session)
        .subquery()
    )
    idle_until = func.coalesce(newest.c.expires_at, columns.expires_at)
    query = (
        select(
            columns.id,
            columns.opened_by,
            columns.client_id,
            func.coalesce(keys.device, wallets.c.device).label("device"),
            columns.at,
            columns.expires_at,
            func.coalesce(newest.c.at, columns.at).label("renewed_at"),
            idle_until.label("idle_until"),
        )
        .outerjoin(newest, newest.c.session == columns.id)
        .outerjoin(tables.passkey, keys.id == columns.passkey)
        .outerjoin(wallets, wallets.c.session == columns.id)
        .where(_open(subject, now), idle_until > now)
        .order_by(columns.id.desc())
    )
    return [Open(*row) for row in await db.execute(query)]


async def sign_out(db: AsyncConnection, session: UUID, subject: Subject, at: datetime) -> None:
    """End one of the subject's own sessions, from this one or another; raises UnknownSession."""
    mine = _open(subject.id, at) & (tables.session.c.id == session)
    if (await db.execute(select(tables.session.c.id).where(mine))).one_or_none() is None:
        raise UnknownSession
    await end(db, session, subject, "signed_out", at)


async def sign_out_elsewhere(db: AsyncConnection, kept: UUID, subject: Subject, at: datetime) -> None:
    """End every session of the subject but `kept`."""
    columns = tables.session.c
    others = await db.scalars(select(columns.id).where(_open(subject.id, at), columns.id != kept).order_by(columns.id))
    for other in others.all():
        await end(db, other, subject, "signed_out", at)


def _open(subject: UUID, now: datetime) -> ColumnElement[bool]:
    columns = tables.session.c
    return (columns.subject == subject) & columns.ended_at.is_(None) & (columns.expires_at > now)


async def wallets(db: AsyncConnection, subject: UUID, named: Collection[UUID], now: datetime) -> frozenset[str]:
    """Give the keys of the wallets whose sessions are `named`; raises UnknownSession where one is no such session."""
    columns = tables.session.c
    theirs = _open(subject, now) & (columns.opened_by == "code") & columns.id.in_(named)
    found = {row.id: row.jkt for row in await db.execute(select(columns.id, columns.jkt).where(theirs))}
    if found.keys() != set(named):
        raise UnknownSession
    return frozenset(found.values())


async def end_wallets(
    db: AsyncConnection,
    subject: Subject,
    at: datetime,
    *,
    but: Collection[UUID] = (),
    of: Collection[str] | None = None,
) -> None:
    """End the sessions of wallets, whose device is gone: all `but` some, or those `of` wallets with these keys."""
    columns = tables.session.c
    gone = (columns.opened_by == "code") & columns.id.not_in(but)
    await _end_all(db, subject, "device_removed", at, gone if of is None else gone & columns.jkt.in_(of))


async def end_all(
    db: AsyncConnection, subject: Subject, why: EndedWhy, at: datetime, *, passkey: bytes | None = None
) -> None:
    """End every session of `subject`, or those that `passkey` opened."""
    await _end_all(db, subject, why, at, true() if passkey is None else tables.session.c.passkey == passkey)


async def _end_all(
    db: AsyncConnection, subject: Subject, why: EndedWhy, at: datetime, which: ColumnElement[bool]
) -> None:
    columns = tables.session.c
    theirs = (columns.subject == subject.id) & columns.ended_at.is_(None) & which
    rows = await db.scalars(
        update(tables.session).where(theirs).values(ended_at=at, ended_why=why).returning(columns.id)
    )
    for ended in rows.all():
        await _record(db, ended, subject, SessionEnded(subject=subject.id, why=why), at)


async def _record(
    db: AsyncConnection, session: UUID, subject: Subject, fact: SessionOpened | SessionEnded, at: datetime
) -> None:
    actor = f"{subject.role}:{subject.id}"
    await journal.append(db, event, journal.Fact(aggregate=session, holder=subject.id, at=at, actor=actor, event=fact))
