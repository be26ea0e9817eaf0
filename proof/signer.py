"""Signatures: the port `Signer` behind which a key lives (a file here, an HSM or a key service in production).

Ed25519 is EdDSA, P-256 is ES256, both in the raw form of JOSE: 64 bytes, for ES256 r ‖ s (RFC 7518 section 3.4).
"""

import base64
import enum
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from proof import keyfile

_COORDINATE_BYTES = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class Alg(enum.StrEnum):
    """The JOSE algorithms we sign with."""

    EDDSA = "EdDSA"
    ES256 = "ES256"


class Signer(Protocol):
    """A key that signs."""

    @property
    def kid(self) -> str:
        """Its name: the RFC 7638 thumbprint of the public key."""
        ...

    @property
    def alg(self) -> Alg:
        """What it signs with."""
        ...

    @property
    def public_jwk(self) -> dict[str, str]:
        """What verifiers need, `kid`, `alg` and `use` included."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Answer the raw signature over `message`, 64 bytes."""
        ...


class BadKey(Exception):
    """The key is not one of ours: other type, other curve, unreadable, or of another algorithm than asked for."""


_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class FileSigner:
    """A signer whose key is a PKCS#8 PEM file that only its owner may read, encrypted where it has a `word`."""

    def __init__(self, key: _Private) -> None:
        """Take a private key; raises BadKey."""
        self._key = key
        self.public_jwk = to_jwk(key.public_key())
        self.kid = self.public_jwk["kid"]
        self.alg = Alg(self.public_jwk["alg"])

    @classmethod
    def open(cls, path: Path, alg: Alg, *, word: bytes | None = None) -> "FileSigner":
        """Read the key at `path`, made there first if there is none; raises BadKey if it is of another algorithm.

        With a `word` the file is encrypted by it; one from before there was a word is encrypted now.
        """
        pem = keyfile.read_or_create(path, lambda: _written(_generate(alg), word))
        is_plain = not pem.startswith(_ENCRYPTED)
        try:
            key = serialization.load_pem_private_key(pem, password=None if is_plain else word)
        except (ValueError, TypeError) as error:
            raise BadKey(str(path)) from error
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise BadKey(str(path))
        signer = cls(key)
        if signer.alg is not alg:
            raise BadKey(str(path))
        if is_plain and word is not None:
            keyfile.replace(path, _written(key, word))
        return signer

    @property
    def private(self) -> _Private:
        """The key itself, for what signs other things than messages (certificates)."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """Answer the raw signature over `message`, 64 bytes."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def verify(jwk: Mapping[str, str], message: bytes, signature: bytes) -> bool:
    """Answer whether `signature` over `message` is of the key `jwk`, whose type alone decides how; raises BadKey."""
    key = from_jwk(jwk)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
        if len(signature) != 2 * _COORDINATE_BYTES:
            return False
        r = int.from_bytes(signature[:_COORDINATE_BYTES], "big")
        s = int.from_bytes(signature[_COORDINATE_BYTES:], "big")
        key.verify(encode_dss_signature(r, s), message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def to_jwk(key: _Public) -> dict[str, str]:
    """Describe a public key as a JWK with its thumbprint as `kid`; raises BadKey for a curve other than P-256."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        required = {"crv": "Ed25519", "kty": "OKP", "x": _text(raw)}
        alg = Alg.EDDSA
    else:
        if not isinstance(key.curve, ec.SECP256R1):
            raise BadKey(key.curve.name)
        numbers = key.public_numbers()
        x, y = (number.to_bytes(_COORDINATE_BYTES, "big") for number in (numbers.x, numbers.y))
        required = {"crv": "P-256", "kty": "EC", "x": _text(x), "y": _text(y)}
        alg = Alg.ES256
    return {**required, "kid": _thumbprint(required), "alg": alg.value, "use": "sig"}


def from_jwk(jwk: Mapping[str, str]) -> _Public:
    """Read the public key of an Ed25519 or P-256 JWK; raises BadKey, also for a point that isn't on the curve."""
    try:
        match (jwk.get("kty"), jwk.get("crv")):
            case ("OKP", "Ed25519"):
                return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
            case ("EC", "P-256"):
                point = b"\x04" + _coordinate(jwk["x"]) + _coordinate(jwk["y"])
                return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (KeyError, ValueError, TypeError) as error:
        raise BadKey("jwk") from error
    raise BadKey("jwk")


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Answer the RFC 7638 SHA-256 thumbprint of a public JWK, base64url; raises BadKey."""
    return to_jwk(from_jwk(jwk))["kid"]


def _thumbprint(required: Mapping[str, str]) -> str:
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return _text(hashlib.sha256(canonical.encode()).digest())


def _generate(alg: Alg) -> _Private:
    match alg:
        case Alg.EDDSA:
            return ed25519.Ed25519PrivateKey.generate()
        case Alg.ES256:
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            assert_never(alg)


def _written(key: _Private, word: bytes | None) -> bytes:
    how = serialization.NoEncryption() if word is None else serialization.BestAvailableEncryption(word)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _coordinate(text: str) -> bytes:
    raw = _bytes(text)
    if len(raw) != _COORDINATE_BYTES:
        raise ValueError("a P-256 coordinate has 32 bytes")
    return raw
