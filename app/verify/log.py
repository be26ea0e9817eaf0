"""One walk along a log whose rows are links of a chain: the feed, the security log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row

from app.verify.anchors import Marks
from app.verify.encoding import Chain, Encoder, Unwritten, encoder
from app.verify.finding import PLACES_MAX, Connection, Finding, Kind

_FETCH = 2_000


@dataclass(frozen=True)
class Log:
    """A table whose rows are hashed over `columns` (name → letter, see encoding.py); the first is the position."""

    name: str
    table: str
    chain: Chain
    columns: Mapping[str, str]
    dated: str

    @property
    def select(self) -> sql.Composed:
        """Read the rows in order, with their hash."""
        named = sql.SQL(", ").join(sql.Identifier(name) for name in (*self.columns, "hash"))
        table = sql.Identifier(*self.table.split("."))
        return sql.SQL("SELECT {} FROM {} ORDER BY position").format(named, table)


FEED = Log(
    name="feed",
    table="app.feed",
    chain=Chain("feed/v1"),
    columns={
        "position": "i", "event_id": "u", "source": "s", "aggregate": "u", "version": "i", "holder": "u", "kind": "s",
        "actor": "s", "at": "d", "body": "j", "relayed_at": "d",
    },
    dated="relayed_at",
)  # fmt: skip
SECURITY = Log(
    name="security",
    table="app.security_event",
    chain=Chain("security/v1"),
    columns={
        "position": "i", "minute": "d", "kind": "s", "code": "s", "operation": "s", "role": "s", "subject": "u",
        "address": "b", "count": "i", "written_at": "d",
    },
    dated="written_at",
)  # fmt: skip


@dataclass(frozen=True)
class _Odd:
    """A row that isn't the link it claims to be."""

    position: int
    prev: bytes
    row: tuple[Any, ...]
    hash: bytes


class Walk:
    """One pass over a log; keeps the recomputed hash at each position of `wanted`."""

    def __init__(self, log: Log, marks: Marks, wanted: frozenset[int] = frozenset()) -> None:
        self._log = log
        self._marks = marks
        self._wanted = wanted
        self._encode: Encoder = encoder("".join(log.columns.values()))
        self._odd: list[_Odd] = []
        self._broken = False
        self.hashes: dict[int, bytes] = {}
        self.findings: list[Finding] = []
        self.position = 0

    @property
    def stated(self) -> int:
        """The last position an anchor states."""
        return self._marks.stated

    @property
    def whole(self) -> bool:
        """Whether every row is the link it claims to be."""
        return not self._broken

    def through(self, connection: Connection) -> None:
        """Walk from the first row to the last, and hear what the anchors say of them."""
        head, dated = self._log.chain.genesis, list(self._log.columns).index(self._log.dated)
        with connection.cursor(self._log.name, row_factory=tuple_row) as rows:
            rows.itersize = _FETCH
            rows.execute(self._log.select, binary=True)
            for *row, stored in rows:
                recomputed = self._step(tuple(row), head, stored)
                if self.position in self._wanted:
                    self.hashes[self.position] = recomputed
                self._marks.pass_by(self.position, stored, row[dated])
                # Go on from what is stored, so that one change is one finding.
                head = stored
        self._name_odd()
        told = {(each.row, each.kind) for each in self.findings}
        self.findings += [each for each in self._marks.finish() if (each.row, each.kind) not in told]

    def _step(self, row: tuple[Any, ...], head: bytes, stored: bytes) -> bytes:
        before, self.position = self.position, row[0]
        if self.position != before + 1:
            self._broken = True
            gone = str(before + 1) if self.position == before + 2 else f"{before + 1}..{self.position - 1}"
            self._found(gone, Kind.MISSING, f"comes before {self.position}")
        recomputed = self._link(head, row)
        if recomputed != stored and self.position == before + 1:
            self._broken = True
            if len(self._odd) < PLACES_MAX:
                self._odd.append(_Odd(self.position, head, row, stored))
        return recomputed

    def _link(self, head: bytes, row: tuple[Any, ...]) -> bytes:
        """Compute the hash of `row` behind `head`; empty where the row holds what was never written."""
        try:
            return self._log.chain.link(head, self._encode(row))
        except Unwritten:
            return b""

    def _name_odd(self) -> None:
        """Tell rows that changed places from rows that were changed: the former are right at another's place."""
        heads = {odd.prev for odd in self._odd} | {odd.hash for odd in self._odd}
        for odd in self._odd:
            places = [other.position for other in self._odd if other is not odd]
            moved = any(self._link(head, (place, *odd.row[1:])) == odd.hash for place in places for head in heads)
            kind, what = (Kind.REORDERED, "belongs elsewhere") if moved else (Kind.FLIPPED, "or its hash was changed")
            self._found(str(odd.position), kind, what)

    def _found(self, row: str, kind: Kind, what: str) -> None:
        if len(self.findings) < PLACES_MAX:
            self.findings.append(Finding(self._log.table, row, kind, what))
