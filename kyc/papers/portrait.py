"""The portrait in a chip's face file (EF.DG2): ISO/IEC 19794-5 inside the templates of ICAO Doc 9303-10, section 4.7.2.

Nothing is decoded: the picture is cut out as it lies there, JPEG or JPEG 2000.
"""

import struct

import msgspec

from kyc.chip import der

_DG2, _GROUP, _TEMPLATE, _RECORDS = 0x75, 0x7F61, 0x7F60, (0x5F2E, 0x7F2E)
_HEADER, _FACE, _POINT, _IMAGE = 14, 20, 8, 12
_MAGIC = b"FAC\x00"
_KINDS = {0: "image/jpeg", 1: "image/jp2"}
_BEGINS = {"image/jpeg": (b"\xff\xd8\xff",), "image/jp2": (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")}


class Portrait(msgspec.Struct, frozen=True):
    """A picture of a face, and how it is encoded."""

    media: str
    image: bytes


def read(group: bytes) -> Portrait:
    """Cut the first portrait out of EF.DG2; raises der.Malformed."""
    inside = der.element(group, _DG2, "dg2")
    template = _first(der.element(inside, _GROUP, "dg2"), (_TEMPLATE,))
    return _face(_first(template, _RECORDS))


def _first(inside: bytes, wanted: tuple[int, ...]) -> bytes:
    """Find the first element with one of the tags among those that lie side by side."""
    while inside:
        tag, head, size = _head(inside)
        if tag in wanted:
            return inside[head : head + size]
        inside = inside[head + size :]
    raise der.Malformed("dg2")


def _head(data: bytes) -> tuple[int, int, int]:
    """Read tag, size of the head and size of the value; raises der.Malformed."""
    tags = 2 if data[0] & 0x1F == 0x1F else 1  # noqa: PLR2004  X.690, 8.1.2.4: the tag goes on
    tag, first = int.from_bytes(data[:tags], "big"), data[tags : tags + 1]
    if not first:
        raise der.Malformed("dg2")
    more = first[0] & 0x7F if first[0] & 0x80 else 0
    if more > 3 or first[0] == 0x80:  # noqa: PLR2004  half a megabyte needs three, and DER is of known length
        raise der.Malformed("dg2")
    size = int.from_bytes(data[tags + 1 : tags + 1 + more], "big") if more else first[0]
    head = tags + 1 + more
    if head + size > len(data):
        raise der.Malformed("dg2")
    return tag, head, size


def _face(record: bytes) -> Portrait:
    if not record.startswith(_MAGIC) or len(record) < _HEADER + _FACE + _IMAGE:
        raise der.Malformed("dg2")
    size, points = struct.unpack_from(">IH", record, _HEADER)
    place = _HEADER + _FACE + _POINT * points
    image = record[place + _IMAGE : _HEADER + size]
    kind = _KINDS.get(record[place + 1]) if place + 1 < len(record) else None
    if kind is None or not image.startswith(_BEGINS[kind]):
        raise der.Malformed("dg2")
    return Portrait(kind, image)
