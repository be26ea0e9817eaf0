"""The issuance log, computed again from its entries: the nodes above them, the heads; and that every copy is in it.

A head is known by the hash of it that an event names, and events are in the feed. A copy is known by its leaf; how many
leaves an issuance has, the event about its signatures says.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, LiteralString

from psycopg.rows import tuple_row

from app.verify import encoding
from app.verify.finding import PLACES_MAX, Connection, Finding, Kind, findings

ENTRY, NODE, HEAD, LEAF = (f"credential.{name}" for name in ("log_entry", "log_node", "log_head", "leaf"))
_BLOCK_LEVEL = 5
_FETCH = 2_000

_ENTRIES: LiteralString = "SELECT position, commitment FROM credential.log_entry ORDER BY position"
# In the order in which they are completed.
_NODES: LiteralString = "SELECT level, idx, hash FROM credential.log_node ORDER BY (idx + 1) << level, level"
_HEADS: LiteralString = "SELECT size, root, prev, jws FROM credential.log_head ORDER BY size"
# As text: what somebody forged may be no number at all.
_SAID: LiteralString = """
SELECT body->>'head' AS head, body->>'size' AS size, body->>'root' AS root
FROM credential.event WHERE kind = 'credential.log_headed' ORDER BY seq
"""
_COPIES = """
SELECT encode(leaf.commitment, 'hex') AS place,
       CASE WHEN copy.issuance IS NULL THEN 'backdated' WHEN placed.commitment IS NULL THEN 'missing' ELSE 'flipped' END
           AS kind,
       CASE WHEN copy.issuance IS NULL THEN 'is of no copy'
            WHEN placed.commitment IS NULL THEN 'is neither in the log nor waits for it'
            ELSE 'is of another issuance than its copy' END AS what
FROM credential.leaf
LEFT JOIN credential.copy ON (copy.list, copy.idx) = (leaf.list, leaf.idx)
LEFT JOIN (
    SELECT commitment FROM credential.log_entry UNION ALL SELECT commitment FROM credential.log_waiting
) AS placed ON placed.commitment = leaf.commitment
WHERE (copy.issuance, copy.holder) IS DISTINCT FROM (leaf.issuance, leaf.holder) OR placed.commitment IS NULL
ORDER BY 1
"""
# Whose data was erased has no leaves; that the copies were signed, the events still say.
_SIGNED = """
SELECT coalesce(signed.issuance, counted.issuance) AS place,
       CASE WHEN signed.issuance IS NULL THEN 'backdated' ELSE 'missing' END AS kind,
       'has ' || coalesce(counted.leaves, '0') || ' leaves, signed were ' || coalesce(signed.signatures, '0') AS what
FROM (
    SELECT body->>'issuance' AS issuance, body->>'signatures' AS signatures, holder
    FROM credential.event WHERE kind = 'credential.signed'
) AS signed
FULL JOIN (
    SELECT issuance::text AS issuance, count(*)::text AS leaves FROM credential.leaf GROUP BY 1
) AS counted ON counted.issuance = signed.issuance
WHERE counted.leaves IS DISTINCT FROM signed.signatures
  AND NOT EXISTS (SELECT FROM app.closure WHERE closure.holder = signed.holder AND closure.state = 'erased')
ORDER BY 1
"""

Node = tuple[int, int, bytes]


def walk(connection: Connection) -> tuple[int, list[Finding]]:
    """Fold the log from its first entry to its last; answers how many entries there are, and what was found."""
    heads = connection.execute(_HEADS).fetchall()
    tree, found = _Tree(), _heads(heads, connection.execute(_SAID).fetchall())
    found += _entries(connection, tree, {row["size"]: row["root"] for row in heads})
    for statement in (_COPIES, _SIGNED):
        found += findings(connection, LEAF, statement)
    return tree.size, found


def _entries(connection: Connection, tree: "_Tree", heads: Mapping[int, bytes]) -> list[Finding]:
    """Compare the nodes and the roots that follow from the entries with those that were written."""
    stored, found = _Stored(_rows(connection, "log_nodes", _NODES)), list[Finding]()
    for position, commitment in _rows(connection, "log_entries", _ENTRIES):
        if position != tree.size:
            return [*found[:PLACES_MAX], Finding(ENTRY, str(tree.size), Kind.MISSING, f"comes before {position}")]
        for node in tree.add(commitment):
            found += stored.compare(node)
        if heads.get(tree.size, tree.root) != tree.root:
            found.append(Finding(ENTRY, f"0..{position}", Kind.FLIPPED, f"are not what the head of {tree.size} states"))
    last = max(heads, default=0)
    if tree.size < last:
        found.append(Finding(ENTRY, str(tree.size), Kind.TRUNCATED, f"is where it ends, and a head states {last}"))
    elif tree.size > last:
        found.append(Finding(ENTRY, str(last), Kind.BACKDATED, "and what follows no head states"))
    return [*found[:PLACES_MAX], *stored.rest()]


def _heads(heads: Sequence[Mapping[str, Any]], said: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Compare the heads with the events that name them, and each with the one before."""
    named = {row["head"]: row for row in said}
    found, prev = list[Finding](), None
    for head in heads:
        digest = hashlib.sha256(head["jws"].encode()).digest()
        event = named.pop(digest.hex(), None)
        if event is None:
            found.append(Finding(HEAD, str(head["size"]), Kind.FLIPPED, "is not what an event names"))
        elif (event["size"], event["root"]) != (str(head["size"]), head["root"].hex()):
            found.append(Finding(HEAD, str(head["size"]), Kind.FLIPPED, "is told otherwise by its event"))
        if head["prev"] != prev:
            found.append(Finding(HEAD, str(head["size"]), Kind.FLIPPED, "follows another head than the one before it"))
        prev = digest
    found += [Finding(HEAD, str(row["size"]), Kind.MISSING, "is named by an event") for row in named.values()]
    return found[:PLACES_MAX]


class _Tree:
    """The log as far as it was read: the full subtrees side by side, and the leaves behind them."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[Node] = []
        self._leaves: list[bytes] = []

    def add(self, commitment: bytes) -> Iterator[Node]:
        """Add an entry, and give the nodes that it completes."""
        self._leaves.append(encoding.leaf(commitment))
        self.size += 1
        if self.size % (1 << _BLOCK_LEVEL):
            return
        level, index, hashed = _BLOCK_LEVEL, (self.size >> _BLOCK_LEVEL) - 1, encoding.root(self._leaves)
        self._leaves.clear()
        yield level, index, hashed
        while self._peaks and self._peaks[-1][0] == level:
            level, index, hashed = level + 1, index >> 1, encoding.node(self._peaks.pop()[2], hashed)
            yield level, index, hashed
        self._peaks.append((level, index, hashed))

    @property
    def root(self) -> bytes:
        """The Merkle root over all that was added."""
        parts = [hashed for _, _, hashed in self._peaks] + ([encoding.root(self._leaves)] if self._leaves else [])
        root = parts.pop() if parts else encoding.root(())
        for left in reversed(parts):
            root = encoding.node(left, root)
        return root


class _Stored:
    """The nodes that were written, in the order in which they are completed."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._ahead: Node | None = next(rows, None)

    def compare(self, node: Node) -> Iterator[Finding]:
        """Compare the next node there is with the one that follows from the entries."""
        while self._ahead is not None and _completed(self._ahead) < _completed(node):
            yield self._surplus(self._ahead)
        if self._ahead is None or _completed(self._ahead) > _completed(node):
            yield Finding(NODE, f"{node[0]}/{node[1]}", Kind.MISSING, "follows from the entries")
            return
        if self._ahead != node:
            yield Finding(NODE, f"{node[0]}/{node[1]}", Kind.FLIPPED, "does not follow from the entries")
        self._ahead = next(self._rows, None)

    def rest(self) -> list[Finding]:
        """Answer what is there and follows from no entry."""
        found: list[Finding] = []
        while self._ahead is not None and len(found) < PLACES_MAX:
            found.append(self._surplus(self._ahead))
        return found

    def _surplus(self, node: Node) -> Finding:
        self._ahead = next(self._rows, None)
        return Finding(NODE, f"{node[0]}/{node[1]}", Kind.BACKDATED, "follows from no entry")


def _completed(node: Node) -> tuple[int, int]:
    level, index, _ = node
    return (index + 1) << level, level


def _rows(connection: Connection, name: str, statement: LiteralString) -> Iterator[Any]:
    with connection.cursor(name, row_factory=tuple_row) as rows:
        rows.itersize = _FETCH
        rows.execute(statement)
        yield from rows
