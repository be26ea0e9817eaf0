"""Hostile ASN.1, made harmless before it is understood.

A document's files come from a stranger. `bounded` walks the tags and lengths once, without recursion, and refuses what
is too large, too deep, too many or does not end where it says; only then is the data given to the ASN.1 library, whose
complaints become `Malformed`.
"""

import contextlib
from collections.abc import Iterator

from asn1crypto import pem

_INDEFINITE = -1
_CONSTRUCTED = 0x20
_OBJECT_IDENTIFIER = 0x06
_DEPTH_MAX = 32
#: Enough for a master list; a security object has some three hundred.
ELEMENTS_MAX = 200_000


class Malformed(Exception):
    """The bytes are no such structure; `what` names the part that could not be read, never its content."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every complaint of the ASN.1 library about `what` into Malformed."""
    try:
        yield
    # asn1crypto decodes lazily and answers wrong bytes with whichever of these its code happens to meet.
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise Malformed(what) from error


def bounded(data: bytes, what: str, *, size_max: int, elements_max: int = ELEMENTS_MAX) -> bytes:
    """Give `data` back when it is exactly one BER element of at most `size_max` bytes; raises Malformed."""
    if not 0 < len(data) <= size_max:
        raise Malformed(what)
    ends = [len(data)]  # where each open element ends; _INDEFINITE ends at two zero bytes
    place = elements = 0
    while place < len(data) or len(ends) > 1:
        limit = next(end for end in reversed(ends) if end != _INDEFINITE)
        if ends[-1] == _INDEFINITE and data[place : place + 2] == b"\0\0" and place + 2 <= limit:
            ends.pop()
            place += 2
        else:
            elements += 1
            tag = data[place] if place < limit else 0
            place, end, constructed = _header(data, place, limit, what)
            if constructed:
                ends.append(end)
            elif tag == _OBJECT_IDENTIFIER and (place == end or data[end - 1] & 0x80):
                raise Malformed(what)  # X.690, 8.19.2: the library passes over an arc that does not end
            else:
                place = end
        while len(ends) > 1 and ends[-1] == place:
            ends.pop()
        if elements > elements_max or len(ends) > _DEPTH_MAX or (len(ends) == 1 and place != len(data)):
            raise Malformed(what)
    return data


def unarmored(data: bytes, what: str) -> bytes:
    """Take PEM's armour off, where there is one; raises Malformed."""
    with reading(what):
        if not pem.detect(data):
            return data
        _, _, body = pem.unarmor(data)
        return bytes(body)


def element(data: bytes, tag: int, what: str) -> bytes:
    """Give the content of the one element with `tag` (such as 0x5F1F) that `data` is; raises Malformed."""
    head = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    if not data.startswith(head):
        raise Malformed(what)
    start, end, _ = _header(data, 0, len(data), what)
    if end != len(data):
        raise Malformed(what)
    return data[start:end]


def elements(data: bytes, what: str) -> Iterator[tuple[int, bytes]]:
    """Go through the elements of definite length that lie side by side, as tag and content; raises Malformed."""
    place = 0
    while place < len(data):
        content, _ = _after_tag(data, place, len(data), what)
        start, end, _ = _header(data, place, len(data), what)
        if end == _INDEFINITE:
            raise Malformed(what)
        yield int.from_bytes(data[place:content], "big"), data[start:end]
        place = end


def encoded(tag: int, content: bytes) -> bytes:
    """Write an element with a definite length."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004  # X.690, 8.1.3.4: short form
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _header(data: bytes, place: int, limit: int, what: str) -> tuple[int, int, bool]:
    """Read a tag and a length at `place`: where the content starts and ends, and whether it holds elements."""
    start, constructed = _after_tag(data, place, limit, what)
    if start >= limit:
        raise Malformed(what)
    size, start = data[start], start + 1
    if size == 0x80 and constructed:  # noqa: PLR2004  # X.690, 8.1.3.6: indefinite
        return start, _INDEFINITE, True
    if size >= 0x80:  # noqa: PLR2004  # X.690, 8.1.3.5: long form
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > limit:  # noqa: PLR2004  # 4 octets count to 4 GB
            raise Malformed(what)
        size, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    if start + size > limit:
        raise Malformed(what)
    return start, start + size, constructed


def _after_tag(data: bytes, place: int, limit: int, what: str) -> tuple[int, bool]:
    if place >= limit:
        raise Malformed(what)
    constructed = bool(data[place] & _CONSTRUCTED)
    if data[place] & 0x1F != 0x1F:  # noqa: PLR2004  # X.690, 8.1.2.4: the number continues in the next octets
        return place + 1, constructed
    for after in range(place + 1, min(place + 4, limit)):
        if not data[after] & 0x80:
            return after + 1, constructed
    raise Malformed(what)
