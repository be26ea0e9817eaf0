"""Challenges: 32 random bytes that must be signed within five minutes, once, in the flow they were given out for."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import tables, token

LIFETIME = timedelta(minutes=5)

Purpose = Literal["registration", "assertion", "recovery", "attestation"]


class Spent(Exception):
    """There is no such challenge in this flow, it was answered before, or its five minutes are over."""

    headers: Mapping[str, str] = token.Missing.headers


class Challenge(msgspec.Struct, frozen=True):
    """One challenge, as it is given out."""

    id: UUID
    challenge: bytes
    expires_at: datetime
    invitation: bytes | None


async def issue(
    db: AsyncConnection,
    purpose: Purpose,
    now: datetime,
    *,
    invitation: bytes | None = None,
    bound_to: UUID | None = None,
) -> Challenge:
    """Make a challenge; a registration may be for the subject of an `invitation` (its hash).

    One of a recovery or an attestation is `bound_to` that recovery or session.
    """
    made = Challenge(ids.new(), secrets.token_bytes(32), now + LIFETIME, invitation)
    row = msgspec.structs.asdict(made) | {"purpose": purpose, "binding": _binding(purpose, bound_to)}
    await db.execute(insert(tables.challenge).values(row))
    return made


async def spend(
    db: AsyncConnection, challenge: UUID, purpose: Purpose, now: datetime, *, bound_to: UUID | None = None
) -> Challenge:
    """Use a challenge up; raises Spent. An answer that is then refused gives it back: the story leaves nothing."""
    columns = tables.challenge.c
    row = await db.execute(
        update(tables.challenge)
        .where(columns.id == challenge, columns.purpose == purpose, columns.used_at.is_(None), columns.expires_at > now)
        .where(columns.binding.is_not_distinct_from(_binding(purpose, bound_to)))
        .values(used_at=now)
        .returning(columns.id, columns.challenge, columns.expires_at, columns.invitation)
    )
    if (found := row.one_or_none()) is None:
        raise Spent
    return Challenge(*found)


def _binding(purpose: Purpose, bound_to: UUID | None) -> bytes | None:
    return None if bound_to is None else sha256(purpose.encode() + bound_to.bytes).digest()
