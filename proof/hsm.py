"""The keys of an HSM, by PKCS#11: they are made in its token, work there and never leave it.

KEKs are AES-256 keys labelled `kek-<version>`, used with CKM_AES_GCM; the blind index is CKM_SHA256_HMAC under the key
`blind`. What is stored is the same as with files (proof/kms.py): format byte, nonce, ciphertext and tag, under the same
AAD. A retired KEK is labelled `retired-kek-<version>` and destroyed with the HSM's own tools when no backup needs it.

A token has no way to make a key only where there is none, so nothing is made in passing: `eresidency keys rotate` makes
the first keys, and the next ones (app/rotation.py lets one operator at a time do it).
"""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass, Session
from pkcs11.exceptions import (
    DeviceRemoved,
    EncryptedDataInvalid,
    EncryptedDataLenRange,
    GeneralError,
    MultipleObjectsReturned,
    NoSuchKey,
    PKCS11Error,
    SessionClosed,
    SessionHandleInvalid,
    TokenNotPresent,
    UserAlreadyLoggedIn,
    UserNotLoggedIn,
)

from proof import kms
from proof.kms import Unopenable, Wrapped
from proof.versions import Newest, Versions

_BITS = 8 * kms.KEY_BYTES
_TAG_BITS = 128
_BLOB_BYTES = 1 + kms.NONCE_BYTES + kms.KEY_BYTES + _TAG_BITS // 8
_BLIND = "blind"
#: What a token says when it, its driver or the way to it went away: another session may work.
LOST = (DeviceRemoved, SessionClosed, SessionHandleInvalid, TokenNotPresent, UserNotLoggedIn)
#: What a token says of a wrong tag; SoftHSM 2.6 has no better word for it than "general error".
_BAD_TAG = (EncryptedDataInvalid, EncryptedDataLenRange, GeneralError)

Answer = TypeVar("Answer")


class Unreachable(Exception):
    """There is no such token, or it doesn't let us in; `why` never holds the PIN."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoKeys(Exception):
    """The token holds no keys of ours yet."""


class Exposed(Exception):
    """A key of ours could be read out of the token, or there are two of its name: somebody put it there."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class Token(msgspec.Struct, frozen=True):
    """Where the keys are: the driver's library, the token's label, and what gives the PIN of its user as it is now."""

    module: Path
    label: str
    pin: Callable[[], str]

    def __repr__(self) -> str:
        return f"Token({self.label})"

    def open(self, *, writing: bool = False) -> Session:
        """Log in; raises Unreachable."""
        try:
            token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
            try:
                return token.open(rw=writing, user_pin=self.pin())
            except UserAlreadyLoggedIn:  # a process logs in once, for all its sessions
                return token.open(rw=writing)
        except (PKCS11Error, RuntimeError) as error:
            raise Unreachable(f"{self.label}: {type(error).__name__}") from error


def prepare(token: Token) -> bool:
    """Make the first keys of a token that has none, and say whether it had none; raises Unreachable."""
    with token.open(writing=True) as session:
        if _versions(session):
            return False
        _make(session, KeyType.GENERIC_SECRET, _BLIND, Mechanism.GENERIC_SECRET_KEY_GEN, Attribute.SIGN)
        _make_kek(session, 1)
    return True


class HsmKms:
    """See proof.kms.Kms. One session, one call at a time; one that was lost is opened anew, once for each call."""

    def __init__(self, token: Token) -> None:
        """Log in and find the keys; raises Unreachable, NoKeys, Exposed."""
        self._token = token
        self._lock = threading.RLock()
        self._enter()

    @property
    def version(self) -> int:
        """See Kms."""
        return self._speak(lambda: self._keks.newest)

    def wrap(self, data_key: bytes, owner: str) -> Wrapped:
        """See Kms."""

        def wrap() -> Wrapped:
            version, nonce = self._keks.newest, secrets.token_bytes(kms.NONCE_BYTES)
            sealed = self._keks.of(version).encrypt(data_key, **_gcm(nonce, version, owner))
            return Wrapped(version, kms.FORMAT + nonce + sealed)

        return self._speak(wrap)

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        """See Kms."""
        version, blob = wrapped.version, wrapped.blob
        nonce, sealed = blob[1 : 1 + kms.NONCE_BYTES], blob[1 + kms.NONCE_BYTES :]

        def unwrap() -> bytes:
            key = self._keks.of(version)
            if len(blob) != _BLOB_BYTES or blob[:1] != kms.FORMAT:
                raise Unopenable
            try:
                opened: bytes = key.decrypt(sealed, **_gcm(nonce, version, owner))
            except _BAD_TAG as error:
                raise Unopenable from error
            return opened

        return self._speak(unwrap)

    def blind(self, purpose: str, value: str) -> bytes:
        """See Kms."""
        text = kms.blinded(purpose, value)

        def sign() -> bytes:
            index: bytes = self._blind.sign(text, mechanism=Mechanism.SHA256_HMAC)
            return index

        return self._speak(sign)

    def rotate(self) -> int:
        """See Kms."""

        def rotate() -> int:
            with self._token.open(writing=True) as session:
                _make_kek(session, self._keks.newest + 1)
            return self._keks.newest

        return self._speak(rotate)

    def retire(self, version: int) -> None:
        """See Kms."""

        def retire() -> None:
            if version == self._keks.newest:
                raise Newest(version)
            self._keks.of(version)
            with self._token.open(writing=True) as session:
                key = find(session, _label(version))
                assert key is not None, "it was found by its label just now"
                key[Attribute.LABEL] = f"retired-{_label(version)}"
            self._keks.forget(version)

        self._speak(retire)

    def _speak(self, say: Callable[[], Answer]) -> Answer:
        with self._lock:
            try:
                return say()
            except LOST:
                self._enter()
                return say()

    def _enter(self) -> None:
        session = self._token.open()
        blind = find(session, _BLIND)
        keks = {version: find(session, _label(version)) for version in _versions(session)}
        if blind is None or not keks:
            raise NoKeys
        self._blind = blind
        self._keks: Versions[Any] = Versions(keks, lambda version: find(session, _label(version)))


def _versions(session: Session) -> set[int]:
    keys = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
    heads = [str(key[Attribute.LABEL]).partition("-") for key in keys]
    return {int(digits) for head, _, digits in heads if head == "kek"}


def find(session: Session, label: str, kind: ObjectClass = ObjectClass.SECRET_KEY) -> Any:  # noqa: ANN401  what a key can do, the library composes while running
    """Find a key by its label; None where there is none. Raises Exposed."""
    try:
        key = session.get_key(object_class=kind, label=label)
    except NoSuchKey:
        return None
    except MultipleObjectsReturned as error:
        raise Exposed(label) from error
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise Exposed(label)
    return key


def _make_kek(session: Session, version: int) -> None:
    _make(session, KeyType.AES, _label(version), Mechanism.AES_KEY_GEN, Attribute.ENCRYPT, Attribute.DECRYPT)


def _make(session: Session, kind: KeyType, label: str, mechanism: Mechanism, *uses: Attribute) -> None:
    """Make a key that stays in the token and does nothing but its uses."""
    may = (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.SIGN, Attribute.VERIFY, Attribute.WRAP, Attribute.UNWRAP)
    template = {use: use in uses for use in may} | {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    session.generate_key(kind, _BITS, label=label, store=True, mechanism=mechanism, template=template)


def _label(version: int) -> str:
    return f"kek-{version}"


def _gcm(nonce: bytes, version: int, owner: str) -> dict[str, Any]:
    aad = kms.FORMAT + kms.wrap_aad(version, owner)
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, aad, _TAG_BITS)}
