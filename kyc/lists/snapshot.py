"""Versions of lists, stored by content: an entity once, a version as the digests of its entities.

fetches    app/partners/agencies.py   step()
reads      kyc/lists/formats          what the publisher wrote, as entities
stores     kyc/lists/snapshot.py      replace()         <- you are here
follows    kyc/lists/edition.py       all lists in force together

A version of the OFAC list with ten changed entries costs ten entities and 32 bytes for each of the others. Whatever was
found once names an entity by the digest of what the list said then; it can be read as long as the house stands.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import events, tables
from kyc.lists import edition
from kyc.lists.tables import list_snapshot, listed_entity
from kyc.names.entity import Entity
from kyc.screening.standard import RULES
from proof import journal

_ACTOR = "service:lists"
_AT_ONCE = 2_000
_DIGEST_BYTES = 32
#: From so many entries or names on a list loses no more than a tenth of them at once; a shorter one half its entries.
_LONG_FROM = 1_000
_ENTRIES = "entries"
_entity = msgspec.json.Decoder(Entity)


class ListCutShort(Exception):
    """The new content has so many fewer entries, or names, than the old one: a broken export rather than news."""

    def __init__(self, source: str, what: str, before: int, after: int) -> None:
        super().__init__(f"{source}: {after} {what} after {before}")
        self.source = source
        self.what = what
        self.before = before
        self.after = after


class Listed(msgspec.Struct, frozen=True):
    """An entity with the digest of what its list says of it."""

    sha256: bytes
    entity: Entity


def written(entity: Entity) -> bytes:
    """Write an entity for good: one text for one content, names and dates in order."""
    return msgspec.json.encode(
        msgspec.structs.replace(
            entity,
            names=tuple(sorted(set(entity.names))),
            born=tuple(sorted(set(entity.born))),
            nationalities=tuple(sorted(set(entity.nationalities))),
            programs=tuple(sorted(set(entity.programs))),
        )
    )


async def replace(
    db: AsyncConnection, source: str, entities: Sequence[Entity], *, etag: str, at: datetime, due_at: datetime
) -> bool:
    """Put `entities` in force for `source`, whose row the caller holds; answers whether anything changed.

    Raises ListCutShort; the old list then stays in force.
    """
    before = (await db.execute(_BEFORE, {"source": source})).one()
    bodies: dict[bytes, tuple[str, bytes]] = {}
    names: dict[bytes, int] = {}
    for entity in entities:
        body = written(entity)
        digest = hashlib.sha256(body).digest()
        bodies[digest], names[digest] = (entity.id, body), len(set(entity.names))
    members = b"".join(sorted(bodies))
    digest = hashlib.sha256(members).digest()
    was = set(split(before.members or b""))
    _compare(source, _ENTRIES, len(was), len(bodies))
    gone = sum(len(each.entity.names) for each in await load(db, was - bodies.keys()))
    _compare(source, "names", gone + sum(names[each] for each in was & names.keys()), sum(names.values()))
    await _store(db, source, {each: bodies[each] for each in bodies.keys() - was})
    values = {"digest": digest, "entries": len(bodies), "members": members, "at": at}
    await db.execute(_SNAPSHOT, values)
    await db.execute(_IN_FORCE, {"source": source, "digest": digest, "etag": etag, "at": at, "due_at": due_at})
    if before.digest == digest:
        return False
    number = await edition.issue(db, at=at, rules=RULES, source=source, digest=digest)
    told = events.ListReplaced(
        source,
        digest.hex(),
        len(bodies),
        added=len(bodies.keys() - was),
        removed=len(was - bodies.keys()),
        edition=number,
    )
    await journal.append(db, tables.event, journal.Fact(aggregate=aggregate(source), at=at, actor=_ACTOR, event=told))
    return True


def aggregate(source: str) -> UUID:
    """Name the list of `source` in the journal."""
    return uuid5(NAMESPACE_URL, f"urn:eresidency:list:{source}")


async def members(db: AsyncConnection, digest: bytes) -> tuple[bytes, ...]:
    """Read the digests of the entities of a version."""
    found = await db.scalar(select(list_snapshot.c.members).where(list_snapshot.c.digest == digest))
    assert found is not None, "a version refers to a snapshot"
    return split(found)


async def load(db: AsyncConnection, digests: Collection[bytes]) -> tuple[Listed, ...]:
    """Read entities by their digests, in the order of these."""
    wanted, found = sorted(digests), list[Listed]()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = await db.execute(_LOAD, {"digests": part})
        found += [Listed(bytes(row.sha256), _entity.decode(row.body)) for row in rows]
    assert len(found) == len(wanted), "entities are never deleted"
    return tuple(found)


async def find(db: AsyncConnection, digest: bytes) -> Entity:
    """Read one entity as a list once had it."""
    body = await db.scalar(select(listed_entity.c.body).where(listed_entity.c.sha256 == digest))
    assert body is not None, "an alert refers to an entity"
    return _entity.decode(body)


def split(members_: bytes) -> tuple[bytes, ...]:
    """Take the digests of a version apart."""
    return tuple(members_[start : start + _DIGEST_BYTES] for start in range(0, len(members_), _DIGEST_BYTES))


def _compare(source: str, what: str, before: int, after: int) -> None:
    """Refuse a list that lost too much: few are freed at once, and an old list that stays lets nobody through."""
    cut = after * 10 < before * 9 if before >= _LONG_FROM else after * 2 < before and what == _ENTRIES
    if cut:
        raise ListCutShort(source, what, before, after)


async def _store(db: AsyncConnection, source: str, bodies: dict[bytes, tuple[str, bytes]]) -> None:
    rows = list(bodies.items())
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        values = {"source": source, "digests": _each(part, 0), "entities": _each(part, 1), "bodies": _each(part, 2)}
        await db.execute(_ENTITIES, values)


def _each(rows: Iterable[tuple[bytes, tuple[str, bytes]]], place: int) -> list[str | bytes]:
    return [(digest, entity, body)[place] for digest, (entity, body) in rows]


_BEFORE = text(
    """
    SELECT held.digest, snapshot.members
    FROM kyc.list_source AS held LEFT JOIN kyc.list_snapshot AS snapshot ON snapshot.digest = held.digest
    WHERE held.source = :source FOR UPDATE OF held
    """
)
_SNAPSHOT = text(
    """
    INSERT INTO kyc.list_snapshot (digest, entries, members, at) VALUES (:digest, :entries, :members, :at)
    ON CONFLICT (digest) DO NOTHING
    """
)
_ENTITIES = text(
    """
    INSERT INTO kyc.listed_entity (sha256, source, entity, body)
    SELECT digest, :source, entity, body
    FROM unnest(CAST(:digests AS bytea[]), CAST(:entities AS text[]), CAST(:bodies AS bytea[]))
        AS row (digest, entity, body)
    ON CONFLICT (sha256) DO NOTHING
    """
)
_IN_FORCE = text(
    """
    UPDATE kyc.list_source SET digest = :digest, etag = :etag, checked_at = :at, due_at = :due_at WHERE source = :source
    """
)
_LOAD = text("SELECT sha256, body FROM kyc.listed_entity WHERE sha256 = ANY (:digests) ORDER BY sha256")
