"""What two people write to each other with a payment: a message, and by which names they know each other.

Never in the ledger: its rows are hashed and live for ever. The row has the id of the transfer, request or order it is
about and a key of its own (app/rowkey.py); the two see it, and it goes with whichever of them is erased first.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import rowkey
from app.payments import tables
from app.rowkey import Cell
from proof.kms import Kms

_TABLE = "app.payment_note"


class Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`text` is what was written; the names are masked, the address is what the payee was found by."""

    text: str = ""
    payer: str = ""
    payee: str = ""
    address: str = ""


class Note(msgspec.Struct, frozen=True):
    """A note that is to be stored, sealed before the batch that stores it."""

    about: UUID
    holder: UUID
    cell: Cell
    reader: UUID | None = None


def seal(kms: Kms, about: UUID, words: Words, *, holder: UUID, reader: UUID | None = None) -> list[Note]:
    """Seal `words` that `holder` wrote about a thing; nothing where there is nothing to keep."""
    return [] if words == Words() else [Note(about, holder, rowkey.seal(kms, _TABLE, about, words), reader)]


async def store(db: AsyncConnection, notes: Sequence[Note], at: datetime) -> None:
    """Store notes, in one statement."""
    if notes:
        await db.execute(
            _STORE,
            {
                "ids": [each.about for each in notes],
                "holders": [each.holder for each in notes],
                "readers": [each.reader for each in notes],
                "versions": [each.cell.kek_version for each in notes],
                "wrapped": [each.cell.wrapped for each in notes],
                "sealed": [each.cell.sealed for each in notes],
                "at": at,
            },
        )


async def read(db: AsyncConnection, kms: Kms, about: Sequence[UUID]) -> dict[UUID, Words]:
    """Open the notes about things, as far as the story sees them."""
    if not about:
        return {}
    columns = tables.note.c
    rows = await db.execute(
        select(columns.id, columns.kek_version, columns.wrapped, columns.sealed).where(columns.id.in_(about))
    )
    return {
        row.id: msgspec.json.decode(
            rowkey.read(kms, _TABLE, row.id, Cell(row.kek_version, row.wrapped, row.sealed)), type=Words
        )
        for row in rows
    }


_STORE = text(
    """
    INSERT INTO app.payment_note (id, holder, reader, kek_version, wrapped, sealed, at)
    SELECT id, holder, reader, version, wrapped, sealed, :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:holders AS uuid[]), CAST(:readers AS uuid[]), CAST(:versions AS integer[]),
                CAST(:wrapped AS bytea[]), CAST(:sealed AS bytea[]))
         AS each (id, holder, reader, version, wrapped, sealed)
    """
)
