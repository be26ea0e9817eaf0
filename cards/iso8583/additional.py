"""Fields 48 and 126: data within data. Neither is shown or stored: a CVV2 is in them."""

from typing import NamedTuple

_TAG, _LENGTH = 2, 2

#: Subelements of field 48: two digits of name, two of length.
TOKEN = "33"  # noqa: S105  the reference of a wallet token, no secret
CAVV = "43"  # 3-D Secure's authentication value, base64
POINT = "61"  # what the terminal can: its first digit 1 says that it takes less than it asked
CHALLENGE = "66"  # the protocol's number and the transaction id of 3-D Secure
SEQUENCE = "70"  # which clearing of how many, two digits each; 99 is not known yet
CVV2 = "92"

_CAVV_BYTES = 20
_CVV2_BYTES = 6
_BITMAP_BYTES = 8
_CAVV_BIT, _CVV2_BIT = 9, 10


class BadData(Exception):
    """The data within the field does not add up."""


class Verification(NamedTuple):
    """What field 126 holds: the authentication value, and the CVV2 as it was typed."""

    cavv: bytes | None
    cvv2: str | None


def read(text: str) -> dict[str, str]:
    """Read the subelements of field 48; raises BadData."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        tag = text[place : place + _TAG]
        size = text[place + _TAG : place + _TAG + _LENGTH]
        place += _TAG + _LENGTH
        if not (len(size) == _LENGTH and (tag + size).isdigit()) or tag in found:
            raise BadData
        value = text[place : place + int(size)]
        if len(value) != int(size):
            raise BadData
        found[tag] = value
        place += int(size)
    return found


def write(values: dict[str, str]) -> str:
    """Write subelements of field 48."""
    return "".join(f"{tag}{len(value):02}{value}" for tag, value in values.items())


def verification(data: bytes) -> Verification:
    """Read field 126: a bitmap of its own, of which two bits are ours; raises BadData."""
    bits = int.from_bytes(data[:_BITMAP_BYTES], "big")
    rest, cavv, cvv2 = data[_BITMAP_BYTES:], None, None
    for bit in range(1, _BITMAP_BYTES * 8 + 1):
        if not bits >> (_BITMAP_BYTES * 8 - bit) & 1:
            continue
        if bit == _CAVV_BIT and len(rest) >= _CAVV_BYTES:
            cavv, rest = rest[:_CAVV_BYTES], rest[_CAVV_BYTES:]
        elif bit == _CVV2_BIT and len(rest) >= _CVV2_BYTES:
            cvv2, rest = _typed(rest[:_CVV2_BYTES]), rest[_CVV2_BYTES:]
        else:
            raise BadData
    if rest or len(data) < _BITMAP_BYTES:
        raise BadData
    return Verification(cavv, cvv2)


def _typed(data: bytes) -> str | None:
    """Read the CVV2 behind its two indicators: whether one is there, and what is wanted of us; right-aligned."""
    text = data.decode("ascii", errors="replace")
    if text[0] != "1":
        return None
    digits = text[2:].strip()
    if not (digits.isascii() and digits.isdigit()):
        raise BadData
    return digits
