"""The number by which the state knows a person, as far as nobody else came with it first."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.identifiers import tables


async def iin(db: AsyncConnection, resident: UUID) -> UUID | None:
    """Name the IIN that stands for `resident` today; None where there is none, or it is contested."""
    found: UUID | None = await db.scalar(_IIN, {"resident": resident})
    return found


async def sealed(db: AsyncConnection, identifier: UUID) -> bytes:
    """Give a number as it is kept: sealed for (kyc.identifier, value, id)."""
    columns = tables.identifier.c
    found: bytes = (await db.execute(select(columns.value).where(columns.id == identifier))).scalar_one()
    return found


_IIN = text("SELECT kyc.iin_of(:resident)")
