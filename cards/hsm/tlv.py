"""Field 55 of ISO 8583: what the chip said, as tag, length and value (ISO/IEC 8825-1, EMV 4.3 book 3 annex B)."""

from collections.abc import Mapping

_SEVERAL = 0x1F
_MORE = 0x80


class BadTlv(Exception):
    """The bytes are no list of tags and values, or a tag is there twice."""


def parse(data: bytes) -> dict[str, bytes]:
    """Read the values by tag, written as hexadecimal digits in capitals; raises BadTlv."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        end = _tag_ends(data, at)
        tag = data[at:end].hex().upper()
        start, length = _length(data, end)
        at = start + length
        if at > len(data) or tag in found:
            raise BadTlv
        found[tag] = data[start:at]
    return found


def dump(values: Mapping[str, bytes]) -> bytes:
    """Write values of at most 127 bytes each."""
    return b"".join(bytes.fromhex(tag) + bytes([len(value)]) + value for tag, value in values.items())


def _tag_ends(data: bytes, at: int) -> int:
    end = at + 1
    if data[at] & _SEVERAL == _SEVERAL:
        while end < len(data) and data[end] & _MORE:
            end += 1
        end += 1
    if end >= len(data):
        raise BadTlv
    return end


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < _MORE:
        return at + 1, first
    count = first - _MORE
    if not 1 <= count <= 2 or at + 1 + count > len(data):  # noqa: PLR2004  a field 55 is never longer than two bytes say
        raise BadTlv
    return at + 1 + count, int.from_bytes(data[at + 1 : at + 1 + count])
