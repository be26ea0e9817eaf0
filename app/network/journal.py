"""What was promised while the books could not be asked: on disk before anybody hears of it.

One file for each outage; each line is sealed for its place in it, under a key that the KMS wraps. A line that a power
cut tore is the last one, and nobody heard of what it says. When the books know all of it, the file is called `.told`
and kept for some days: repeats of what it answered get the same answer (app/network/standin.py).
"""

import asyncio
import base64
import binascii
import os
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID

import msgspec

from app import clock, ids
from cards.payments.message import Answer, Authorization
from proof import keyfile, kms
from proof.kms import Kms, Unopenable, Wrapped

_OPEN, _TOLD = ".journal", ".told"
_TABLE = "app.network.journal"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One answer given in the books' place, yes or no. `asked` holds nothing that was presented.

    `in_vain` says that the books were asked before and did not answer in time: they may have decided. `counter` is the
    one the chip used. `wallet` and `holder` are whose money was promised.
    """

    asked: Authorization
    answer: Answer
    at: datetime
    in_vain: bool
    counter: int | None = None
    wallet: UUID | None = None
    holder: UUID | None = None


class _Head(msgspec.Struct, frozen=True):
    outage: str
    began_at: datetime
    key_version: int
    wrapped: bytes


class Torn(Exception):
    """A line that is not the last can't be opened: the file was changed, or its disk is going."""


class Journal:
    """The file of one outage, being written."""

    def __init__(self, folder: Path, keys: Kms) -> None:
        """Begin a file."""
        self.outage = str(ids.new())
        self._key = kms.new_data_key()
        wrapped = keys.wrap(self._key, _owner(self.outage))
        head = _Head(self.outage, clock.real(), wrapped.version, wrapped.blob)
        self.path = folder / f"{self.outage}{_OPEN}"
        self._number = 0
        self._together = _Together()
        self._writing = asyncio.Lock()
        self._file = _begun(self.path, msgspec.json.encode(head) + b"\n")

    async def append(self, promise: Promise) -> None:
        """Write a promise; when this returns, no power cut takes it back. Many at once share one flush.

        Raises OSError, after which nothing more is to be written here: a line may be torn.
        """
        self._number += 1
        text = msgspec.json.encode(promise)
        sealed = kms.seal(self._key, text, table=_TABLE, column=self.outage, row=str(self._number))
        together = self._together
        together.lines.append(base64.b64encode(sealed) + b"\n")
        async with self._writing:
            if together is self._together:  # nobody who came with us has written it
                self._together = _Together()
                await asyncio.to_thread(_write, self._file, b"".join(together.lines))
                together.written = True
        if not together.written:
            raise OSError

    async def close(self) -> None:
        """Write no more, once what is under way is written."""
        async with self._writing:
            self._file.close()


class _Together:
    """Lines of one flush."""

    __slots__ = ("lines", "written")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.written = False


def waiting(folder: Path) -> list[Path]:
    """List the files whose promises the books may not know, the oldest first."""
    return sorted(folder.glob(f"*{_OPEN}"))


def told(folder: Path) -> list[Path]:
    """List those the books know."""
    return sorted(folder.glob(f"*{_TOLD}"))


def name_told(path: Path) -> None:
    """Note that the books know all of it."""
    keyfile.rename(path, path.with_suffix(_TOLD))


def read(path: Path, keys: Kms) -> list[Promise]:
    """Read the promises of a file; raises Torn."""
    lines = path.read_bytes().split(b"\n")
    whole = lines[:-1]  # what has no end was never heard of
    if not whole:
        return []
    head = msgspec.json.decode(whole[0], type=_Head)
    key = keys.unwrap(Wrapped(head.key_version, head.wrapped), _owner(head.outage))
    found = []
    for number, line in enumerate(whole[1:], 1):
        try:
            opened = kms.open_(
                key, base64.b64decode(line, validate=True), table=_TABLE, column=head.outage, row=str(number)
            )
        except (Unopenable, binascii.Error) as error:
            raise Torn(path.name) from error
        found.append(msgspec.json.decode(opened, type=Promise))
    return found


def _begun(path: Path, head: bytes) -> IO[bytes]:
    """Make the file, its head and its name in the folder last."""
    opened = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
    _write(opened, head)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return opened


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    os.fsync(file.fileno())


def _owner(outage: str) -> str:
    return f"outage:{outage}"
