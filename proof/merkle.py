"""Merkle trees by RFC 6962 section 2.1 (the same in RFC 9162): one root for many leaves, a short path for each.

A leaf is hashed as SHA-256(0x00 ‖ leaf), a node as SHA-256(0x01 ‖ left ‖ right), and a tree splits at the largest power
of two below its size. Built level by level instead of by recursion: an odd last node is lifted, which is the same tree.

Of a tree that only grows, whoever keeps its full subtrees needs no leaves: `path_spans` and `consistency_spans` say of
which spans of leaves a proof takes the hashes, and each span is some full subtrees (`subtrees`), folded to the right.
"""

from collections.abc import Sequence
from functools import reduce
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
    here, last = leaf_hash(leaf), size - 1
    for sibling in siblings:
        if last == 0:
            return False
        if index & 1 or index == last:
            here = node(sibling, here)
            while not index & 1 and index:  # lifted: these levels had no sibling
                index, last = index >> 1, last >> 1
        else:
            here = node(here, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and here == expected


def path_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Name the spans [begin, end) whose hashes are the inclusion path of leaf `index` in a tree of `size` leaves."""
    if not 0 <= index < size:
        raise IndexError(index)
    begin, end, spans = 0, size, []
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            spans.append((split, end))
            end = split
        else:
            spans.append((begin, split))
            begin = split
    return spans[::-1]


def consistency_spans(first: int, second: int) -> list[tuple[int, int]]:
    """Name the spans whose hashes prove that the tree of `second` leaves begins with that of `first` (2.1.4.1)."""
    if not 0 < first <= second:
        raise IndexError(first)
    begin, end, spans = 0, second, []
    while first != end:
        split = begin + _split(end - begin)
        if first <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((begin, split))
            begin = split
    # The tree of `first` itself is known to who asks; a part of it is not.
    return ([(begin, end)] if begin else []) + spans[::-1]


def subtrees(begin: int, end: int) -> list[tuple[int, int]]:
    """Name the full subtrees of a span as (level, index), from left to right; a span of a proof begins at the first."""
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Hash full subtrees that lie side by side, the largest first, to the one node above them all."""
    return reduce(lambda right, left: node(left, right), hashes[::-1]) if hashes else EMPTY_ROOT


def verify_consistency(
    first: int, second: int, siblings: Sequence[bytes], expected_first: bytes, expected_second: bytes
) -> bool:
    """Answer whether the tree of `second` leaves begins with that of `first` (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not siblings and expected_first == expected_second
    path = [expected_first, *siblings] if first & (first - 1) == 0 else list(siblings)
    if not path:
        return False
    index, last = first - 1, second - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    former = latter = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            former, latter = node(sibling, former), node(sibling, latter)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            latter = node(latter, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and (former, latter) == (expected_first, expected_second)


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes that lie side by side to the one above them."""
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Answer the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _above(level: list[bytes]) -> list[bytes]:
    pairs = iter(level)
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) & 1:
        above.append(level[-1])
    return above
