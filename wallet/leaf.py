"""The canonical bytes of a transfer: what the hash chain and every receipt vouch for.

Everything that was asked and decided is in it. The running totals are not: they follow from the transfers before, and a
receipt must not tell one side what the other owns.
"""

import functools
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


#: Kinds, currencies, codes and the batch's own time come again and again.
_word = functools.lru_cache(512)(chain.word)
_instant = functools.lru_cache(16)(chain.instant)


def of(row: Row) -> bytes:
    """Encode `row` as the leaf of its block's Merkle tree: chain.encode() of its fields but the running totals."""
    integer, uuid = chain.integer, chain.uuid
    return b"".join(
        (
            integer(row.lane),
            integer(row.seq),
            uuid(row.id),
            _word(row.kind),
            uuid(row.debit),
            uuid(row.credit),
            integer(row.amount),
            integer(row.held),
            _word(row.currency),
            chain.NONE if row.of is None else uuid(row.of),
            chain.NONE if row.linked is None else uuid(row.linked),
            _instant(row.at),
            _instant(row.effective),
            _word(row.code),
            chain.word(row.reference),
        )
    )


def block(lane: int, no: int, first_seq: int, last_seq: int, root: bytes) -> bytes:
    """Encode a block as an entry of its lane's chain."""
    return chain.encode(lane, no, first_seq, last_seq, root)
