"""A hash chain: each head vouches for every entry before it and for their order.

    tag   = SHA-256("eresidency/chain/" + name)
    head₀ = SHA-256(0x02 ‖ tag)
    headₙ = SHA-256(0x03 ‖ tag ‖ headₙ₋₁ ‖ entryₙ)

`entry` is the canonical encoding of what happened (`encode`). The first byte keeps these hashes apart from those of a
Merkle tree (0x00, 0x01), the tag one chain from another.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import NoneType
from typing import Any
from uuid import UUID

HASH_BYTES = 32

Field = str | bytes | int | bool | UUID | datetime | None


class Broken(Exception):
    """Entry number `at` (from 0) doesn't lead to the head recorded for it; all before it do."""

    def __init__(self, name: str, at: int) -> None:
        super().__init__(name, at)
        self.name = name
        self.at = at


class Chain:
    """The rules of one chain, by its name; holds no state: heads are kept by the caller."""

    __slots__ = ("_link", "genesis", "name")

    def __init__(self, name: str) -> None:
        """Derive the tag and the first head of the chain called `name`, such as `feed/v1`."""
        tag = sha256(b"eresidency/chain/" + name.encode()).digest()
        self.name = name
        self.genesis = sha256(b"\x02" + tag).digest()
        self._link = sha256(b"\x03" + tag)

    def extend(self, head: bytes, entry: bytes) -> bytes:
        """Answer the head after `entry` was added behind `head`."""
        link = self._link.copy()
        link.update(head)
        link.update(entry)
        return link.digest()

    def heads(self, head: bytes, entries: Iterable[bytes]) -> list[bytes]:
        """Answer the head after each of `entries`, added one by one behind `head`."""
        answer = []
        for entry in entries:
            head = self.extend(head, entry)
            answer.append(head)
        return answer

    def verify(self, head: bytes, entries: Iterable[bytes], heads: Sequence[bytes]) -> bytes:
        """Recompute the chain behind `head` and compare with the recorded `heads`; answers the last, raises Broken.

        One entry too many or too few is a break too: at the place where either list ends.
        """
        count = 0
        for entry in entries:
            head = self.extend(head, entry)
            if count >= len(heads) or head != heads[count]:
                raise Broken(self.name, count)
            count += 1
        if count != len(heads):
            raise Broken(self.name, count)
        return head


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(*fields: Field) -> bytes:
    """Write `fields` so that no two different lists of them have the same bytes.

    Each field is one letter for its type, its length as 4 bytes (big-endian) and its content: `n` none, `?` a 1 or 0,
    `i` decimal digits, `s` UTF-8, `b` bytes, `u` the 16 bytes of a UUID, `d` microseconds since 1970 in UTC as
    decimal digits. Length and content can be written in any language, SQL included.
    """
    try:
        return b"".join([_WRITERS[type(field)](field) for field in fields])
    except KeyError as error:
        raise TypeError(f"a chain entry can't hold {error.args[0].__name__}") from None


#: Letter and length of a number or an instant, by its length: no bigint and no time of ours has more than 20 digits.
_DIGITS = [b"i" + length.to_bytes(4, "big") for length in range(21)]
_INSTANT = [b"d" + length.to_bytes(4, "big") for length in range(21)]
_UUID = b"u" + (16).to_bytes(4, "big")


def integer(number: int) -> bytes:
    """Write a field that is a whole number."""
    digits = b"%d" % number
    length = len(digits)
    return (_DIGITS[length] if length < len(_DIGITS) else b"i" + length.to_bytes(4, "big")) + digits


def word(content: str) -> bytes:
    """Write a field that is a text."""
    written = content.encode()
    return b"s" + len(written).to_bytes(4, "big") + written


def uuid(content: UUID) -> bytes:
    """Write a field that is a UUID."""
    return _UUID + content.bytes


def instant(at: datetime) -> bytes:
    """Write a field that is an instant."""
    if at.tzinfo is None:
        raise TypeError("an instant in a chain entry is aware")
    digits = b"%d" % ((at - _EPOCH) // _MICROSECOND)
    return _INSTANT[len(digits)] + digits


#: The field that is none.
NONE = b"n\x00\x00\x00\x00"

# By exact type: a bool is an int to Python, an enum a str, and neither may pass for the other by accident.
_WRITERS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda _: NONE,
    bool: lambda yes: b"?\x00\x00\x00\x01" + (b"1" if yes else b"0"),
    int: integer,
    str: word,
    bytes: lambda content: b"b" + len(content).to_bytes(4, "big") + content,
    UUID: uuid,
    datetime: instant,
}
