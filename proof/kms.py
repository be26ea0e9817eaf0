"""Keys under keys: each person's fields are sealed with the person's data key, which is stored only wrapped.

The port `Kms` holds the keys that wrap (KEK), by version, and the key of the blind indexes. Erasing a wrapped data key
erases the person: nothing sealed with it can be opened again. All sealing is AES-256-GCM with random 96-bit nonces
(NIST SP 800-38D); one data key seals some hundred fields, far below the 2³² at which random nonces wear out.
"""

import hmac
import secrets
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proof import keyfile
from proof.versions import Newest, Versions

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"
_TAG_BYTES = 16


class Wrapped(msgspec.Struct, frozen=True):
    """A data key as it is stored: `blob` opens under the KEK of `version` alone."""

    version: int
    blob: bytes


class Unopenable(Exception):
    """The ciphertext was changed, moved to another place, or belongs to another key."""


class Kms(Protocol):
    """Where the wrapping keys live: files here, an HSM in production (proof/hsm.py)."""

    @property
    def version(self) -> int:
        """The newest KEK, which wraps; others may have added it a moment ago."""
        ...

    def wrap(self, data_key: bytes, owner: str) -> Wrapped:
        """Wrap a data key under the newest KEK, bound to `owner` (whose key it is): it unwraps for no one else."""
        ...

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        """Answer the data key; raises Unopenable, proof.versions.UnknownKeyVersion."""
        ...

    def blind(self, purpose: str, value: str) -> bytes:
        """Answer 32 bytes by which an equal value can be found again, under `purpose` only (HMAC-SHA256).

        The caller normalises `value` first. The key doesn't rotate with the KEK: see docs/keys.md.
        """
        ...

    def rotate(self) -> int:
        """Make the next KEK and answer its version; from here on it wraps, in every process, and the others unwrap."""
        ...

    def retire(self, version: int) -> None:
        """Put an old KEK away, out of reach of every process that starts from here on.

        The caller has made sure that nothing is wrapped by it. Raises proof.versions.Newest, UnknownKeyVersion.
        """
        ...


class FileKms:
    """Keys in a folder: `kek-<version>.key` and `blind.key`, 32 random bytes each, readable by the owner alone.

    A retired KEK is kept as `retired-kek-<version>.key` for whoever restores an old backup; nothing here reads it.
    """

    def __init__(self, folder: Path, keks: dict[int, bytes], blind: bytes) -> None:
        """Take the keys of `folder`, by version; the highest wraps, all unwrap."""
        for key in (*keks.values(), blind):
            _check(key)
        self._folder = folder
        self._keks = Versions({version: AESGCM(key) for version, key in keks.items()}, self._find)
        self._blind = blind

    @classmethod
    def open(cls, folder: Path) -> "FileKms":
        """Read the keys of `folder`; a folder without keys gets its first ones."""
        if not any(folder.glob("*kek-*.key")):
            keyfile.read_or_create(folder / "kek-1.key", new_data_key)
        keks = {int(path.stem.removeprefix("kek-")): path.read_bytes() for path in folder.glob("kek-*.key")}
        return cls(folder, keks, keyfile.read_or_create(folder / "blind.key", new_data_key))

    @property
    def version(self) -> int:
        """See Kms."""
        return self._keks.newest

    def wrap(self, data_key: bytes, owner: str) -> Wrapped:
        """See Kms."""
        version = self._keks.newest
        return Wrapped(version, _encrypt(self._keks.of(version), data_key, wrap_aad(version, owner)))

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        """See Kms."""
        return _decrypt(self._keks.of(wrapped.version), wrapped.blob, wrap_aad(wrapped.version, owner))

    def blind(self, purpose: str, value: str) -> bytes:
        """See Kms."""
        return blind(self._blind, purpose, value)

    def rotate(self) -> int:
        """See Kms."""
        version = self._keks.newest + 1
        keyfile.read_or_create(self._path(version), new_data_key)
        return self._keks.newest

    def retire(self, version: int) -> None:
        """See Kms."""
        if version == self._keks.newest:
            raise Newest(version)
        self._keks.of(version)
        path = self._path(version)
        keyfile.rename(path, path.with_name(f"retired-{path.name}"))
        self._keks.forget(version)

    def _path(self, version: int) -> Path:
        return self._folder / f"kek-{version}.key"

    def _find(self, version: int) -> AESGCM | None:
        path = self._path(version)
        if not path.exists():
            return None
        key = path.read_bytes()
        _check(key)
        return AESGCM(key)


def new_data_key() -> bytes:
    """Make a fresh 32-byte key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(data_key: bytes, plaintext: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
    """Encrypt one field for its place: format byte, nonce, ciphertext and tag. Elsewhere it doesn't open."""
    return _encrypt(AESGCM(data_key), plaintext, _place(table, column, row))


def open_(data_key: bytes, sealed: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
    """Decrypt one field that was sealed for this place; raises Unopenable."""
    return _decrypt(AESGCM(data_key), sealed, _place(table, column, row))


def blind(key: bytes, purpose: str, value: str) -> bytes:
    """Answer HMAC-SHA256 over purpose and value; equal values are found without being stored."""
    return hmac.digest(key, blinded(purpose, value), "sha256")


def blinded(purpose: str, value: str) -> bytes:
    """Write what a blind index is made over; neither can be taken for a part of the other."""
    if "\0" in purpose:
        raise ValueError("a purpose has no NUL")
    return purpose.encode() + b"\0" + value.encode()


def wrap_aad(version: int, owner: str) -> bytes:
    """Write what a wrapped key is bound to."""
    return f"kek|{version}|{owner}".encode()


def _place(table: str, column: str, row: UUID | str) -> bytes:
    if "|" in table or "|" in column:
        raise ValueError("the bar separates the parts of a place")
    return f"{table}|{column}|{row}".encode()


def _check(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")


def _encrypt(key: AESGCM, plaintext: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORMAT + nonce + key.encrypt(nonce, plaintext, FORMAT + aad)


def _decrypt(key: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < 1 + NONCE_BYTES + _TAG_BYTES or sealed[:1] != FORMAT:
        raise Unopenable
    try:
        return key.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], FORMAT + aad)
    except InvalidTag as error:
        raise Unopenable from error
