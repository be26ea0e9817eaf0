"""The canonical bytes of a transfer: what the hash chain and every receipt vouch for.

Every column of `wallet.transfer` is in it, in the order of the table, so whoever reads the row can compute it again.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from proof import chain

#: Blocks of a lane form this chain; the lane and the range of the block are part of each entry.
BLOCKS = chain.Chain("wallet/v1")


class Row(NamedTuple):
    """One row of `wallet.transfer`."""

    lane: int
    seq: int
    id: UUID
    kind: str
    debit: UUID
    credit: UUID
    amount: int
    held: int
    currency: str
    of: UUID | None
    linked: UUID | None
    debit_version: int
    credit_version: int
    debit_posted: int
    credit_posted: int
    debit_hold_out: int
    credit_hold_in: int
    at: datetime
    effective: datetime
    code: str
    reference: str


def of(row: Row) -> bytes:
    """Encode `row` as the leaf of its block's Merkle tree."""
    return chain.encode(*row)


def block(lane: int, no: int, first_seq: int, last_seq: int, root: bytes) -> bytes:
    """Encode a block as an entry of its lane's chain."""
    return chain.encode(lane, no, first_seq, last_seq, root)
