"""The blocks of the lanes: every transfer in the block that vouches for it, every block behind the one before.

Transfers and blocks are read side by side, in order; each transfer's leaf is hashed here.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import tuple_row

from app.verify import encoding
from app.verify.anchors import Marks, Statement
from app.verify.encoding import Chain
from app.verify.finding import PLACES_MAX, Connection, Finding, Kind

CHAIN = Chain("wallet/v1")
#: What a transfer's leaf says, in its order, by the letters of app/verify/encoding.py.
LEAF = {
    "lane": "i", "seq": "i", "id": "u", "kind": "s", "debit": "u", "credit": "u", "amount": "i", "held": "i",
    "currency": "s", "of": "u", "linked": "u", "at": "d", "effective": "d", "code": "s", "reference": "s",
}  # fmt: skip
_AT = list(LEAF).index("at")
_LEAF = encoding.encoder("".join(LEAF.values()))
_BLOCK = encoding.encoder("iiiib")
_FETCH = 2_000
#: Up to this many transfers a block that does not add up is searched for two that changed places.
_SEARCHED_MAX = 32

_TRANSFERS = f"SELECT {', '.join(LEAF)} FROM wallet.transfer ORDER BY lane, seq"  # noqa: S608  literals of this file
_BLOCKS = "SELECT lane, no, first_seq, last_seq, root, prev, hash, at FROM wallet.block ORDER BY lane, no"
_ENDS = "SELECT lane, block, seq, head FROM wallet.lane ORDER BY lane"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Block:
    """One row of `wallet.block`."""

    lane: int
    no: int
    first_seq: int
    last_seq: int
    root: bytes
    prev: bytes
    hash: bytes
    at: datetime


@dataclass
class Walked:
    """How much was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    transfers: int = 0
    blocks: int = 0
    unanchored: int = 0


def walk(connection: Connection, stated: Sequence[Statement]) -> Walked:
    """Fold every lane's blocks from its genesis to the head the lane shows, and hear what the anchors say of them."""
    walked = Walked()
    ends = {lane: (no, seq, head) for lane, no, seq, head in connection.cursor(row_factory=tuple_row).execute(_ENDS)}
    transfers = _Transfers(_rows(connection, "transfers", _TRANSFERS))
    lanes = set()
    for lane, blocks in itertools.groupby(_rows(connection, "blocks", _BLOCKS), key=lambda row: row[0]):
        lanes.add(lane)
        _lane(walked, lane, (Block(*row) for row in blocks), transfers, stated, ends.get(lane))
    for lane in sorted(ends.keys() - lanes):
        _lane(walked, lane, (), transfers, stated, ends[lane])
    walked.transfers = transfers.drained()
    walked.findings = walked.findings[:PLACES_MAX]
    return walked


class _Transfers:
    """The transfers in order, given out block by block; what no block claims is left behind."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._ahead = next(rows, None)
        self._count = 0

    def of(self, block: Block) -> list[Row]:
        """Take the transfers of a block, and whatever lies before it."""
        found = []
        while self._ahead is not None and tuple(self._ahead[:2]) <= (block.lane, block.last_seq):
            if tuple(self._ahead[:2]) >= (block.lane, block.first_seq):
                found.append(self._ahead)
            self._take()
        return found

    def drained(self) -> int:
        """Take the rest; answers how many there were in all."""
        while self._ahead is not None:
            self._take()
        return self._count

    def _take(self) -> None:
        self._count += 1
        self._ahead = next(self._rows, None)


def _rows(connection: Connection, name: str, statement: str) -> Iterator[Row]:
    with connection.cursor(name, row_factory=tuple_row) as rows:
        rows.itersize = _FETCH
        rows.execute(statement.encode(), binary=True)
        yield from rows


def _lane(  # noqa: PLR0917  a lane's own, and what is common to all
    walked: Walked,
    lane: int,
    blocks: Iterable[Block],
    transfers: _Transfers,
    stated: Sequence[Statement],
    end: tuple[int, int, bytes] | None,
) -> None:
    marks = Marks(f"lane/{lane}", "wallet.block", CHAIN.genesis, stated)
    reached = (0, 0, CHAIN.genesis)
    found: list[Finding] = []
    for block in blocks:
        found += _block(block, transfers.of(block), *reached)
        marks.pass_by(block.no, block.hash, block.at)
        reached = (block.no, block.last_seq, block.hash)
        walked.blocks += 1
    if reached != end:
        found.append(Finding("wallet.lane", str(lane), Kind.FLIPPED, "shows another head than its blocks lead to"))
    walked.unanchored += max(0, reached[0] - marks.stated)
    walked.findings += found + marks.finish(place=f"{lane}/")


def _hash(block: Block) -> bytes:
    return CHAIN.link(block.prev, _BLOCK((block.lane, block.no, block.first_seq, block.last_seq, block.root)))


def _block(block: Block, transfers: Sequence[Row], no: int, last_seq: int, head: bytes) -> list[Finding]:
    where = f"{block.lane}/{block.no}"
    if block.no != no + 1:
        gone = f"{block.lane}/{no + 1}..{block.no - 1}"
        return [Finding("wallet.block", gone, Kind.MISSING, f"comes before {where}")]
    faults = {
        f"begins at {block.first_seq} after {last_seq}": block.first_seq != last_seq + 1,
        "follows another block than the one before it": block.prev != head,
        "has a hash that is not its own": _hash(block) != block.hash,
        "was not written with its transfers": any(row[_AT] != block.at for row in transfers),
    }
    found = [Finding("wallet.block", where, Kind.FLIPPED, what) for what, wrong in faults.items() if wrong]
    return found + _leaves(block, transfers)


def _leaves(block: Block, transfers: Sequence[Row]) -> list[Finding]:
    """Compare the transfers with the root their block vouches for."""
    where = f"{block.lane}/{block.first_seq}..{block.last_seq}"
    if len(transfers) != block.last_seq - block.first_seq + 1:
        what = f"are {len(transfers)}, and block {block.no} vouches for another number"
        return [Finding("wallet.transfer", where, Kind.MISSING, what)]
    if _root(transfers) == block.root:
        return []
    kind = Kind.REORDERED if _swapped(block, transfers) else Kind.FLIPPED
    return [Finding("wallet.transfer", where, kind, f"are not those block {block.no} vouches for")]


def _root(transfers: Iterable[Row]) -> bytes:
    return encoding.root([encoding.leaf(_LEAF(row)) for row in transfers])


def _swapped(block: Block, transfers: Sequence[Row]) -> bool:
    """Whether the block adds up once two of its transfers change places."""
    if len(transfers) > _SEARCHED_MAX:
        return False
    for one, other in itertools.combinations(range(len(transfers)), 2):
        tried = list(transfers)
        tried[one] = (*transfers[other][:1], transfers[one][1], *transfers[other][2:])
        tried[other] = (*transfers[one][:1], transfers[other][1], *transfers[one][2:])
        if _root(tried) == block.root:
            return True
    return False
