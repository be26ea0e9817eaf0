"""The face file of a simulated passport (EF.DG2): a grey portrait in the structure a real chip uses.

The picture is a baseline JPEG of one even grey, made here bit by bit, so no person's face is in the tree. Around it lie
a facial record (ISO/IEC 19794-5:2005, section 5) and the biometric templates of ICAO Doc 9303-10, section 4.7.2.
"""

import math
import struct

_WIDTH, _HEIGHT = 240, 320
_BLOCK = 8


def tlv(tag: int, value: bytes) -> bytes:
    """Encode one DER tag, length and value; `tag` is written as it stands, such as 0x7F61."""
    size = len(value)
    length = bytes([size]) if size < 0x80 else _long(size)  # noqa: PLR2004  # X.690 8.1.3.4: short form below 128
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


def face(picture: bytes | None = None, *, jpeg2000: bool = False) -> bytes:
    """Build EF.DG2 with one portrait: the grey one, or another."""
    header = (
        tlv(0x80, b"\x01\x01")  # version of the patron header
        + tlv(0x81, b"\x02")  # biometric type: facial features
        + tlv(0x82, b"\x00")  # no subtype
        + tlv(0x87, b"\x01\x01")  # format owner: ISO/IEC JTC 1/SC 37
        + tlv(0x88, b"\x00\x08")  # format type: facial record
    )
    template = tlv(0x7F60, tlv(0xA1, header) + tlv(0x5F2E, _facial_record(picture or grey_jpeg(), int(jpeg2000))))
    return tlv(0x75, tlv(0x7F61, tlv(0x02, b"\x01") + template))


def grey_jpeg(width: int = _WIDTH, height: int = _HEIGHT) -> bytes:
    """Encode an even mid-grey picture, `width` by `height` pixels, as baseline JPEG (ITU-T T.81)."""
    blocks = math.ceil(width / _BLOCK) * math.ceil(height / _BLOCK)
    # Each Huffman table below has the one code "0": "no change of brightness" and "end of block", two bits per block.
    bits = "00" * blocks
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    one_code = bytes([1] + [0] * 15) + b"\x00"
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, b"\x00" + b"\x01" * 64),
            _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"),
            _segment(0xC4, b"\x00" + one_code),
            _segment(0xC4, b"\x10" + one_code),
            _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            scan,
            b"\xff\xd9",
        )
    )


def _facial_record(picture: bytes, kind: int) -> bytes:
    # Quality, points, gender, eye and hair colour, features, expression and pose are all "unspecified" (0).
    information = struct.pack(">IHBBB3sH3s3s", 20 + 12 + len(picture), 0, 0, 0, 0, bytes(3), 0, bytes(3), bytes(3))
    image = struct.pack(">BBHHBBHH", 1, kind, _WIDTH, _HEIGHT, 0, 0, 0, 0)
    body = information + image + picture
    return b"FAC\x00010\x00" + struct.pack(">IH", 14 + len(body), 1) + body


def _segment(marker: int, payload: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def _long(size: int) -> bytes:
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits
