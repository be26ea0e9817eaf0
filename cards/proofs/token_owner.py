"""Whose tokens are whose: what is asked before, or without, locking one."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.proofs.token import COLUMNS, SELECT, Device, Life, Token, UnknownToken, of_row


async def holder_of(db: AsyncConnection, network: str, reference: str) -> UUID:
    """Say whose the token is that a network calls `reference`; raises UnknownToken."""
    mine = (COLUMNS.network == network) & (COLUMNS.reference == reference)
    holder: UUID | None = await db.scalar(select(COLUMNS.holder).where(mine))
    if holder is None:
        raise UnknownToken
    return holder


async def paying(db: AsyncConnection, holder: UUID, devices: Collection[Device]) -> list[Token]:
    """List and lock a resident's active tokens on such devices, in the order in which they are always locked."""
    wanted = (COLUMNS.holder == holder) & (COLUMNS.state == Life.ACTIVE) & COLUMNS.device.in_(devices)
    rows = await db.execute(SELECT.where(wanted).order_by(COLUMNS.id).with_for_update())
    return [of_row(row) for row in rows]


async def of_holder(db: AsyncConnection, holder: UUID, *, after: UUID | None, limit: int) -> list[Token]:
    """List a resident's tokens, those deleted too, the newest first, from after `after`."""
    mine = COLUMNS.holder == holder
    wanted = mine if after is None else mine & (COLUMNS.id < after)
    return [of_row(row) for row in await db.execute(SELECT.where(wanted).order_by(COLUMNS.id.desc()).limit(limit))]
