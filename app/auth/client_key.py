"""Keys of clients: each client has several, so that one replaces another while requests are under way.

A key is believed in `[valid_from, valid_to)` by the real clock: for the client's assertions (app/auth/client.py), its
messages (app/auth/message_signature.py) and, where it is Ed25519, its webhooks (app/partners/registry.py). It is never
deleted: retired, it proves what was signed with it before.

adds      POST   /v1/partner/keys          with a proof that the client holds the new key
retires   DELETE /v1/partner/keys/{kid}    from a date on, and never the last one
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Select, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import jose, tables
from app.auth.events import ClientKeyAdded, ClientKeyRetired
from app.auth.jose import Jwk
from app.tables import event
from proof import journal

#: How long a key that is being replaced is believed, unless its client says otherwise.
GRACE = timedelta(days=1)
GRACE_MAX = timedelta(days=30)
#: More keys at a time than a rotation needs would only be more to steal.
VALID_MAX = 8
#: It stands in addresses and in signatures.
_KID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


class UnknownKey(Exception):
    """The caller has no such key, or it is retired already."""

    def __init__(self, kid: str) -> None:
        super().__init__(kid)
        self.kid = kid


class KeyNotProved(Exception):
    """The caller did not show that it holds the new key; `reason` is for its developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyKnown(Exception):
    """The client has, or had, this key, or another one under this kid: a retired key does not come back."""


class KeyNeeded(Exception):
    """It is the last key that stays: add the next one first."""


class TooManyKeys(Exception):
    """The client has as many keys as it may; retire one first."""


class ClientKey(msgspec.Struct, frozen=True):
    """A key and the time in which it is believed; `valid_to` is None until somebody retires it."""

    kid: str
    thumbprint: str
    jwk: Jwk
    valid_from: datetime
    valid_to: datetime | None

    @property
    def key(self) -> jose.Key:
        """What verifies."""
        return jose.key_of(self.jwk)


def named(jwk: Jwk) -> str:
    """Give the name a key goes by: the one its owner chose, else its thumbprint. Raises jose.Unreadable."""
    thumbprint = jose.key_of(jwk).thumbprint
    kid = jwk.kid if isinstance(jwk.kid, str) else thumbprint
    if not _KID.fullmatch(kid):
        raise jose.Unreadable("kid is not 1 to 64 letters, digits, full stops, tildes, hyphens or underscores")
    return kid


async def all_of(db: AsyncConnection, client: UUID) -> list[ClientKey]:
    """List every key `client` ever had, the oldest first."""
    rows = await db.execute(_of(client).order_by(tables.client_key.c.valid_from, tables.client_key.c.kid))
    return [_key(row) for row in rows]


async def valid(db: AsyncConnection, client: UUID, now: datetime) -> list[ClientKey]:
    """List the keys that are believed of `client` at `now` (real clock), the newest first."""
    columns = tables.client_key.c
    standing = (columns.valid_from <= now) & or_(columns.valid_to.is_(None), columns.valid_to > now)
    rows = await db.execute(_of(client).where(standing).order_by(columns.valid_from.desc(), columns.kid))
    return [_key(row) for row in rows]


async def add(db: AsyncConnection, client: UUID, jwk: Jwk, *, actor: str, at: datetime) -> ClientKey:
    """Believe one more key of a client; raises KeyKnown, TooManyKeys, jose.Unreadable."""
    await lock(db, client)
    if len(await valid(db, client, at)) >= VALID_MAX:
        raise TooManyKeys
    return await put(db, client, jwk, valid_from=at, actor=actor, at=at)


async def put(
    db: AsyncConnection, client: UUID, jwk: Jwk, *, valid_from: datetime, actor: str, at: datetime
) -> ClientKey:
    """Believe a public key from `valid_from` on, however many there are; raises KeyKnown, jose.Unreadable."""
    await lock(db, client)
    public = Jwk(kty=jwk.kty, crv=jwk.crv, x=jwk.x, y=jwk.y)
    added = ClientKey(named(jwk), jose.key_of(jwk).thumbprint, public, valid_from, None)
    row = {"subject": client, **msgspec.structs.asdict(added), "jwk": msgspec.to_builtins(public)}
    new = insert(tables.client_key).values(row).on_conflict_do_nothing().returning(tables.client_key.c.kid)
    if (await db.execute(new)).one_or_none() is None:
        raise KeyKnown
    await _record(db, client, ClientKeyAdded(kid=added.kid, thumbprint=added.thumbprint), actor, at)
    return added


async def retire(
    db: AsyncConnection, client: UUID, kid: str, *, until: datetime, actor: str, at: datetime
) -> ClientKey:
    """Believe a key no longer from `until` on; raises UnknownKey, and KeyNeeded where no other key would be left."""
    await lock(db, client)
    held = await valid(db, client, at)
    found = next((each for each in held if each.kid == kid), None)
    if found is None:
        raise UnknownKey(kid)
    if found.valid_to is not None and found.valid_to <= until:
        return found
    if not any(each.valid_to is None for each in held if each is not found):
        raise KeyNeeded
    columns = tables.client_key.c
    mine = (columns.subject == client) & (columns.kid == kid)
    await db.execute(update(tables.client_key).where(mine).values(valid_to=until))
    await _record(db, client, ClientKeyRetired(kid=kid, until=until), actor, at)
    return msgspec.structs.replace(found, valid_to=until)


async def lock(db: AsyncConnection, client: UUID) -> None:
    """Let nobody else change this client's keys meanwhile."""
    await db.execute(select(tables.client.c.id).where(tables.client.c.subject == client).with_for_update())


def _of(client: UUID) -> Select[tuple[object, ...]]:
    columns = tables.client_key.c
    wanted = (columns.kid, columns.thumbprint, columns.jwk, columns.valid_from, columns.valid_to)
    return select(*wanted).where(columns.subject == client)


def _key(row: Sequence[object]) -> ClientKey:
    return msgspec.convert(dict(zip(ClientKey.__struct_fields__, row, strict=True)), ClientKey)


async def _record(
    db: AsyncConnection, client: UUID, fact: ClientKeyAdded | ClientKeyRetired, actor: str, at: datetime
) -> None:
    told = journal.Fact(aggregate=client, holder=client, at=at, actor=actor, event=fact)
    await journal.append(db, event, told)
