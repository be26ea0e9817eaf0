"""CBOR (RFC 8949) taken apart without being read: what was signed is hashed as it came, never as we would write it.

`parts` and `items` cut a map or an array into the bytes of its values; only what is small and looked at is decoded.
Arrays and maps of indefinite length are cut as well, strings of indefinite length are not known here.
"""

from typing import Any

import cbor2

_DEPTH_MAX = 16
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_BREAK = 0xFF
_EMBEDDED = 24  # a byte string that holds CBOR (RFC 8949 section 3.4.5.1)
_TAG_24 = b"\xd8\x18"
_SHORT_EMBEDDED = _TAG_24 + b"\x58"  # its length is in the one byte that follows
_IN_FIRST_BYTE = 24
_INDEFINITE = 31

Key = str | int


class Malformed(Exception):
    """The bytes are not CBOR, or not the item they must be."""


def load(raw: bytes) -> Any:  # noqa: ANN401  # CBOR is anything
    """Decode an item that was cut, or signed: what follows it is not looked at. Raises Malformed."""
    try:
        return cbor2.loads(raw)
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Malformed("undecodable") from error


def parts(raw: bytes) -> dict[Key, bytes]:
    """Cut a map that fills `raw` into its values, by their keys; raises Malformed, also where a key comes twice."""
    count, at = _opened(raw, _MAP)
    found: dict[Key, bytes] = {}
    while _goes_on(raw, at, count, len(found)):
        key, after = _key(raw, at)
        if key in found:
            raise Malformed("a key given twice")
        at = end(raw, after)
        found[key] = raw[after:at]
    _closed(raw, at, count)
    return found


def items(raw: bytes) -> list[bytes]:
    """Cut an array that fills `raw` into its elements; raises Malformed."""
    count, at = _opened(raw, _ARRAY)
    found: list[bytes] = []
    while _goes_on(raw, at, count, len(found)):
        after = end(raw, at)
        found.append(raw[at:after])
        at = after
    _closed(raw, at, count)
    return found


def embedded(raw: bytes) -> bytes:
    """Give what the byte string under tag 24 holds; raises Malformed."""
    at = len(_TAG_24)
    if not raw.startswith(_TAG_24):  # or the same in more bytes
        major, tag, at = _head(raw, 0)
        if (major, tag) != (_TAG, _EMBEDDED):
            raise Malformed("not embedded CBOR")
    major, length, at = _head(raw, at)
    if major != _BYTES or length is None or at + length != len(raw):
        raise Malformed("not embedded CBOR")
    return raw[at:]


def embed(content: bytes) -> bytes:
    """Write `content`, which is CBOR, as a byte string under tag 24."""
    return _TAG_24 + head(_BYTES, len(content)) + content


def byte_string(content: bytes) -> bytes:
    """Write a byte string."""
    return head(_BYTES, len(content)) + content


def array(*elements: bytes) -> bytes:
    """Write an array of elements that are encoded already."""
    return head(_ARRAY, len(elements)) + b"".join(elements)


def mapping(**values: bytes) -> bytes:
    """Write a map of texts to values that are encoded already, in the order given."""
    return head(_MAP, len(values)) + b"".join(cbor2.dumps(key) + value for key, value in values.items())


def head(major: int, argument: int) -> bytes:
    """Write the head of an item in the shortest form."""
    if argument < _IN_FIRST_BYTE:
        return bytes([major << 5 | argument])
    for info, width in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << 8 * width:
            return bytes([major << 5 | info]) + argument.to_bytes(width)
    return bytes([major << 5 | 27]) + argument.to_bytes(8)


def end(raw: bytes, at: int = 0, depth: int = 0) -> int:
    """Answer where the item that begins at `at` ends; raises Malformed."""
    if depth > _DEPTH_MAX:
        raise Malformed("too deep")
    if raw.startswith(_SHORT_EMBEDDED, at, len(raw) - 1) and (after := at + 4 + raw[at + 3]) <= len(raw):
        return after  # as most items of an mdoc are
    major, argument, at = _head(raw, at)
    while major == _TAG:
        major, argument, at = _head(raw, at)
    if major in (_BYTES, _TEXT):
        assert argument is not None, "the head was refused"
        at += argument
        if at > len(raw):
            raise Malformed("cut short")
    elif major in (_ARRAY, _MAP):
        each, done = 2 if major == _MAP else 1, 0
        while _goes_on(raw, at, argument, done):
            for _ in range(each):
                at = end(raw, at, depth + 1)
            done += 1
        at += argument is None
    return at


def _head(raw: bytes, at: int) -> tuple[int, int | None, int]:
    """Read the head at `at`: major type, argument (None: indefinite), and where its content begins."""
    try:
        first = raw[at]
    except IndexError as error:
        raise Malformed("cut short") from error
    major, info = first >> 5, first & 0x1F
    if info < _IN_FIRST_BYTE:
        return major, info, at + 1
    if info == _INDEFINITE and major in (_ARRAY, _MAP):
        return major, None, at + 1
    if info == _IN_FIRST_BYTE and at + 1 < len(raw):
        return major, raw[at + 1], at + 2
    after = at + 1 + (1 << info - _IN_FIRST_BYTE if info < 28 else 0)  # noqa: PLR2004  28 to 30 are reserved
    if after == at + 1 or after > len(raw):
        raise Malformed("no head")
    return major, int.from_bytes(raw[at + 1 : after]), after


def _key(raw: bytes, at: int) -> tuple[Key, int]:
    """Read the key at `at`, and where its value begins."""
    major, argument, at = _head(raw, at)
    if argument is None or major not in (_UINT, _NINT, _TEXT):
        raise Malformed("a key that is no name")
    if major != _TEXT:
        return (argument if major == _UINT else -1 - argument), at
    after = at + argument
    try:
        text = raw[at:after].decode()
    except UnicodeDecodeError as error:
        raise Malformed("a key that is no text") from error
    if after > len(raw):
        raise Malformed("cut short")
    return text, after


def _opened(raw: bytes, major: int) -> tuple[int | None, int]:
    found, count, at = _head(raw, 0)
    if found != major:
        raise Malformed("another type")
    return count, at


def _goes_on(raw: bytes, at: int, count: int | None, done: int) -> bool:
    if count is not None:
        return done < count
    if at >= len(raw):
        raise Malformed("cut short")
    return raw[at] != _BREAK


def _closed(raw: bytes, at: int, count: int | None) -> None:
    if at + (count is None) != len(raw):
        raise Malformed("something follows")
