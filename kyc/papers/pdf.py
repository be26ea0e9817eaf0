"""How many pages a PDF has, and whether it does or hides something: read by its words, no page is ever drawn.

PDF 2.0 is ISO 32000-2. Objects may be packed into streams (7.5.7), where a word would be out of sight: those streams
alone are unpacked, together up to UNPACKED_MAX. Names may be spelt with `#xx` (7.3.5), which is undone first. What is
looked for is looked for everywhere, comments and texts included: a false alarm costs a new scan, a miss costs more.
"""

import re
import zlib
from collections.abc import Iterator

from kyc.papers.refusal import NotTaken, Why

PAGES_MAX = 30
UNPACKED_MAX = 4_000_000
_BEGINS = re.compile(rb"%PDF-(?:1\.[0-7]|2\.0)[\r\n ]")
_ENDS = re.compile(rb"%%EOF[\r\n\t \x00]*\Z")
_SPELT = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_END = rb"(?![A-Za-z0-9_.+-])"
_PAGE = re.compile(rb"/Type\s*/Page" + _END)
_PACKED = re.compile(rb"/Type\s*/ObjStm" + _END)
_PLAINLY_PACKED = re.compile(rb"/Filter\s*(?:/FlateDecode|\[\s*/FlateDecode\s*\])\s*(?:/|>>)")
_PREDICTED = re.compile(rb"/(?:DecodeParms|DP)" + _END)
_LOCKED = re.compile(rb"/Encrypt" + _END)
#: What does something by itself, brings other files along, or draws a form by a program (ISO 32000-2, 12.6.4, 12.7.8).
_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|SubmitForm|ImportData|GoToE|Rendition|RichMedia(?:Execute)?|EmbeddedFiles?|XFA"
    rb"|Movie|Sound)" + _END
)
#: Other files inside that need no word of PDF.
_FOREIGN = re.compile(rb"PK\x05\x06|<\?php|\x7fELF\x02\x01\x01|\x7fELF\x01\x01\x01", re.IGNORECASE)


def pages(content: bytes) -> int:
    """Count the pages; raises NotTaken for what is locked, active, packed out of sight, or no PDF after all."""
    if not _BEGINS.match(content) or not _ENDS.search(content[-1_024:]):
        raise NotTaken(Why.POLYGLOT if content.rfind(b"%%EOF") > 0 else Why.DAMAGED)
    if _FOREIGN.search(content):
        raise NotTaken(Why.POLYGLOT)
    count = 0
    for part in (content, *_unpacked(content)):
        words = _SPELT.sub(lambda code: bytes([int(code[1], 16)]), part)
        if _LOCKED.search(words):
            raise NotTaken(Why.LOCKED)
        if _ACTIVE.search(words):
            raise NotTaken(Why.ACTIVE)
        count += len(_PAGE.findall(words))
    if not count:
        raise NotTaken(Why.NO_PAGES)
    if count > PAGES_MAX:
        raise NotTaken(Why.TOO_MANY_PAGES)
    return count


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Unpack the streams that hold objects; raises NotTaken where one could hide something."""
    left, after = UNPACKED_MAX, 0
    for begins in _STREAM.finditer(content):
        # All since the last stream began: however its dictionary is padded or commented, it is in there.
        words = _SPELT.sub(lambda code: bytes([int(code[1], 16)]), content[after : begins.start()])
        after = begins.end()
        if not _PACKED.search(words) or b"/Filter" not in words:
            continue
        if not _PLAINLY_PACKED.search(words) or _PREDICTED.search(words):
            raise NotTaken(Why.ACTIVE)
        try:
            unpacking = zlib.decompressobj()
            part = unpacking.decompress(content[begins.end() :], left)
        except zlib.error as error:
            raise NotTaken(Why.DAMAGED) from error
        left -= len(part)
        if left <= 0:
            raise NotTaken(Why.TOO_LARGE)
        yield part
