"""Merkle trees by RFC 6962 section 2.1 (the same in RFC 9162): one root for many leaves, a short path for each.

A leaf is hashed as SHA-256(0x00 ‖ leaf), a node as SHA-256(0x01 ‖ left ‖ right), and a tree splits at the largest power
of two below its size. Built level by level instead of by recursion: an odd last node is lifted, which is the same tree.
"""

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Answer the root over `leaves`, in their order."""
    return root_of_hashes([sha256(b"\x00" + leaf).digest() for leaf in leaves])


def root_of_hashes(level: list[bytes]) -> bytes:
    """Answer the root over leaves that are already hashed (`leaf_hash`)."""
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _above(level)
    return level[0]


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf so that it can't be taken for a node."""
    return sha256(b"\x00" + leaf).digest()


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Answer the inclusion path of leaf `index` (from 0), the sibling nearest to the leaf first."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    level = [leaf_hash(leaf) for leaf in leaves]
    siblings = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _above(level)
        index >>= 1
    return siblings


def verify(leaf: bytes, index: int, size: int, siblings: Sequence[bytes], expected: bytes) -> bool:
    """Answer whether `leaf` stands at `index` in the tree of `size` leaves and root `expected` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = leaf_hash(leaf), size - 1
    for sibling in siblings:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = _node(sibling, node)
            while not index & 1 and index:  # lifted: these levels had no sibling
                index, last = index >> 1, last >> 1
        else:
            node = _node(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == expected


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _above(level: list[bytes]) -> list[bytes]:
    pairs = iter(level)
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) & 1:
        above.append(level[-1])
    return above
