"""The lists people are screened against: read, recognised by content, and replaced as a whole.

A list is stored under the digest of its content, so that the same content is stored once and a result names exactly
what it was found in.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import events, names, tables
from proof import journal

_ENTRIES_MAX = 1_000_000
_AT_ONCE = 2_000


class Entry(msgspec.Struct, frozen=True, order=True):
    """One entity: its own id in the list, every name it goes by, dates or years of birth as ISO text."""

    id: str
    names: tuple[str, ...]
    born: tuple[str, ...] = ()


class BadList(Exception):
    """The content is no list, or an entry of it can't be read."""


class ListCutShort(Exception):
    """The new content has less than half the entries of the old one: a broken export rather than news."""

    def __init__(self, source: str, before: int, after: int) -> None:
        super().__init__(f"{source}: {after} entries after {before}")
        self.source = source
        self.before = before
        self.after = after


def from_json(content: bytes) -> tuple[Entry, ...]:
    """Read `[{"id", "names": […], "born": […]}, …]`; raises BadList."""
    try:
        return _sound(msgspec.json.decode(content, type=tuple[Entry, ...]))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadList from error


def from_csv(content: bytes) -> tuple[Entry, ...]:
    """Read the columns id, name and born, one line for each name; lines with one id are one entity. Raises BadList."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")), restval="", strict=True):
            known, born = found.setdefault(row["id"], ({}, {}))
            known[row["name"]] = None
            if row["born"]:
                born[row["born"]] = None
    except (UnicodeDecodeError, csv.Error, KeyError) as error:
        raise BadList from error
    return _sound(tuple(Entry(id_, tuple(known), tuple(born)) for id_, (known, born) in found.items()))


async def replace(
    db: AsyncConnection, source: str, entries: Sequence[Entry], *, etag: str, at: datetime, due_at: datetime
) -> bool:
    """Put `entries` in force for `source`, whose row the caller holds; answers whether anything changed.

    Raises ListCutShort; the old list then stays in force.
    """
    digest = hashlib.sha256(msgspec.json.encode(sorted(entries))).digest()
    before = (await db.execute(_BEFORE, {"source": source})).one()
    if before.digest is not None and 2 * len(entries) < before.entries:
        raise ListCutShort(source, before.entries, len(entries))
    if await _is_new(db, digest, len(entries), at):
        await _store(db, digest, entries)
    values = {"source": source, "digest": digest, "etag": etag, "at": at, "due_at": due_at}
    await db.execute(_IN_FORCE, values)
    if before.digest == digest:
        return False
    replaced = events.ListReplaced(source, digest.hex(), len(entries))
    await journal.append(
        db, tables.event, journal.Fact(aggregate=aggregate(source), at=at, actor="service:worker", event=replaced)
    )
    return True


def aggregate(source: str) -> UUID:
    """Name the list of `source` in the journal."""
    return uuid5(NAMESPACE_URL, f"urn:eresidency:list:{source}")


def _sound(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if len(entries) > _ENTRIES_MAX or len({entry.id for entry in entries}) != len(entries):
        raise BadList
    if not all(entry.id and entry.names and all(map(names.normalise, entry.names)) for entry in entries):
        raise BadList
    if any("\0" in text_ for entry in entries for text_ in (entry.id, *entry.names, *entry.born)):
        raise BadList  # no text of PostgreSQL holds it
    return entries


async def _is_new(db: AsyncConnection, digest: bytes, entries: int, at: datetime) -> bool:
    stored = await db.execute(_SNAPSHOT, {"digest": digest, "entries": entries, "at": at})
    return stored.rowcount == 1


async def _store(db: AsyncConnection, digest: bytes, entries: Sequence[Entry]) -> None:
    rows = [
        {"entity": entry.id, "name": name, "normal": normal, "born": entry.born, "keys": sorted(names.keys(normal))}
        for entry in entries
        for name, normal in {name: names.normalise(name) for name in entry.names}.items()
    ]
    for start in range(0, len(rows), _AT_ONCE):
        part = msgspec.json.encode(rows[start : start + _AT_ONCE]).decode()
        await db.execute(_NAMES, {"digest": digest, "rows": part})


_BEFORE = text(
    """
    SELECT held.digest, snapshot.entries
    FROM kyc.list_source AS held LEFT JOIN kyc.list_snapshot AS snapshot ON snapshot.digest = held.digest
    WHERE held.source = :source FOR UPDATE OF held
    """
)
_SNAPSHOT = text(
    """
    INSERT INTO kyc.list_snapshot (digest, entries, at) VALUES (:digest, :entries, :at) ON CONFLICT (digest) DO NOTHING
    """
)
_NAMES = text(
    """
    INSERT INTO kyc.listed_name (digest, entity, name, normal, born, keys)
    SELECT :digest, entity, name, normal, born, keys
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS row (entity text, name text, normal text, born text[], keys text[])
    """
)
_IN_FORCE = text(
    """
    UPDATE kyc.list_source SET digest = :digest, etag = :etag, checked_at = :at, due_at = :due_at WHERE source = :source
    """
)
