"""Clients that are machines: partners, regulators and services, who prove themselves with a key (RFC 7521, RFC 7523).

A client's `private_key_jwt` is believed once; the key is one of those registered for it, never one it brings along. It
holds the scopes it was registered with, of those its role may hold.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import client_key, gate, jose, scopes, subject, tables, token
from app.auth.client_key import ClientKey, KeyNotProved
from app.auth.events import ClientScoped
from app.auth.subject import Subject
from app.db import Story
from app.tables import event
from proof import journal

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: An assertion is made for the moment; one that would be good for longer is refused.
LIFETIME_MAX_S = 60
#: The `typ` by which a new key proves that its client holds it; as an assertion it is worth nothing.
KEY_PROOF = "key-proof+jwt"

ClientId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$(?!\n)")]


class NotRecognised(Exception):
    """The client is unknown or its assertion does not hold; `reason` is for the client's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadyRegistered(Exception):
    """There is a client of this id."""


class UnknownClient(Exception):
    """There is no client of this id."""


class Machine(msgspec.Struct, frozen=True):
    """A client that was recognised, and what it may ask for."""

    subject: Subject
    scopes: frozenset[str]


class _Header(msgspec.Struct, frozen=True):
    alg: jose.Algorithm
    kid: str | None = None
    typ: str | None = None
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


async def register(
    story: Story, new: Subject, jwks: Sequence[jose.Jwk], at: datetime, *, asked: frozenset[str] | None = None
) -> None:
    """Record a client; `new.name` is its id, `jwks` are the public keys it signs with, `asked` by default all scopes.

    Raises jose.Unreadable for a key that is private or of another kind, AlreadyRegistered, scopes.NotOfRole.
    """
    held = scopes.of_client(new.role, asked)
    for jwk in jwks:
        client_key.named(jwk)
    await story.speak_for(new.id)
    db = await story()
    await enrol(db, new, at, held=held)
    for jwk in jwks:
        await client_key.put(db, new.id, jwk, valid_from=at, actor="operator", at=at)


async def enrol(db: AsyncConnection, new: Subject, at: datetime, *, held: frozenset[str] | None = None) -> None:
    """Record a client that has no key yet, and its subject where that is new; raises AlreadyRegistered."""
    asked = sorted(scopes.of_client(new.role, held))
    await subject.register(db, new, at)
    row = insert(tables.client).values(id=new.name, subject=new.id, scopes=asked, at=at)
    if (await db.execute(row.on_conflict_do_nothing().returning(tables.client.c.id))).one_or_none() is None:
        raise AlreadyRegistered


async def narrow(story: Story, client_id: str, asked: frozenset[str], at: datetime) -> None:
    """Let a client ask for `asked` from its next token on; raises UnknownClient, scopes.NotOfRole."""
    if (found := await find(await story(), client_id)) is None:
        raise UnknownClient
    await story.speak_for(found)
    db = await story()
    who = await subject.admitted(db, found)
    held = tuple(sorted(scopes.of_client(who.role, asked)))
    await client_key.lock(db, found)
    await db.execute(update(tables.client).where(tables.client.c.subject == found).values(scopes=list(held)))
    fact = journal.Fact(aggregate=found, holder=found, at=at, actor="operator", event=ClientScoped(scopes=held))
    await journal.append(db, event, fact)


async def recognise(story: Story, assertion: str, *, issuer: str, now: datetime) -> Machine:
    """Believe a client's assertion, once, and speak for its subject; raises NotRecognised."""
    try:
        message, header, claims = _read(assertion, issuer, now.timestamp(), key_proof=False)
        owner = await _owner(await story(), claims.iss)
        await story.speak_for(owner)
        held = await client_key.valid(await story(), owner, now)
        _verify(message, header, held)
    except jose.Unreadable as error:
        raise NotRecognised(error.reason) from None
    db = await story()
    await _spend(db, claims, now)
    found = await subject.find(db, owner)
    if found is None or found.suspended_at is not None:
        raise NotRecognised("client is suspended")
    query = select(tables.client.c.scopes).where(tables.client.c.subject == owner)
    return Machine(found, scopes.allowed(found.role, (await db.execute(query)).scalar_one()))


async def prove_key(
    db: AsyncConnection, client_id: str, jwk: jose.Jwk, proof: str, *, issuer: str, now: datetime
) -> None:
    """Believe that the client holds the private key of `jwk`, by a proof it made just now; raises KeyNotProved."""
    try:
        message, header, claims = _read(proof, issuer, now.timestamp(), key_proof=True)
        _check_same(header.alg, jose.key_of(jwk).algorithm, "alg is not that of the key")
        _check_same(claims.iss, client_id, "iss is another client")
        jose.key_of(jwk).verify(message.signature, message.signed)
        await _spend(db, claims, now)
    except (jose.Unreadable, NotRecognised) as error:
        raise KeyNotProved(error.reason) from None


async def find(db: AsyncConnection, client_id: str) -> UUID | None:
    """Find the subject of a client."""
    found: UUID | None = await db.scalar(select(tables.client.c.subject).where(tables.client.c.id == client_id))
    return found


async def _spend(db: AsyncConnection, claims: _Claims, now: datetime) -> None:
    until = now + timedelta(seconds=LIFETIME_MAX_S + token.AHEAD_MAX_S)
    if not await gate.spend(db, f"client:{claims.iss}", claims.jti, until):
        raise NotRecognised("jti was used before")


async def _owner(db: AsyncConnection, client_id: str) -> UUID:
    if (found := await find(db, client_id)) is None:
        raise jose.Unreadable("unknown client")
    return found


def _check_same(given: str, expected: str, reason: str) -> None:
    if given != expected:
        raise jose.Unreadable(reason)


def _read(text: str, issuer: str, now_s: float, *, key_proof: bool) -> tuple[jose.Message, _Header, _Claims]:
    message = jose.split(text)
    header = jose.read(_header, message.header, "header")
    claims = jose.read(_claims, message.payload, "claims")
    if (header.typ == KEY_PROOF) is not key_proof:
        raise jose.Unreadable(f"typ is not that of {'a key-proof' if key_proof else 'an assertion'}")
    _check(header, claims, issuer, now_s)
    return message, header, claims


def _check(header: _Header, claims: _Claims, issuer: str, now_s: float) -> None:
    if header.crit is not None:
        raise jose.Unreadable("crit is not understood")
    if claims.sub != claims.iss:
        raise jose.Unreadable("sub is not iss")
    # Only ours: an assertion that also names another server could be carried on by it.
    if claims.aud not in {issuer, f"{issuer}/oauth/token", (issuer,), (f"{issuer}/oauth/token",)}:
        raise jose.Unreadable("aud is not this server alone")
    if not now_s < claims.exp <= now_s + LIFETIME_MAX_S + token.AHEAD_MAX_S:
        raise jose.Unreadable("exp is past or more than a minute ahead")
    if max(claims.iat or 0, claims.nbf or 0) > now_s + token.AHEAD_MAX_S:
        raise jose.Unreadable("made in the future")


def _verify(message: jose.Message, header: _Header, held: Sequence[ClientKey]) -> None:
    named = [each for each in held if header.kid is None or header.kid == each.kid]
    keys = [each.key for each in named if each.key.algorithm == header.alg]
    if not keys:
        raise jose.Unreadable("kid names no registered key")
    # Without a kid any of them may have signed: there are two while one replaces the other.
    *others, last = keys
    for key in others:
        with contextlib.suppress(jose.Unreadable):
            key.verify(message.signature, message.signed)
            return
    last.verify(message.signature, message.signed)
