"""A statement as a document: written at once where it is short, by the worker where somebody would wait for it.

asks    POST /v1/statements/{id}/documents   request()
makes   app/statements/document.py           step()           <- you are here, a step of the worker
gives   GET /v1/statements/{id}/document     written() or parts()

What the worker made is kept for a week in sealed parts, so neither it nor the API ever holds a long one as a whole.
The same statement gives the same bytes each time, in each format and language.
"""

import asyncio
import enum
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Row as DbRow
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from app.db import transaction
from app.house import House
from app.language import Language
from app.statements import issue, paper
from app.statements.camt053 import Camt053
from app.statements.paper import Paper, Row
from app.statements.printed import Pdf
from app.statements.sheets import Csv, Json
from app.vault import Vault
from proof.kms import Kms
from wallet import statement, tables
from wallet.statement import Statement

LIFETIME = timedelta(days=7)
PART_BYTES = 1_000_000
_AFTER_FAULT = timedelta(minutes=5)
_PLACE = {"table": "wallet.document_part", "column": "body"}

_log = structlog.get_logger()


class Format(enum.StrEnum):
    """What a statement can be written as."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"
    CAMT053 = "camt053"


class Writer(Protocol):
    """Writes a statement piece by piece."""

    media_type: str
    suffix: str

    def __init__(self, head: Paper) -> None: ...

    def begin(self) -> bytes:
        """Write what stands before the rows."""

    def rows(self, rows: list[Row]) -> bytes:
        """Write some rows."""

    def end(self) -> bytes:
        """Write what stands behind them."""


WRITERS: dict[Format, type[Writer]] = {
    Format.JSON: Json,
    Format.CSV: Csv,
    Format.PDF: Pdf,
    Format.CAMT053: Camt053,
}
#: Up to so many legs a document is written while the caller waits: well below a second, a PDF of 500 rows too.
INLINE_MAX = {Format.JSON: 2_000, Format.CSV: 2_000, Format.CAMT053: 2_000, Format.PDF: 500}
#: What is longer is no use on paper, and would be laid out for longer than a transaction may wait.
PDF_MAX = 5_000


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document the worker makes or has made."""

    id: UUID
    statement: UUID
    holder: UUID
    format: Format
    language: Language
    asked_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    size: int | None
    sha256: bytes | None


class NotMade(Exception):
    """The document is too long to be written at once: it is asked for first, and fetched when it is made."""


class TooLong(Exception):
    """So many rows are not printed: `most` is how many are."""

    def __init__(self) -> None:
        super().__init__()
        self.most = PDF_MAX


_FIELDS = [tables.document.c[name] for name in Document.__struct_fields__]


def is_short(made: Statement, format_: Format) -> bool:
    """Say whether the document is written while the caller waits."""
    return made.legs <= INLINE_MAX[format_]


async def written(db: AsyncConnection, kms: Kms, made: Statement, head: Paper, format_: Format) -> bytes:
    """Write a short document; the story speaks for its owner."""
    return b"".join([piece async for piece in _pieces(db, kms, made, head, format_)])


async def request(
    db: AsyncConnection, made: Statement, format_: Format, language: Language, *, at: datetime
) -> Document:
    """Have a document made, or find the one that is; raises TooLong."""
    if format_ is Format.PDF and made.legs > PDF_MAX:
        raise TooLong
    asked = {"statement": made.id, "holder": made.holder, "format": format_, "language": language}
    row = upsert(tables.document).values(id=ids.new(), asked_at=at, due_at=at, **asked).on_conflict_do_nothing()
    await db.execute(row)
    found = await _find(db, made.id, format_, language)
    assert found is not None, "it is there, or was"
    return found


async def ready(db: AsyncConnection, made: Statement, format_: Format, language: Language, *, at: datetime) -> Document:
    """Find a document that is made; raises NotMade."""
    found = await _find(db, made.id, format_, language)
    if found is None or found.expires_at is None or found.expires_at <= at:
        raise NotMade
    return found


async def parts(house: House, holder: UUID, document: UUID) -> AsyncIterator[bytes]:
    """Give a made document piece by piece, each in a transaction of its own; nothing more where it is gone by then."""
    number = 0
    while True:
        async with transaction(house.api, holder=holder, audience="resident") as story:
            db = await story()
            keys = await vault.existing(db, house.keys.kms, holder)
            column = tables.document_part.c
            mine = (column.document == document) & (column.number == number)
            part = (await db.execute(select(column.id, column.body).where(mine))).one_or_none()
        if part is None:
            return
        yield keys.open(part.body, **_PLACE, row=part.id)
        number += 1


async def step(house: House) -> int:
    """Read the rows of one long statement, make one document, and let go of those whose week is over."""
    async with transaction(house.worker) as story:
        db = await story()
        gone = delete(tables.document).where(tables.document.c.expires_at <= story.now)
        over = (await db.execute(gone)).rowcount
        unread = await statement.due(db, story.now)
        if unread is not None:
            await statement.complete(db, unread, await statement.sum_up(db, unread))
    return int(over) + (unread is not None) + await _one(house)


async def _one(house: House) -> bool:
    due: Document | None = None
    try:
        async with transaction(house.worker) as story:
            db = await story()
            row = (await db.execute(_DUE, {"now": story.now})).one_or_none()
            due = None if row is None else _document(row)
            if due is not None:
                await _make(house, db, due, story.now)
    except Exception as error:
        if due is None:
            raise
        _log.error("document_failed", step="statements", error=type(error).__name__, exc_info=error)
        async with transaction(house.worker) as story:
            later = update(tables.document).where(tables.document.c.id == due.id)
            await (await story()).execute(later.values(due_at=story.now + _AFTER_FAULT))
    return due is not None


async def _make(house: House, db: AsyncConnection, due: Document, at: datetime) -> None:
    made = await statement.find(db, due.statement)
    whole, size, number = hashlib.sha256(), 0, 0
    # Another connection, because it is another role: that of the person.
    async with transaction(house.api, holder=made.holder, audience="resident") as reading:
        own = await reading()
        keys = await vault.existing(own, house.keys.kms, made.holder)
        head = paper.head(made, issue.letterhead(keys, made), due.language)
        async for part in _joined(_pieces(own, house.keys.kms, made, head, due.format)):
            whole.update(part)
            size += len(part)
            await _keep(db, keys, due, part, number=number)
            number += 1
    column = tables.document.c
    told = {"due_at": None, "ready_at": at, "expires_at": at + LIFETIME, "size": size, "sha256": whole.digest()}
    await db.execute(update(tables.document).where(column.id == due.id).values(told))


async def _keep(db: AsyncConnection, keys: Vault, due: Document, part: bytes, *, number: int) -> None:
    row = ids.new()
    sealed = keys.seal(part, **_PLACE, row=row)
    kept = {"id": row, "document": due.id, "holder": due.holder, "number": number, "body": sealed}
    await db.execute(insert(tables.document_part).values(kept))


async def _pieces(db: AsyncConnection, kms: Kms, made: Statement, head: Paper, format_: Format) -> AsyncIterator[bytes]:
    writer = WRITERS[format_](head)
    yield writer.begin()
    async for rows in paper.rows(db, kms, made):
        yield writer.rows(rows)
    # Laying out takes its time: others are served meanwhile.
    yield await asyncio.to_thread(writer.end)


async def _joined(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut what is written into parts of one size."""
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    if waiting:
        yield bytes(waiting)


async def _find(db: AsyncConnection, made: UUID, format_: Format, language: Language) -> Document | None:
    column = tables.document.c
    wanted = (column.statement == made) & (column.format == format_) & (column.language == language)
    row = (await db.execute(select(*_FIELDS).where(wanted))).one_or_none()
    return None if row is None else _document(row)


def _document(row: DbRow[tuple[object, ...]]) -> Document:
    return msgspec.convert(row, Document, from_attributes=True)


_DUE = text(
    f"""
    SELECT {", ".join(Document.__struct_fields__)} FROM wallet.document
    WHERE due_at <= :now AND EXISTS (
        SELECT FROM wallet.statement WHERE statement.id = document.statement AND statement.due_at IS NULL
    ) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    """  # noqa: S608  names of a Struct
)
