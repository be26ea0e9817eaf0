"""Clients that are machines: partners, regulators and services, who prove themselves with a key (RFC 7521, RFC 7523).

A client's `private_key_jwt` is believed once; the key is one of those registered for it, never one it brings along.
"""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import gate, jose, subject, tables, token
from app.auth.subject import Subject
from app.db import Story

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: An assertion is made for the moment; one that would be good for longer is refused.
LIFETIME_MAX_S = 300

ClientId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$(?!\n)")]


class NotRecognised(Exception):
    """The client is unknown or its assertion does not hold; `reason` is for the client's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadyRegistered(Exception):
    """There is a client of this id."""


class _Header(msgspec.Struct, frozen=True):
    alg: jose.Algorithm
    kid: str | None = None
    crit: object = None


class _Claims(msgspec.Struct, frozen=True):
    iss: ClientId
    sub: str
    aud: str | tuple[str, ...]
    jti: jose.Jti
    exp: float
    iat: float | None = None
    nbf: float | None = None


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)


async def register(story: Story, new: Subject, jwks: list[jose.Jwk], at: datetime) -> None:
    """Record a client; `new.name` is its id and `jwks` are the public keys it signs with.

    Raises jose.Unreadable for a key that is private or of another kind, AlreadyRegistered.
    """
    for jwk in jwks:
        jose.key_of(jwk)
    await story.speak_for(new.id)
    db = await story()
    await subject.register(db, new, at)
    row = insert(tables.client).values(id=new.name, subject=new.id, jwks=msgspec.to_builtins(jwks), at=at)
    if (await db.execute(row.on_conflict_do_nothing().returning(tables.client.c.id))).one_or_none() is None:
        raise AlreadyRegistered


async def recognise(story: Story, assertion: str, *, issuer: str, now: datetime) -> Subject:
    """Believe a client's assertion, once, and speak for its subject; raises NotRecognised."""
    try:
        message = jose.split(assertion)
        header = jose.read(_header, message.header, "header")
        claims = jose.read(_claims, message.payload, "claims")
        _check(header, claims, issuer, now.timestamp())
        client = await _find(await story(), claims.iss)
        _verify(message, header, client[1])
    except jose.Unreadable as error:
        raise NotRecognised(error.reason) from None
    until = now + timedelta(seconds=LIFETIME_MAX_S + token.AHEAD_MAX_S)
    if not await gate.spend(await story(), f"client:{claims.iss}", claims.jti, until):
        raise NotRecognised("jti was used before")
    await story.speak_for(client[0])
    found = await subject.find(await story(), client[0])
    if found is None or found.suspended_at is not None:
        raise NotRecognised("client is suspended")
    return found


def _check(header: _Header, claims: _Claims, issuer: str, now_s: float) -> None:
    if header.crit is not None:
        raise jose.Unreadable("crit is not understood")
    if claims.sub != claims.iss:
        raise jose.Unreadable("sub is not iss")
    # Only ours: an assertion that also names another server could be carried on by it.
    if claims.aud not in {issuer, f"{issuer}/oauth/token", (issuer,), (f"{issuer}/oauth/token",)}:
        raise jose.Unreadable("aud is not this server alone")
    if not now_s < claims.exp <= now_s + LIFETIME_MAX_S + token.AHEAD_MAX_S:
        raise jose.Unreadable("exp is past or more than five minutes ahead")
    if max(claims.iat or 0, claims.nbf or 0) > now_s + token.AHEAD_MAX_S:
        raise jose.Unreadable("made in the future")


async def _find(db: AsyncConnection, client_id: str) -> tuple[UUID, list[jose.Jwk]]:
    columns = tables.client.c
    rows = await db.execute(select(columns.subject, columns.jwks).where(columns.id == client_id))
    if (row := rows.one_or_none()) is None:
        raise jose.Unreadable("unknown client")
    return row.subject, msgspec.convert(row.jwks, list[jose.Jwk])


def _verify(message: jose.Message, header: _Header, jwks: list[jose.Jwk]) -> None:
    named = [jwk for jwk in jwks if header.kid is None or header.kid == jwk.kid]
    keys = [key for key in map(jose.key_of, named) if key.algorithm == header.alg]
    if len(keys) != 1:
        raise jose.Unreadable("kid names no registered key")
    keys[0].verify(message.signature, message.signed)
