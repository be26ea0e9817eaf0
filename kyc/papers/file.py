"""A file a person sent: kept sealed, by what it is, until somebody uses it; of no use before a scanner has looked.

route     app/http/mobile/files.py   POST /v1/identity/files
takes     kyc/papers/media.py        take()
stores    kyc/papers/file.py         add()       <- you are here
scans     app/papers/scanning.py     at once, and by the worker where nobody answered
"""

import enum
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.papers import events, tables
from kyc.papers.media import Media, Taken
from proof import journal

FILES_MAX = 60
BYTES_MAX = 120_000_000


class Scan(enum.StrEnum):
    """What is known of a file; `waiting` is nothing yet, neither good nor bad."""

    WAITING = "waiting"
    CLEAN = "clean"
    INFECTED = "infected"


class TooManyFiles(Exception):
    """The person has as many files, or as much of them, as anybody may have."""


class UnknownFile(Exception):
    """There is no such file of this person."""


class NotUsable(Exception):
    """Nobody has looked at the file yet, or something was found in it."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.scan = scan


class Clean(msgspec.Struct, frozen=True):
    """The scanner found nothing."""

    scanner: str


class Infected(msgspec.Struct, frozen=True):
    """The scanner knows what is in it: `found` is its name for it."""

    scanner: str
    found: str


Looked = Clean | Infected


class Unscanned(Exception):
    """The scanner did not answer, or not with an answer: nothing is known. `trouble` says in a line what came."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Scanner(Protocol):
    """The port to a scanner of malware; app/partners/clamd.py is its adapter."""

    async def scan(self, content: bytes) -> Looked:
        """Look at a file; raises Unscanned."""
        ...


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file without its content."""

    id: UUID
    resident: UUID
    media: Media
    size: int
    width: int | None
    height: int | None
    pages: int | None
    sha256: bytes
    sent_sha256: bytes
    removed: tuple[str, ...]
    scan: Scan
    at: datetime


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept: `sealed` for (kyc.file, content, id), `looked` what a scanner said, None where none did."""

    id: UUID
    resident: UUID
    taken: Taken
    sent_sha256: bytes
    sealed: bytes
    looked: Clean | None
    at: datetime


async def known(db: AsyncConnection, resident: UUID, sent: bytes) -> File | None:
    """Find a file of the resident by the digest of what was sent: the same bytes are the same file."""
    mine = (tables.file.c.resident == resident) & (tables.file.c.sent_sha256 == sent)
    row = (await db.execute(select(*_COLUMNS).where(mine))).one_or_none()
    return _read(row) if row else None


async def add(db: AsyncConnection, sent: Sent, *, actor: str) -> File:
    """Keep a file, or find the one that was sent before; raises TooManyFiles."""
    await db.execute(_TURN, {"resident": str(sent.resident)})
    if (found := await known(db, sent.resident, sent.sent_sha256)) is not None:
        return found
    held = tables.file.c
    counted = select(func.count(), func.coalesce(func.sum(held.size), 0)).where(held.resident == sent.resident)
    files, size = (await db.execute(counted)).one()
    taken = sent.taken
    if files >= FILES_MAX or size + len(taken.content) > BYTES_MAX:
        raise TooManyFiles
    scan = {"scan": Scan.WAITING, "due_at": text("now()")}
    if sent.looked is not None:
        scan = {"scan": Scan.CLEAN, "scanner": sent.looked.scanner, "scanned_at": sent.at}
    row = {
        "id": sent.id,
        "resident": sent.resident,
        "media": taken.media,
        "size": len(taken.content),
        "width": taken.width,
        "height": taken.height,
        "pages": taken.pages,
        "sha256": taken.sha256,
        "sent_sha256": sent.sent_sha256,
        "removed": list(taken.removed),
        "content": sent.sealed,
        "at": sent.at,
    }
    await db.execute(insert(tables.file).values(**row, **scan))
    told = events.FileSent(sent.id, taken.media, len(taken.content), taken.sha256.hex(), taken.removed)
    await _tell(db, sent.id, sent.resident, told, at=sent.at, actor=actor)
    if sent.looked is not None:
        seen = events.FileScanned(sent.id, sent.looked.scanner)
        await _tell(db, sent.id, sent.resident, seen, at=sent.at, actor=actor)
    found = await known(db, sent.resident, sent.sent_sha256)
    assert found is not None, "it was stored above"
    return found


async def find(db: AsyncConnection, wanted: UUID) -> File:
    """Find a file among those the reader may see; raises UnknownFile."""
    row = (await db.execute(select(*_COLUMNS).where(tables.file.c.id == wanted))).one_or_none()
    if row is None:
        raise UnknownFile
    return _read(row)


async def of_resident(db: AsyncConnection, resident: UUID, *, before: UUID | None, limit: int) -> list[File]:
    """List a resident's files, newest first."""
    query = select(*_COLUMNS).where(tables.file.c.resident == resident)
    if before is not None:
        query = query.where(tables.file.c.id < before)
    rows = await db.execute(query.order_by(tables.file.c.id.desc()).limit(limit))
    return [_read(row) for row in rows]


async def content(db: AsyncConnection, wanted: UUID) -> tuple[File, bytes]:
    """Load a file with its sealed content; raises UnknownFile, NotUsable."""
    found = await find(db, wanted)
    sealed = await db.scalar(select(tables.file.c.content).where(tables.file.c.id == wanted))
    if found.scan is not Scan.CLEAN or sealed is None:
        raise NotUsable(found.scan)
    return found, sealed


class Due(msgspec.Struct, frozen=True):
    """A file this worker has until `due_at`."""

    id: UUID
    resident: UUID
    content: bytes
    tries: int
    due_at: datetime


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> Sequence[Due]:
    """Take files nobody looked at yet, and keep other workers from them `until` (machine's clock)."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [Due(**row._asdict()) for row in rows]


async def later(db: AsyncConnection, due: Due, *, due_at: datetime) -> None:
    """Try again at `due_at`."""
    mine = (tables.file.c.id == due.id) & (tables.file.c.due_at == due.due_at)
    await db.execute(update(tables.file).where(mine).values(due_at=due_at))


async def scanned(db: AsyncConnection, due: Due, looked: Looked, *, at: datetime, actor: str) -> bool:
    """Note what the scanner said; what it found something in goes. Answers whether nobody else noted it before."""
    infected = isinstance(looked, Infected)
    found = looked.found if isinstance(looked, Infected) else None
    values: dict[str, object] = {"scanner": looked.scanner, "found": found, "scanned_at": at, "due_at": None}
    values |= {"scan": Scan.INFECTED, "content": None} if infected else {"scan": Scan.CLEAN}
    mine = (tables.file.c.id == due.id) & (tables.file.c.due_at == due.due_at)
    noted = await db.scalar(update(tables.file).where(mine).values(values).returning(tables.file.c.id))
    if noted is not None:
        told = events.FileScanned(due.id, looked.scanner, found)
        await _tell(db, due.id, due.resident, told, at=at, actor=actor)
    return noted is not None


def digest(sent: bytes) -> bytes:
    """Digest what was sent, by which a repeat is known."""
    return hashlib.sha256(sent).digest()


async def _tell(
    db: AsyncConnection, aggregate: UUID, resident: UUID, event: msgspec.Struct, *, at: datetime, actor: str
) -> None:
    fact = journal.Fact(aggregate=aggregate, holder=resident, at=at, actor=actor, event=event)
    await journal.append(db, kyc_tables.event, fact)


def _read(row: object) -> File:
    return msgspec.convert(row, File, from_attributes=True)


_COLUMNS = [tables.file.c[name] for name in File.__struct_fields__]
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.file:' || :resident, 0))")
_CLAIM = text(
    """
    UPDATE kyc.file SET due_at = :until, tries = tries + 1
    WHERE id IN (
        SELECT id FROM kyc.file WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, resident, content, tries, due_at
    """
)
