"""A settlement file is taken: its records as it is read, the file when its last line is; all of it or nothing.

reads      cards/settlement/record.py      Reading
takes      cards/settlement/taking.py      take()       <- you are here
compares   cards/settlement/matching.py    match()      in the same transaction
"""

from datetime import date, datetime
from itertools import islice
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.settlement import tables
from cards.settlement.record import Header, Reading, Record
from wallet import ledger

_CHUNK = 2_000


class OutOfTurn(Exception):
    """The file is not the one that comes next: one before it is missing, or another was taken in its place."""

    def __init__(self, header: Header, expected: int) -> None:
        super().__init__(header.sequence, expected)
        self.header = header
        self.expected = expected


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken."""

    id: UUID
    network: str
    link: str
    sequence: int
    business_date: date
    cutoff_at: datetime
    settles_on: date
    currency: str
    sha256: bytes
    records: int
    debits_minor: int
    credits_minor: int
    interchange_minor: int
    fees_minor: int
    net_minor: int
    taken_at: datetime
    state: str
    settled_at: datetime | None = None


async def expected(db: AsyncConnection, network: str) -> int:
    """Lock the turn of a network and say which file comes next: 1, or the one after the last."""
    await db.execute(_TURN, {"network": network})
    return int(await db.scalar(_NEXT, {"network": network}) or 1)


async def taken(db: AsyncConnection, network: str, sequence: int) -> bytes | None:
    """Give the digest of a file that was taken."""
    columns = tables.file.c
    query = select(columns.sha256).where((columns.network == network) & (columns.sequence == sequence))
    found: bytes | None = await db.scalar(query)
    return found


async def take(db: AsyncConnection, reading: Reading, made: UUID, *, at: datetime) -> File:
    """Read a file to its end and keep its records; raises OutOfTurn, record.Malformed: then the transaction is lost."""
    header = reading.header
    following = await expected(db, header.network)
    if header.sequence != following:
        raise OutOfTurn(header, following)
    wire = await ledger.wire(db)
    records = reading.records()
    async with wire.cursor() as cursor, cursor.copy(_COPY) as copy:
        while lines := b"".join(_line(made, record) for record in islice(records, _CHUNK)):
            await copy.write(lines)
    return await _keep(db, reading, made, at=at)


def _line(file: UUID, record: Record) -> bytes:
    """Write a record as COPY reads it: fields hold neither tab nor line break, and the card's number is left out."""
    no, kind, lifecycle, element, _, amount, currency, interchange, fee, name, id_, category, country, final = record
    fields = (
        f"{file}\t{no}\t{kind}\t{lifecycle}\t{element}\t{amount}\t{currency}\t{interchange}\t{fee}\t{name}\t{id_}\t"
        f"{category}\t{country}\t{final}\n"
    )
    return fields.replace("\\", "\\\\").encode()


async def _keep(db: AsyncConnection, reading: Reading, made: UUID, *, at: datetime) -> File:
    trailer, header = reading.trailer, reading.header
    assert trailer is not None, "read to its end"
    found = File(
        id=made,
        network=header.network,
        link=header.link,
        sequence=header.sequence,
        business_date=header.business_date,
        cutoff_at=header.cutoff_at,
        settles_on=header.settles_on,
        currency=header.currency,
        sha256=reading.sha256,
        records=trailer.records,
        debits_minor=trailer.debits_minor,
        credits_minor=trailer.credits_minor,
        interchange_minor=trailer.interchange_minor,
        fees_minor=trailer.fees_minor,
        net_minor=trailer.net_minor,
        taken_at=at,
        state="taken",
    )
    await db.execute(insert(tables.file).values(**msgspec.structs.asdict(found), due_at=at))
    return found


async def named(db: AsyncConnection, network: str, sequence: int) -> File:
    """Load a file that was taken, by its place among those of its network."""
    columns = tables.file.c
    query = select(*_COLUMNS).where((columns.network == network) & (columns.sequence == sequence))
    return msgspec.convert((await db.execute(query)).one(), File, from_attributes=True)


async def due(db: AsyncConnection, *, at: datetime, limit: int) -> list[File]:
    """List the files that are yet to be settled or reported, the first one first."""
    columns = tables.file.c
    query = select(*_COLUMNS).where(columns.due_at <= at).order_by(columns.id).limit(limit)
    return [msgspec.convert(row, File, from_attributes=True) for row in (await db.execute(query))]


async def reported(db: AsyncConnection, wanted: UUID) -> None:
    """Note that nothing more is to be done for a file."""
    await db.execute(update(tables.file).where(tables.file.c.id == wanted).values(state="reported", due_at=None))


async def find(db: AsyncConnection, wanted: UUID) -> File | None:
    """Load a file."""
    query = select(*_COLUMNS).where(tables.file.c.id == wanted)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else msgspec.convert(row, File, from_attributes=True)


async def listed(db: AsyncConnection, *, network: str | None, before: UUID | None, limit: int) -> list[File]:
    """List files, the newest first."""
    columns = tables.file.c
    query = select(*_COLUMNS).order_by(columns.id.desc()).limit(limit)
    if network is not None:
        query = query.where(columns.network == network)
    if before is not None:
        query = query.where(columns.id < before)
    return [msgspec.convert(row, File, from_attributes=True) for row in (await db.execute(query))]


_COLUMNS = [tables.file.c[name] for name in File.__struct_fields__]
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('cards.settlement:' || :network, 0))")
_NEXT = text("SELECT max(sequence) + 1 FROM cards.settlement_file WHERE network = :network")
_COPY = """
COPY cards.settlement_record (file, no, kind, lifecycle, element, amount_minor, currency, interchange_minor, fee_minor,
                              merchant_name, merchant_id, merchant_category, merchant_country, final) FROM STDIN
"""
