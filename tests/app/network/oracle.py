"""Whether a frame is answered, decided a second time: from docs/cards/link.md, by a table and a reader of its own.

Nothing of the code under test is asked. A frame is answered where its type has an answer and fields 7 and 11 can be
read in it; reading goes on until something says that nobody knows where the next field begins.
"""

import re
from collections.abc import Iterator

#: The longest frame, and the types that have an answer.
FRAME_MAX = 4_096
ANSWERED = frozenset(
    {"0100", "0101", "0120", "0121", "0200", "0201", "0220", "0221", "0302", "0400", "0401", "0420", "0421", "0800"}
)
#: Field → its length; a negative one is the most, behind so many digits of length; b is bytes.
_TABLE = """
2:-19/2 3:6 4:12 5:12 6:12 7:10 8:8 9:8 10:8 11:6 12:6 13:4 14:4 15:4 16:4 18:4 19:3 22:3 23:3 24:3 25:2 26:2 28:9
32:-11/2 33:-11/2 35:-37/2 37:12 38:6 39:2 41:8 42:15 43:40 44:-25/2 48:-999/3 49:3 50:3 51:3 52:16b 53:16 54:-120/3
55:-255/3b 60:-60/3 62:-15/3 63:-12/3 64:8b 70:3 90:42 95:42 126:-255/3b 128:8b
"""
_FIELDS = {
    int(number): (int(length), int(digits or 0), bool(raw))
    for number, length, digits, raw in re.findall(r"(\d+):-?(\d+)(?:/(\d))?(b?)", _TABLE)
}
_TIME, _TRACE = 7, 11


def is_answered(frame: bytes) -> bool:
    """Say whether a frame is answered."""
    if len(frame) > FRAME_MAX or frame[:4].decode("latin-1") not in ANSWERED:
        return False
    found = dict(_fields(frame))
    return all(number in found and re.fullmatch(rb"[0-9]+", found[number]) for number in (_TIME, _TRACE))


def _fields(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """Go through the fields as long as it is clear where they are."""
    bits, place = frame[4:12], 12
    if len(bits) == 8 and bits[0] & 0x80:  # its first bit names a second bitmap
        bits, place = frame[4:20], 20
    if len(bits) % 8:
        return
    named = int.from_bytes(bits)
    for number in range(2, 8 * len(bits) + 1):
        if not named >> (8 * len(bits) - number) & 1:
            continue
        if number not in _FIELDS:
            return
        length, digits, raw = _FIELDS[number]
        if digits:
            said = frame[place : place + digits]
            if len(said) < digits or not re.fullmatch(rb"[0-9]+", said) or int(said) > length:
                return
            length, place = int(said), place + digits
        content = frame[place : place + length]
        if len(content) < length or not (raw or content.isascii()):
            return
        yield number, content
        place += length
