"""Files as people send them, and as nobody should: made byte by byte."""

import struct
import zlib
from typing import Any

from simulators.portrait import grey_jpeg

PHONE = b"PHONE MODEL 12"


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def into_jpeg(picture: bytes, *segments: bytes) -> bytes:
    """Put segments behind the first marker."""
    return picture[:2] + b"".join(segments) + picture[2:]


def exif(*, orientation: int = 1, located: bool = True, order: str = "<") -> bytes:
    """Write the notes of a phone: which way is up, who made it, and where."""
    entries = [(0x010F, 2, len(PHONE), 200), (0x0112, 3, 1, orientation)]
    if located:
        entries.append((0x8825, 4, 1, 300))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(entries))
    rows = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + struct.pack(f"{order}HH" if kind == 3 else f"{order}I", *((value, 0) if kind == 3 else (value,)))
        for tag, kind, count, value in entries
    )
    return b"Exif\0\0" + (head + rows + bytes(4)).ljust(200, b"\0") + PHONE + b"\0" * 86 + b"51.1605,71.4704"


def photo(**notes: Any) -> bytes:  # noqa: ANN401  what exif() takes
    return into_jpeg(grey_jpeg(600, 800), segment(0xE1, exif(**notes)))


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(width: int = 300, height: int = 400, *extra: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = zlib.compress(b"\0" * min((width + 1) * height, 200_000))
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def pdf(*objects: bytes, pages: int = 1, trailer: bytes = b"", version: bytes = b"1.7") -> bytes:
    kids = b" ".join(b"%d 0 R" % (3 + n) for n in range(pages))
    each = b"".join(b"%d 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n" % (3 + n) for n in range(pages))
    tree = (
        b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [%s] >>\nendobj\n" % kids
    )
    return (
        b"%%PDF-%s\n" % version
        + tree
        + each
        + b"".join(objects)
        + b"trailer\n<< /Root 1 0 R %s >>\n%%%%EOF\n" % trailer
    )


def packed(inside: bytes, *, filters: bytes = b"/FlateDecode", kind: bytes = b"/ObjStm", pad: bytes = b"") -> bytes:
    """Write an object stream."""
    data = zlib.compress(inside)
    head = b"90 0 obj\n<< /Type %s /N 1 /First 4 /Length %d /Filter %s %s>>\n" % (kind, len(data), filters, pad)
    return head + b"stream\n" + data + b"\nendstream\nendobj\n"
