"""Challenges: 32 random bytes a passkey must sign within five minutes, once."""

import secrets
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import tables

LIFETIME = timedelta(minutes=5)

Purpose = Literal["registration", "assertion"]


class Spent(Exception):
    """There is no such challenge, it was answered before, or its five minutes are over."""


class Challenge(msgspec.Struct, frozen=True):
    """One challenge, as it is given out."""

    id: UUID
    challenge: bytes
    expires_at: datetime
    invitation: bytes | None


async def issue(db: AsyncConnection, purpose: Purpose, now: datetime, *, invitation: bytes | None = None) -> Challenge:
    """Make a challenge; a registration may be for the subject of an `invitation` (its hash)."""
    made = Challenge(ids.new(), secrets.token_bytes(32), now + LIFETIME, invitation)
    await db.execute(insert(tables.challenge).values(purpose=purpose, **msgspec.structs.asdict(made)))
    return made


async def spend(db: AsyncConnection, challenge: UUID, purpose: Purpose, now: datetime) -> Challenge:
    """Use a challenge up; raises Spent. An answer that is then refused gives it back: the story leaves nothing."""
    columns = tables.challenge.c
    row = await db.execute(
        update(tables.challenge)
        .where(columns.id == challenge, columns.purpose == purpose, columns.used_at.is_(None), columns.expires_at > now)
        .values(used_at=now)
        .returning(columns.id, columns.challenge, columns.expires_at, columns.invitation)
    )
    if (found := row.one_or_none()) is None:
        raise Spent
    return Challenge(*found)
