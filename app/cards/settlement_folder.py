"""The folder card networks put their settlement files into, and what stays of a file that was read: no card's number.

reads      app/cards/settling.py             step()
keeps      app/cards/settlement_folder.py    put_aside()      <- you are here

Of a file that was taken a copy goes to `taken`, of one that was refused to `refused`, both with a star for each digit
of whatever is as long as the number of a card; then the file itself is deleted. What was refused goes after a while.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from cards.settlement import record

SUFFIX = ".settlement"
TAKEN, REFUSED = "taken", "refused"
#: How long one can look at what was refused; the network has the file, we have its digest and why it was refused.
REFUSED_FOR = timedelta(days=30)

_CHUNK = 1 << 16
_DIGITS = b"0123456789"
_NUMBER = re.compile(rb"[0-9]{12,}")  # no number of a card is shorter (ISO/IEC 7812-1)


def waiting(folder: Path) -> list[Path]:
    """List the files that were put in and not put aside yet, by name."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Read line by line, and of a line that is too long no more than that it is."""
    return iter(lambda: stream.readline(record.LINE_MAX + 1), b"")


def digest(path: Path) -> bytes:
    """Answer the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def put_aside(path: Path, to: str) -> None:
    """Keep what may be kept of a file, and delete it; raises OSError where the folder does not let us."""
    folder = path.parent / to
    folder.mkdir(exist_ok=True)
    part = folder / f".{path.name}"
    with path.open("rb") as source, part.open("wb") as copy:
        copy.writelines(redacted(iter(lambda: source.read(_CHUNK), b"")))
    part.replace(folder / path.name)
    path.unlink()


def redacted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give `chunks` with stars for numbers, also for those that go from one chunk into the next."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest.rstrip(_DIGITS)) if len(rest) < 2 * _CHUNK else len(rest)
        yield _starred(rest[:whole])
        rest = rest[whole:]
    yield _starred(rest)


def _starred(content: bytes) -> bytes:
    return _NUMBER.sub(lambda found: b"*" * len(found[0]), content)


def forget(folder: Path, *, now: datetime) -> None:
    """Delete what was refused longer ago than REFUSED_FOR, by the machine's clock."""
    for path in (folder / REFUSED).glob(f"*{SUFFIX}"):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < now - REFUSED_FOR:
            path.unlink(missing_ok=True)
