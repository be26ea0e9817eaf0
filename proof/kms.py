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

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_FORMAT = b"\x01"


class Wrapped(msgspec.Struct, frozen=True):
    """A data key as it is stored: `blob` opens under the KEK of `version` alone."""

    version: int
    blob: bytes


class Unopenable(Exception):
    """The ciphertext was changed, moved to another place, or belongs to another key."""


class UnknownKeyVersion(Exception):
    """No KEK of this version is held."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Kms(Protocol):
    """Where the wrapping keys live: files here, a key service or HSM in production."""

    def wrap(self, data_key: bytes, owner: str) -> Wrapped:
        """Wrap a data key under the newest KEK, bound to `owner` (whose key it is): it unwraps for no one else."""
        ...

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        """Answer the data key; raises Unopenable, UnknownKeyVersion."""
        ...

    def blind(self, purpose: str, value: str) -> bytes:
        """Answer 32 bytes by which an equal value can be found again, under `purpose` only (HMAC-SHA256).

        The caller normalises `value` first. The key doesn't rotate with the KEK: every index would have to be rebuilt.
        """
        ...


class FileKms:
    """Keys in a folder: `kek-<version>.key` and `blind.key`, 32 random bytes each, readable by the owner alone."""

    def __init__(self, keks: dict[int, bytes], blind: bytes) -> None:
        """Take the keys, by version from 1; the highest wraps, all unwrap."""
        for key in (*keks.values(), blind):
            if len(key) != KEY_BYTES:
                raise ValueError("a key has 32 bytes")
        self._keks = {version: AESGCM(key) for version, key in keks.items()}
        self._blind = blind
        self.version = max(keks)

    @classmethod
    def open(cls, folder: Path) -> "FileKms":
        """Read the keys of `folder`; a folder without keys gets its first ones."""
        keyfile.read_or_create(folder / "kek-1.key", new_data_key)
        keks = {int(path.stem.removeprefix("kek-")): path.read_bytes() for path in folder.glob("kek-*.key")}
        return cls(keks, keyfile.read_or_create(folder / "blind.key", new_data_key))

    @classmethod
    def rotate(cls, folder: Path) -> "FileKms":
        """Add the next KEK to `folder`. Running processes go on with theirs until restarted, old keys still unwrap."""
        latest = cls.open(folder).version
        keyfile.read_or_create(folder / f"kek-{latest + 1}.key", new_data_key)
        return cls.open(folder)

    def wrap(self, data_key: bytes, owner: str) -> Wrapped:
        """See Kms."""
        return Wrapped(self.version, _encrypt(self._keks[self.version], data_key, _wrap_aad(self.version, owner)))

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        """See Kms."""
        kek = self._keks.get(wrapped.version)
        if kek is None:
            raise UnknownKeyVersion(wrapped.version)
        return _decrypt(kek, wrapped.blob, _wrap_aad(wrapped.version, owner))

    def blind(self, purpose: str, value: str) -> bytes:
        """See Kms."""
        return blind(self._blind, purpose, value)


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
    if "\0" in purpose:
        raise ValueError("a purpose has no NUL")
    return hmac.digest(key, purpose.encode() + b"\0" + value.encode(), "sha256")


def _place(table: str, column: str, row: UUID | str) -> bytes:
    if "|" in table or "|" in column:
        raise ValueError("the bar separates the parts of a place")
    return f"{table}|{column}|{row}".encode()


def _wrap_aad(version: int, owner: str) -> bytes:
    return f"kek|{version}|{owner}".encode()


def _encrypt(key: AESGCM, plaintext: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORMAT + nonce + key.encrypt(nonce, plaintext, _FORMAT + aad)


def _decrypt(key: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _FORMAT:
        raise Unopenable
    try:
        return key.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], _FORMAT + aad)
    except InvalidTag as error:
        raise Unopenable from error
