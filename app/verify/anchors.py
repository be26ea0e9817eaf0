"""The anchors: whether each minute's statement is signed and chained to the one before, and what it says of each log.

Statements come from the database and, where it is given, from the second place; what either signed counts. `Marks` are
the places of one log they state: whoever walks that log passes its entries through them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from app.verify import encoding
from app.verify.encoding import Forged, Keys
from app.verify.finding import PLACES_MAX, Connection, Finding, Kind

TABLE = "app.anchor"
_MINUTE = timedelta(minutes=1)
#: An entry is dated at most this much before it is written: as long as a transaction may take.
_SLACK = timedelta(minutes=1)
#: An anchor that takes in this many entries may have left some for the next: those behind it are older than it.
_FULL = 200_000


@dataclass(frozen=True)
class Head:
    """What an anchor states of a log: `hash` of the entry at `position`, `root` over those behind `after`."""

    anchor: int
    minute: datetime
    position: int
    hash: bytes
    after: int
    root: bytes


@dataclass(frozen=True)
class Statement:
    """An anchor whose signature holds."""

    no: int
    minute: datetime
    prev: str | None
    sha256: str
    heads: Mapping[str, Head]


class Marks:
    """The places of one log that anchors state, in order; `pass_by` each of its entries, then `finish`."""

    def __init__(self, log: str, table: str, genesis: bytes, stated: Iterable[Statement]) -> None:
        heads = {statement.heads[log] for statement in stated if log in statement.heads}
        self._heads = sorted(heads, key=lambda head: (head.position, head.anchor))
        self._table = table
        self._next = 0
        self._since: datetime | None = None
        self._latest: datetime | None = None
        self._leaves: list[bytes] = []
        self.findings: list[Finding] = []
        self.reached = 0
        self._check(0, genesis)

    @property
    def stated(self) -> int:
        """The last position an anchor states."""
        return self._heads[-1].position if self._heads else 0

    def pass_by(self, position: int, hashed: bytes, at: datetime) -> None:
        """Take the entry at `position`, by the hash it has and its time; whether the hash is its own, others check."""
        self.reached = position
        if self._since is not None and at < self._since - _SLACK:
            self._found(position, Kind.BACKDATED, f"is of {at:%F %T}, and was not there at {self._since:%F %T}")
        elif self._latest is not None and at < self._latest - _SLACK:
            self._found(position, Kind.BACKDATED, f"is of {at:%F %T}, and follows one of {self._latest:%F %T}")
        self._latest = at if self._latest is None else max(at, self._latest)
        if self._next < len(self._heads):
            self._leaves.append(encoding.leaf(hashed))
        self._check(position, hashed)

    def finish(self, *, place: str = "") -> list[Finding]:
        """Answer what was found, once the log has ended; `place` is put before positions (a lane)."""
        left = self._heads[self._next :]
        if left:
            self._found(self.reached, Kind.TRUNCATED, f"is the last, and anchor {left[-1].anchor} states {self.stated}")
        found = self.findings[:PLACES_MAX]
        return [Finding(each.table, f"{place}{each.row}", each.kind, each.what) for each in found]

    def _check(self, position: int, hashed: bytes) -> None:
        stated = []
        while self._next < len(self._heads) and self._heads[self._next].position <= position:
            stated.append(self._heads[self._next])
            self._next += 1
        for head in stated:
            self._since = head.minute if head.position - head.after < _FULL else self._since
            if head.position < position:
                self._found(head.position, Kind.MISSING, f"is stated by anchor {head.anchor}")
            elif head.hash != hashed:
                self._found(position, Kind.FLIPPED, f"is not what anchor {head.anchor} states, or one before it is not")
            elif head.after < position and encoding.root(self._leaves[head.after - position :]) != head.root:
                self._found(position, Kind.FLIPPED, f"has another root behind {head.after} in anchor {head.anchor}")
        # Two places may have split the same entries differently; what the next head can ask for is kept.
        if stated and self._next < len(self._heads):
            needed = position - self._heads[self._next].after
            self._leaves = self._leaves[len(self._leaves) - max(0, needed) :]

    def _found(self, position: int, kind: Kind, what: str) -> None:
        self.findings.append(Finding(self._table, str(position), kind, what))


def read(
    connection: Connection, trusted: Keys, elsewhere: Mapping[int, str] | None
) -> tuple[list[Statement], list[Finding], int]:
    """Check the anchors of the database, and against those kept elsewhere by number.

    Answers every statement whose signature holds, what was found, and how many anchors the database has.
    """
    here: dict[int, str] = {}
    found: list[Finding] = []
    stated: dict[str, Statement] = {}
    former: Statement | None = None
    for row in connection.execute("SELECT no, minute, jws FROM app.anchor ORDER BY no"):
        here[row["no"]] = row["jws"]
        read_one = _statement(row["jws"], trusted, str(row["no"]), TABLE)
        if isinstance(read_one, Finding):
            found.append(read_one)
            continue
        found += _sequence(row, read_one, former)
        former = stated[read_one.sha256] = read_one
    found += _heads(connection, {each.no: each for each in stated.values()})
    for no, jws in sorted((elsewhere or {}).items()):
        kept = _statement(jws, trusted, str(no), "second place")
        if isinstance(kept, Finding):
            found.append(kept)
        else:
            found += _compared(no, kept, jws, here)
            stated.setdefault(kept.sha256, kept)
    found += _not_kept(here, elsewhere)
    return list(stated.values()), found, len(here)


def _statement(jws: str, trusted: Keys, row: str, table: str) -> Statement | Finding:
    try:
        said = encoding.statement(jws, trusted)
        minute = datetime.strptime(said["minute"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        heads = {
            head["log"]: Head(
                said["no"],
                minute,
                head["position"],
                bytes.fromhex(head["hash"]),
                head["after"],
                bytes.fromhex(head["root"]),
            )
            for head in said["heads"]
        }
        return Statement(said["no"], minute, said["prev"], sha256(jws.encode()).hexdigest(), heads)
    except Forged as forged:
        return Finding(table, row, Kind.SIGNATURE, forged.why)
    except (KeyError, TypeError, ValueError):
        return Finding(table, row, Kind.SIGNATURE, "is signed, and no anchor")


def _sequence(row: Mapping[str, Any], said: Statement, former: Statement | None) -> list[Finding]:
    """Check one anchor against its row and the anchor before."""
    where, last = str(row["no"]), former.no if former else 0
    found = []
    if (row["no"], row["minute"]) != (said.no, said.minute):
        found.append(Finding(TABLE, where, Kind.FLIPPED, f"states that it is number {said.no} of {said.minute:%F %T}"))
    if said.no <= last:
        found.append(Finding(TABLE, where, Kind.REORDERED, f"follows number {last}"))
    elif said.no > last + 1:
        found.append(Finding(TABLE, f"{last + 1}..{said.no - 1}", Kind.MISSING, f"comes before number {said.no}"))
    elif said.prev != (former.sha256 if former else None):
        found.append(Finding(TABLE, where, Kind.FLIPPED, "is chained to another than the anchor before it"))
    if former is not None and said.minute - former.minute > _MINUTE:
        silent = int((said.minute - former.minute) / _MINUTE) - 1
        found.append(Finding(TABLE, where, Kind.GAP, f"comes after {silent} minutes without an anchor"))
    return found


def _heads(connection: Connection, stated: Mapping[int, Statement]) -> list[Finding]:
    """Compare the columns by which anchors are looked up with what the anchors say."""
    told: dict[int, dict[str, tuple[int, bytes, int, bytes]]] = {}
    for row in connection.execute("SELECT anchor, log, position, hash, after, root FROM app.anchor_head"):
        head = (row["position"], row["hash"], row["after"], row["root"])
        told.setdefault(row["anchor"], {})[row["log"]] = head
    found = []
    for no in sorted(told.keys() | stated.keys()):
        said = stated[no].heads if no in stated else {}
        wanted = {log: (head.position, head.hash, head.after, head.root) for log, head in said.items()}
        given = told.get(no, {})
        for log in sorted(wanted.keys() | given.keys()):
            if wanted.get(log) != given.get(log):
                kind = Kind.FLIPPED if log in wanted and log in given else Kind.MISSING
                kind = Kind.BACKDATED if log not in wanted else kind
                found.append(Finding("app.anchor_head", f"{no}/{log}", kind, "is not what the anchor states"))
    return found[:PLACES_MAX]


def _compared(no: int, kept: Statement, jws: str, here: Mapping[int, str]) -> list[Finding]:
    where, last = str(kept.no), max(here, default=0)
    if kept.no != no:
        return [Finding("second place", str(no), Kind.REORDERED, f"is number {kept.no}")]
    if kept.no > last:
        return [Finding(TABLE, where, Kind.TRUNCATED, f"is kept elsewhere, and the last here is number {last}")]
    if kept.no not in here:
        return [Finding(TABLE, where, Kind.MISSING, "is kept elsewhere")]
    if here[kept.no] != jws:
        return [Finding(TABLE, where, Kind.FLIPPED, "is kept otherwise elsewhere")]
    return []


def _not_kept(here: Mapping[int, str], elsewhere: Mapping[int, str] | None) -> list[Finding]:
    """Find holes of the second place; what follows its last anchor is still on the way."""
    last = max(elsewhere or {}, default=0)
    return [
        Finding("second place", str(no), Kind.MISSING, "was stated here and is not kept there")
        for no in sorted(here)
        if elsewhere is not None and no < last and no not in elsewhere
    ][:PLACES_MAX]
