"""What a file is, by its own bytes, and which of them are kept: nothing is decoded, so nothing can unpack itself.

takes      kyc/papers/media.py     take()      <- you are here
           kyc/papers/picture.py   JPEG and PNG, part by part
           kyc/papers/pdf.py       pages, what is active, what is locked
stores     kyc/papers/file.py      add()

A picture is kept without its notes: where it was taken, by which phone, a small picture of what was cut away. What
anybody calls the file does not count. A file that is two things at once is refused, because who opens it next may see
the other one.
"""

import enum
import hashlib

import msgspec

from kyc.papers import pdf, picture
from kyc.papers.refusal import NotTaken, Why

#: A photo of a phone as it takes them, a scan of some pages.
BYTES_MAX = 6_000_000


class Media(enum.StrEnum):
    """What is taken."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    PDF = "application/pdf"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is kept. `sha256` is of `content`; `removed` says what it was freed of."""

    media: Media
    content: bytes
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    removed: tuple[str, ...] = ()

    @property
    def sha256(self) -> bytes:
        """Digest what is kept."""
        return hashlib.sha256(self.content).digest()


def take(content: bytes) -> Taken:
    """Say what a file is and free it of what tells on the person; raises NotTaken."""
    if not content:
        raise NotTaken(Why.EMPTY)
    if len(content) > BYTES_MAX:
        raise NotTaken(Why.TOO_LARGE)
    if content.startswith(b"\xff\xd8\xff"):
        return _picture(Media.JPEG, picture.jpeg(content))
    if content.startswith(picture.PNG):
        return _picture(Media.PNG, picture.png(content))
    if content.startswith(b"%PDF-"):
        return Taken(media=Media.PDF, content=content, pages=pdf.pages(content))
    # ISO/IEC 23008-12: what iPhones store by default, and its like; the app has them converted before it sends them.
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF:
        raise NotTaken(Why.HEIC)
    raise NotTaken(Why.UNKNOWN)


def _picture(media: Media, found: picture.Picture) -> Taken:
    return Taken(
        media=media, content=bytes(found.content), width=found.width, height=found.height, removed=tuple(found.removed)
    )


_HEIF = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
