"""Refresh tokens: each works once and is replaced; one that comes back later ends its session (RFC 9700 section 4.14).

The child of a token is derived from the token itself and a salt only we know: HMAC(salt, token). So a phone that lost
our answer, or asked twenty times at once, gets the same child for a few seconds, and never are there two that work. A
thief with the token but not the device's key gets nothing; a thief of the table has salts but no tokens.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import session, tables, ticket
from app.auth.session import Session
from app.auth.wallets import wallet_client, wallet_session
from app.auth.wallets.wallet_session import WalletSession
from app.db import Story

#: How long the answer to a refresh may be asked for again, by the same key, while its child is unused.
REPEATABLE = timedelta(seconds=10)


class Asked(msgspec.Struct, frozen=True):
    """Who asks at the instant `at`, with a proof of the key `jkt`.

    `scopes` are what the access token is to be narrowed to; more than the session has is denied. `instance` is the key
    of the wallet that asks, where it was attested with this request.
    """

    jkt: str
    at: datetime
    scopes: frozenset[str] = frozenset()
    instance: str | None = None


class Rotated(msgspec.Struct, frozen=True):
    """The session goes on with the refresh token `text`; `wallet` is what a wallet's is for."""

    session: Session
    text: str
    wallet: WalletSession | None = None


class Denied(msgspec.Struct, frozen=True):
    """The token is not taken: OAuth's `error`, and a `reason` for the caller's developer.

    A value, not an exception, because a reuse is stored.
    """

    reason: str
    error: str = "invalid_grant"


class _Stored(msgspec.Struct, frozen=True):
    generation: int
    salt: bytes
    expires_at: datetime
    used_at: datetime | None
    child_used: bool


async def first(db: AsyncConnection, opened: Session) -> str:
    """Make the first refresh token of a session."""
    made = ticket.new(opened.subject.id)
    await _store(db, opened, made, 1, opened.at)
    return made.text


async def rotate(story: Story, text: str, asked: Asked) -> Rotated | Denied:
    """Exchange a refresh token for the next one."""
    if (shown := ticket.parse(text)) is None:
        return Denied("not a refresh token")
    await story.speak_for(shown.subject)
    db = await story()
    # Lock, then load: one statement would read the token as it was before the wait for the lock.
    if (locked := await _lock(db, shown)) is None:
        return Denied("unknown refresh token")
    opened, stored = await session.find(db, locked), await _load(db, shown)
    if opened is None or opened.expires_at <= asked.at:
        return Denied("the session has ended")
    held = await wallet_session.of(db, opened.id)
    if held is not None and await wallet_client.suspended(db, opened.client_id):
        return Denied("the wallet is suspended", "invalid_client")
    if (denied := _refusal(opened, stored, held, asked)) is not None:
        return denied
    child = await _exchange(db, opened, shown, stored, asked.at)
    return Rotated(opened, child, held) if child is not None else Denied("used before; the session is ended")


def _refusal(opened: Session, stored: _Stored, held: WalletSession | None, asked: Asked) -> Denied | None:
    if opened.jkt != asked.jkt or stored.expires_at <= asked.at:
        return Denied("bound to another key, or expired")
    if not asked.scopes <= frozenset(opened.scope.split()):
        return Denied(f"may hold {opened.scope}", "invalid_scope")
    # Draft attestation-based client authentication: the token is bound to the instance, not to its kind alone.
    if held is not None and held.instance not in {None, asked.instance}:
        return Denied("the session is an attested wallet's, and this request is not attested as its", "invalid_client")
    return None


async def _exchange(
    db: AsyncConnection, opened: Session, shown: ticket.Ticket, stored: _Stored, now: datetime
) -> str | None:
    """Give the child of a token; None, and the end of the session, for one that comes back."""
    child = ticket.Ticket(shown.subject, hmac.digest(stored.salt, shown.secret, "sha256"))
    if stored.used_at is None:
        await db.execute(update(tables.refresh).where(tables.refresh.c.hash == shown.hash).values(used_at=now))
        await _store(db, opened, child, stored.generation + 1, now)
    elif stored.child_used or now - stored.used_at > REPEATABLE:
        await session.end(db, opened.id, opened.subject, "refresh_reused", now)
        return None
    return child.text


async def _lock(db: AsyncConnection, shown: ticket.Ticket) -> UUID | None:
    owner = select(tables.refresh.c.session).where(tables.refresh.c.hash == shown.hash).scalar_subquery()
    columns = tables.session.c
    locked: UUID | None = await db.scalar(select(columns.id).where(columns.id == owner).with_for_update())
    return locked


async def _load(db: AsyncConnection, shown: ticket.Ticket) -> _Stored:
    mine, child = tables.refresh, tables.refresh.alias("child")
    rows = await db.execute(
        select(mine.c.generation, mine.c.salt, mine.c.expires_at, mine.c.used_at, child.c.used_at.is_not(None))
        .outerjoin(child, (child.c.session == mine.c.session) & (child.c.generation == mine.c.generation + 1))
        .where(mine.c.hash == shown.hash)
    )
    return _Stored(*rows.one())


async def _store(db: AsyncConnection, opened: Session, made: ticket.Ticket, generation: int, at: datetime) -> None:
    await db.execute(
        insert(tables.refresh).values(
            hash=made.hash,
            session=opened.id,
            subject=made.subject,
            generation=generation,
            salt=secrets.token_bytes(32),
            at=at,
            expires_at=min(at + opened.terms.idle, opened.expires_at),
        )
    )
