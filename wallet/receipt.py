"""A receipt: what the holder needs to prove that a transfer is in the ledger's chain.

Leaf, path and block together recompute the block's hash, which the next block and in the end the lane's head contain.
"""

from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import merkle
from wallet import leaf, tables


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`index` is the leaf's place among the block's `size` leaves, `path` the sibling hashes from the leaf up."""

    leaf: bytes
    index: int
    size: int
    path: list[bytes]
    root: bytes
    block: int
    prev: bytes
    hash: bytes


async def receipt(db: AsyncConnection, *, lane: int, transfer: UUID) -> Receipt | None:
    """Prove `transfer`; None where the lane has none of that id. `db` must see all rows of the block."""
    entry, block = tables.transfer.c, tables.block.c
    seq = await db.scalar(select(entry.seq).where(entry.lane == lane, entry.id == transfer))
    if seq is None:
        return None
    found = (
        await db.execute(
            select(tables.block)
            .where(block.lane == lane, block.first_seq <= seq)
            .order_by(block.first_seq.desc())
            .limit(1)
        )
    ).one()
    rows = await db.execute(
        select(tables.transfer)
        .where(entry.lane == lane, entry.seq.between(found.first_seq, found.last_seq))
        .order_by(entry.seq)
    )
    leaves = [leaf.of(leaf.Row(*row)) for row in rows]
    index = seq - found.first_seq
    return Receipt(
        leaf=leaves[index],
        index=index,
        size=len(leaves),
        path=merkle.path(leaves, index),
        root=found.root,
        block=found.no,
        prev=found.prev,
        hash=found.hash,
    )
