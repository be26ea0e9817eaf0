"""JPEG and PNG, walked part by part without decoding one pixel; what is no picture is left behind.

JPEG is ITU-T T.81 with the Exif of CIPA DC-008 and the MPF of CIPA DC-007; PNG is its third edition (W3C, 2025).
"""

import re
import struct
import zlib
from collections.abc import Iterator

import msgspec

from kyc.papers.refusal import NotTaken, Why

PNG = b"\x89PNG\r\n\x1a\n"
SIDE_MIN, SIDE_MAX = 200, 12_000
PIXELS_MAX = 40_000_000
#: What begins or holds another kind of file: nothing of it belongs into the notes of a picture.
FOREIGN = re.compile(
    rb"%PDF-|PK\x03\x04|PK\x05\x06|Rar!\x1a|7z\xbc\xaf\x27\x1c|\x7fELF|MZ.{58,62}PE\0\0|<\?php|<script|<html|<svg|<!DOCTYPE",
    re.IGNORECASE | re.DOTALL,
)
_PARTS_MAX = 20_000
# What a decoder needs, and nothing else.
_JPEG_KEPT = frozenset({0xC4, 0xDB, 0xDD})
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_NOTES = frozenset({*range(0xE0, 0xF0), 0xFE})
_SOS, _EOI, _JFIF, _EXIF, _MPF, _ADOBE = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE
_SCAN_ENDS = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs"})
_PNG_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_ORIENTATION, _GPS = 0x0112, 0x8825
_SHORT = 3
_UPRIGHT, _ORIENTATIONS = 1, range(1, 9)
_ENTRIES_MAX = 500


class Picture(msgspec.Struct):
    """What was found so far; `content` is what is kept."""

    content: bytearray | bytes
    width: int = 0
    height: int = 0
    removed: list[str] = []

    def sized(self, width: int, height: int) -> None:
        """Note the size once; raises NotTaken."""
        if self.width or not width or not height:
            raise NotTaken(Why.DAMAGED)
        if min(width, height) < SIDE_MIN:
            raise NotTaken(Why.TOO_SMALL)
        if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
            raise NotTaken(Why.TOO_MANY_PIXELS)
        self.width, self.height = width, height

    def note(self, what: str) -> None:
        """Remember what was left behind."""
        if what not in self.removed:
            self.removed.append(what)


def jpeg(content: bytes) -> Picture:
    """Walk a JPEG; raises NotTaken."""
    found, oriented, many, end = Picture(bytearray(b"\xff\xd8")), _UPRIGHT, False, 0
    for marker, payload, scan, place in _segments(content):
        end = place
        if marker == _EOI:
            break
        if marker in _NOTES:
            if FOREIGN.search(payload):
                raise NotTaken(Why.POLYGLOT)
            many = many or (marker == _MPF and payload.startswith(b"MPF\0"))
            if marker == _EXIF and payload.startswith(b"Exif\0\0"):
                turned, located = _exif(payload[6:])
                oriented = turned or oriented
                found.note("location" if located else "metadata")
            elif (kept := _plain(marker, payload)) is not None:
                found.content += _segment(marker, kept)
            else:
                found.note("metadata")
            continue
        if marker in _FRAMES:
            found.sized(*_frame(payload))
            if oriented != _UPRIGHT:
                found.content += _segment(_EXIF, _turned(oriented))
        found.content += _segment(marker, payload) + scan
    found.content += b"\xff\xd9"
    if not found.width or b"\xff\xda" not in found.content:
        raise NotTaken(Why.DAMAGED)
    _leave_tail(found, content[end:], many=many)
    found.content = bytes(found.content)
    return found


def _segments(content: bytes) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Yield marker, payload, the scan that follows it, and the place after it, until the end of the image."""
    place = 2
    for _ in range(_PARTS_MAX):
        start = place
        while place < len(content) and content[place] == 0xFF:  # noqa: PLR2004  any number of fill bytes
            place += 1
        if place == start or place >= len(content):
            raise NotTaken(Why.DAMAGED)
        marker, place = content[place], place + 1
        if marker == _EOI:
            yield _EOI, b"", b"", place
            return
        if marker not in _NOTES | _FRAMES | _JPEG_KEPT | {_SOS} or len(content) < place + 2:
            raise NotTaken(Why.DAMAGED)
        size = int.from_bytes(content[place : place + 2], "big")
        payload = content[place + 2 : place + size]
        if size < 2 or len(payload) != size - 2:  # noqa: PLR2004  the length counts itself
            raise NotTaken(Why.DAMAGED)
        place += size
        scan = b""
        if marker == _SOS:
            ends = _SCAN_ENDS.search(content, place)
            if ends is None:
                raise NotTaken(Why.DAMAGED)
            scan, place = content[place : ends.start()], ends.start()
        yield marker, payload, scan, place
    raise NotTaken(Why.DAMAGED)


def _plain(marker: int, payload: bytes) -> bytes | None:
    """Give what of a note a decoder goes by: the units of JFIF without its small picture, Adobe's colours."""
    if marker == _JFIF and payload.startswith(b"JFIF\0") and len(payload) >= 14:  # noqa: PLR2004  JFIF 1.02
        return payload[:12] + b"\0\0"
    if marker == _ADOBE and payload.startswith(b"Adobe") and len(payload) == 12:  # noqa: PLR2004  Adobe TN 5116
        return payload
    return None


def _frame(payload: bytes) -> tuple[int, int]:
    if len(payload) < 6 or payload[0] != 8 or payload[5] not in {1, 3, 4}:  # noqa: PLR2004  T.81, B.2.2
        raise NotTaken(Why.DAMAGED)
    height, width = struct.unpack_from(">HH", payload, 1)
    return width, height


def _exif(tiff: bytes) -> tuple[int, bool]:
    """Read which way is up and whether a place is noted; what can't be read says nothing and is left behind anyway."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 0, False
    turned, located = 0, False
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for nth in range(min(count, _ENTRIES_MAX)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * nth)
            located = located or tag == _GPS
            if tag == _ORIENTATION and kind == _SHORT and value in _ORIENTATIONS:
                turned = value
    except struct.error:
        return turned, located
    return turned, located


def _turned(orientation: int) -> bytes:
    return b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)


def _leave_tail(found: Picture, tail: bytes, *, many: bool) -> None:
    """Leave behind the further pictures that phones put after the first one; anything else there is another file."""
    while tail:
        if not (many and tail.startswith(b"\xff\xd8\xff")):
            raise NotTaken(Why.POLYGLOT)
        *_, last = _segments(tail)
        tail = tail[last[3] :]
        found.note("metadata")


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def png(content: bytes) -> Picture:
    """Walk a PNG; raises NotTaken."""
    found, before, pixels, end = Picture(bytearray(PNG)), b"", False, 0
    for kind, whole, place in _chunks(content):
        payload, end = whole[8:-4], place
        if (kind == b"IHDR") == bool(before) or (kind == b"IDAT" and pixels and before != b"IDAT"):
            raise NotTaken(Why.DAMAGED)
        if kind == b"IHDR":
            _header(found, payload)
        pixels, before = pixels or kind == b"IDAT", kind
        if kind in _PNG_KEPT:
            found.content += whole
        else:
            _leave(found, kind, payload)
    if not pixels or before != b"IEND":
        raise NotTaken(Why.DAMAGED)
    if end != len(content):
        raise NotTaken(Why.POLYGLOT)
    found.content = bytes(found.content)
    return found


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield the kind of each part, the whole of it, and the place after it, until the last one."""
    place = len(PNG)
    for _ in range(_PARTS_MAX):
        size, kind = struct.unpack(">I4s", content[place : place + 8].ljust(8, b"\xff"))
        whole = content[place : place + size + 12]
        if len(whole) != size + 12 or zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
            raise NotTaken(Why.DAMAGED)
        place += len(whole)
        yield kind, whole, place
        if kind == b"IEND":
            return
    raise NotTaken(Why.DAMAGED)


def _leave(found: Picture, kind: bytes, payload: bytes) -> None:
    """Leave a part behind that no decoder needs; one that a decoder would need is none we know."""
    if not kind[0] & 0x20:
        raise NotTaken(Why.DAMAGED)
    if FOREIGN.search(payload):
        raise NotTaken(Why.POLYGLOT)
    found.note("location" if kind == b"eXIf" and _exif(payload)[1] else "metadata")


def _header(found: Picture, payload: bytes) -> None:
    if len(payload) != 13:  # noqa: PLR2004  PNG, 11.2.1
        raise NotTaken(Why.DAMAGED)
    width, height, depth, colour, packed, filtered, woven = struct.unpack(">IIBBBBB", payload)
    if depth not in _PNG_DEPTHS.get(colour, ()) or packed or filtered or woven > 1:
        raise NotTaken(Why.DAMAGED)
    found.sized(width, height)
