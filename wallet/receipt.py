"""A receipt: what the holder needs to prove that a transfer is in the ledger's chain.

Leaf, path and block together recompute the block's hash, which the next block and in the end the lane's head contain.
From the block on, `among` leads to a root that others sign over many blocks (app/anchor.py).
"""

from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import merkle
from wallet import leaf, tables


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`index` is the leaf's place among the block's `size` leaves, `path` the sibling hashes from the leaf up.

    The block's hash is that of the chain `wallet/v1` over lane, block, first_seq, last_seq and root behind `prev`.
    """

    leaf: bytes
    index: int
    size: int
    path: list[bytes]
    root: bytes
    lane: int
    block: int
    first_seq: int
    last_seq: int
    prev: bytes
    hash: bytes


class Among(msgspec.Struct, frozen=True):
    """A block's place among the blocks of a range: its hash is leaf `index` of `size`, `path` the siblings up."""

    index: int
    size: int
    path: list[bytes]


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
        lane=lane,
        block=found.no,
        first_seq=found.first_seq,
        last_seq=found.last_seq,
        prev=found.prev,
        hash=found.hash,
    )


async def among(db: AsyncConnection, *, lane: int, block: int, after: int, last: int) -> Among:
    """Lead from `block` to the root over the hashes of the lane's blocks behind number `after`, up to `last`."""
    columns = tables.block.c
    between = columns.no.between(after + 1, last)
    hashes = await db.scalars(select(columns.hash).where(columns.lane == lane, between).order_by(columns.no))
    leaves = list(hashes)
    index = block - after - 1
    return Among(index=index, size=len(leaves), path=merkle.path(leaves, index))
