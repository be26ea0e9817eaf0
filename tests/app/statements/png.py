"""Reading a PNG as grey levels, for the reader of QR codes: no image library is needed for 8 bits a channel."""

import struct
import zlib

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def grey(png: bytes, rows_max: int) -> memoryview:
    """Give the top of the picture as height × width bytes of its first channel."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour in _CHANNELS) == (8, True), "as typst writes them"
    data, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += length + 12
    height = min(height, rows_max)
    rows = _unfiltered(zlib.decompress(data), width * _CHANNELS[colour], height, _CHANNELS[colour])
    return memoryview(b"".join(bytes(row[:: _CHANNELS[colour]]) for row in rows)).cast("B", (height, width))


def _unfiltered(raw: bytes, stride: int, height: int, step: int) -> list[bytearray]:
    rows, above = [], bytearray(stride)
    for number in range(height):
        start = number * (stride + 1)
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for place in range(stride if kind else 0):
            left = row[place - step] if place >= step else 0
            corner = above[place - step] if place >= step else 0
            row[place] = (row[place] + _guess(kind, left, above[place], corner)) & 255
        rows.append(row)
        above = row
    return rows


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:  # Paeth
        guess = left + up - corner
        return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
    return (0, left, up, (left + up) // 2)[kind]
