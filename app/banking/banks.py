"""Which bank does what: the issuing bank keeps the money behind the wallets and pays out of it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.partners import registry, tables
from app.partners.registry import Kind, Partner, State
from app.settings import IssuingBank


class NoBank(Exception):
    """The issuing bank is not enrolled, or does not serve now."""


class UnknownBank(Exception):
    """No partner bank has this code."""


async def issuing(db: AsyncConnection, bank: IssuingBank) -> Partner:
    """Give the bank whose e-money the wallets hold, as this installation was told. Raises NoBank."""
    try:
        return await active(db, bank.partner)
    except UnknownBank:
        raise NoBank from None


async def active(db: AsyncConnection, code: str) -> Partner:
    """Find a bank that serves by its code; raises UnknownBank."""
    try:
        found = await registry.find(db, code)
    except registry.UnknownPartner:
        raise UnknownBank from None
    if found.kind is not Kind.BANK or found.state is not State.ACTIVE:
        raise UnknownBank
    return found


async def listed(db: AsyncConnection) -> dict[UUID, tuple[str, str]]:
    """Give code and name of every bank, by id."""
    columns = tables.partner.c
    rows = await db.execute(select(columns.id, columns.code, columns.name).where(columns.kind == Kind.BANK))
    return {row.id: (row.code, row.name) for row in rows}
