"""The tree of the issuance log: it grows by whole blocks, and proofs are read from what is kept of it.

grows    app/credentials/issuance_log.py                 step()
adds     residency/credential/transparency/log_tree.py   grow()                       <- you are here
proves   residency/credential/transparency/log_tree.py   inclusion(), consistency()   <- and here

Leaves that waited are shuffled and filled up to whole blocks with leaves of nothing: neighbours in the log are not
copies of one batch, and the size says how many copies there are at most. A block's nodes are computed again when one
of its leaves is asked for; only the nodes above the blocks are kept.
"""

import secrets
from collections.abc import Collection, Sequence

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import merkle
from residency.credential.transparency.log_head import HASH_BYTES
from residency.credential.transparency.log_tables import log_entry, log_node

BLOCK_LEVEL = 5
BLOCK = 1 << BLOCK_LEVEL
_shuffle = secrets.SystemRandom().shuffle

#: A full subtree by its level and its index from the left.
Place = tuple[int, int]


def filled(commitments: Sequence[bytes]) -> list[bytes]:
    """Shuffle leaves among leaves of nothing, as many as whole blocks need."""
    decoys = [secrets.token_bytes(HASH_BYTES) for _ in range(-len(commitments) % BLOCK)]
    leaves = [*commitments, *decoys]
    _shuffle(leaves)
    return leaves


async def grow(db: AsyncConnection, size: int, leaves: Sequence[bytes]) -> bytes:
    """Add whole blocks of `leaves` behind the `size` there are, and answer the root over all."""
    assert size % BLOCK == 0, "the log grows by whole blocks"
    assert len(leaves) % BLOCK == 0, "the log grows by whole blocks"
    places = merkle.subtrees(0, size)
    kept = await _nodes(db, places)
    peaks = [(place, kept[place]) for place in places]
    added: dict[Place, bytes] = {}
    for start in range(0, len(leaves), BLOCK):
        place = (BLOCK_LEVEL, (size + start) >> BLOCK_LEVEL)
        hashed = merkle.root(leaves[start : start + BLOCK])
        added[place] = hashed
        while peaks and peaks[-1][0][0] == place[0]:
            place, hashed = (place[0] + 1, place[1] >> 1), merkle.node(peaks.pop()[1], hashed)
            added[place] = hashed
        peaks.append((place, hashed))
    entries = [{"position": size + nth, "commitment": leaf} for nth, leaf in enumerate(leaves)]
    await db.execute(insert(log_entry), entries)
    nodes = [{"level": level, "idx": index, "hash": hashed} for (level, index), hashed in added.items()]
    await db.execute(insert(log_node), nodes)
    return merkle.fold([hashed for _, hashed in peaks])


async def inclusion(db: AsyncConnection, positions: Collection[int], size: int) -> dict[int, list[bytes]]:
    """Give the inclusion path of each of `positions` in the tree of `size` entries, the nearest sibling first."""
    spans = {position: merkle.path_spans(position, size) for position in positions}
    return await _paths(db, spans)


async def consistency(db: AsyncConnection, first: int, second: int) -> list[bytes]:
    """Prove that the tree of `second` entries begins with that of `first`, both sizes of heads."""
    return (await _paths(db, {0: merkle.consistency_spans(first, second)}))[0]


async def _paths(db: AsyncConnection, spans: dict[int, list[tuple[int, int]]]) -> dict[int, list[bytes]]:
    parts = {span: merkle.subtrees(*span) for path in spans.values() for span in path}
    nodes = await _nodes(db, {place for places in parts.values() for place in places})
    hashes = {span: merkle.fold([nodes[place] for place in places]) for span, places in parts.items()}
    return {name: [hashes[span] for span in path] for name, path in spans.items()}


_KEPT = text(
    """
    SELECT level, idx, hash FROM credential.log_node
    JOIN unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[])) AS wanted (level, idx) USING (level, idx)
    """
)
_LEAVES = text(
    """
    SELECT position, commitment FROM unnest(CAST(:firsts AS bigint[])) AS block (first)
    JOIN credential.log_entry ON position BETWEEN first AND first + :last ORDER BY position
    """
)


async def _nodes(db: AsyncConnection, places: Collection[Place]) -> dict[Place, bytes]:
    """Read full subtrees: those above the blocks are kept, those within one are computed from its leaves."""
    above = [place for place in places if place[0] >= BLOCK_LEVEL]
    found: dict[Place, bytes] = {}
    if above:
        levels, indexes = zip(*above, strict=True)
        rows = await db.execute(_KEPT, {"levels": list(levels), "indexes": list(indexes)})
        found = {(row.level, row.idx): row.hash for row in rows}
    blocks = {index >> BLOCK_LEVEL - level for level, index in places if level < BLOCK_LEVEL}
    if blocks:
        firsts = [block << BLOCK_LEVEL for block in blocks]
        rows = await db.execute(_LEAVES, {"firsts": firsts, "last": BLOCK - 1})
        hashes = {row.position: merkle.leaf_hash(row.commitment) for row in rows}
        for first in firsts:
            found |= _within([hashes[first + nth] for nth in range(BLOCK)], first)
    return found


def _within(hashes: list[bytes], first: int) -> dict[Place, bytes]:
    """Compute the nodes of a block, below its root, from its hashed leaves; the first of them is at `first`."""
    found: dict[Place, bytes] = {}
    for level in range(BLOCK_LEVEL):
        found |= {(level, (first >> level) + nth): hashed for nth, hashed in enumerate(hashes)}
        hashes = [merkle.node(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    return found
