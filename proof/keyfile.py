"""A secret in a file: created once, readable by its owner alone, complete or absent, also when processes race."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Answer the content of `path`; if there is none, write what `make` answers, in mode 0600, and read that.

    The content is written beside `path`, flushed to disk and then linked to its name. A link fails where a file exists,
    so of several processes the first one wins and all read its content. Missing folders are created in mode 0700.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _write_draft(path.parent, make())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _flush_folder(path.parent)
    finally:
        draft.unlink()
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Write `content` in the place of what `path` holds: whoever reads meanwhile reads the one or the other."""
    _write_draft(path.parent, content).replace(path)
    _flush_folder(path.parent)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change what is in `folder`, of those that ask."""
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)  # and with it the lock


def rename(path: Path, to: Path) -> None:
    """Call the file at `path` by another name of the same folder, for good when this returns."""
    path.rename(to)
    _flush_folder(path.parent)


def remove(path: Path) -> None:
    """Have no file at `path`, for good when this returns."""
    path.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _write_draft(folder: Path, content: bytes) -> Path:
    number, name = tempfile.mkstemp(prefix=".draft-", dir=folder)  # mkstemp creates with mode 0600
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
