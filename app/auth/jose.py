"""Signed JSON as this house speaks it: compact JWS, ES256 or EdDSA, public keys as JWK (RFC 7515, 7517, 7518, 8037).

Lean on purpose: a proof comes with every request. Reading is strict where laxness would give one message two forms:
base64url has no padding and no stray bits, a point is on its curve, a private member in a key is refused.
"""

import binascii
import json
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import UNSET, Meta, UnsetType

from proof import signer

#: Longer than any message we take part in; keeps the work for a stranger's bytes small.
TOKEN_MAX = 8_192

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: The characters of other spellings become one that no base64 knows.
_TO_STANDARD, _FROM_STANDARD = bytes.maketrans(b"-_+/=", b"+/???"), bytes.maketrans(b"+/", b"-_")
#: What the last character may be, by how many there are beyond whole groups of four: the bits it can't use are zero.
_LAST = ("", None, "AQgw", "AEIMQUYcgkosw048")
_PADDING = (b"", b"", b"==", b"=")
_HALF = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
_KEYS_CACHED = 4_096

Algorithm = Literal["ES256", "EdDSA"]
#: The id of a message that may be used once; printable, since it is stored.
Jti = Annotated[str, Meta(pattern=r"^[ -~]{8,128}\Z")]
Decoded = TypeVar("Decoded")


class Unreadable(Exception):
    """Not a message we read, or not signed by the key; `reason` says which, for the caller's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Jwk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key: EC P-256 or Ed25519. Private and symmetric members are listed in order to be refused."""

    kty: Literal["EC", "OKP"]
    crv: Literal["P-256", "Ed25519"]
    x: str
    y: str | UnsetType = UNSET
    kid: str | UnsetType = UNSET
    alg: str | UnsetType = UNSET
    use: str | UnsetType = UNSET
    d: msgspec.Raw | UnsetType = UNSET
    k: msgspec.Raw | UnsetType = UNSET
    p: msgspec.Raw | UnsetType = UNSET
    q: msgspec.Raw | UnsetType = UNSET


class Key:
    """A public key ready to verify with. `thumbprint` is its RFC 7638 name, the `jkt` of tokens bound to it."""

    __slots__ = ("_public", "algorithm", "thumbprint")

    def __init__(self, public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey, thumbprint: str) -> None:
        self._public = public
        self.algorithm: Algorithm = "ES256" if isinstance(public, ec.EllipticCurvePublicKey) else "EdDSA"
        self.thumbprint = thumbprint

    def verify(self, signature: bytes, signed: bytes) -> None:
        """Check a JWS signature; raises Unreadable."""
        try:
            if isinstance(self._public, ed25519.Ed25519PublicKey):
                self._public.verify(signature, signed)
            elif len(signature) == 2 * _HALF:
                r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
                self._public.verify(encode_dss_signature(r, s), signed, _ECDSA)
            else:
                raise Unreadable("signature has the wrong length")
        except InvalidSignature:
            raise Unreadable("signature does not verify") from None


class Message(msgspec.Struct, frozen=True):
    """A compact JWS taken apart, not yet believed."""

    header: bytes
    payload: bytes
    signature: bytes
    signed: bytes


def parts(text: str) -> tuple[str, str, str]:
    """Take a compact JWS apart into its three texts; raises Unreadable."""
    if len(text) > TOKEN_MAX:
        raise Unreadable("too long")
    found = text.split(".")
    if len(found) != 3:  # noqa: PLR2004  RFC 7515 section 7.1: header, payload, signature
        raise Unreadable("not a compact JWS")
    return found[0], found[1], found[2]


def split(text: str) -> Message:
    """Take a compact JWS apart; raises Unreadable."""
    header, payload, signature = map(unb64, parts(text))
    return Message(header, payload, signature, text[: text.rindex(".")].encode())


def read(decoder: msgspec.json.Decoder[Decoded], raw: bytes, part: str) -> Decoded:
    """Decode one part of a message; raises Unreadable."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"{part}: {error}") from None


def names(kind: type[msgspec.Struct]) -> tuple[bytes, ...]:
    """List the members of `kind` as they stand in JSON, for `check_single`."""
    return tuple(b'"%s"' % name.encode() for name in kind.__struct_encode_fields__)


def check_single(raw: bytes, named: tuple[bytes, ...], part: str) -> None:
    """Refuse an object that gives a member twice: of two readers one would believe the first; raises Unreadable.

    Counting is ten times as fast as reading, and mostly enough: a name that is there once can't be there twice.
    """
    if b"\\" in raw or any(raw.count(name) > 1 for name in named):
        try:
            json.loads(raw, object_pairs_hook=_pairs)
        except (ValueError, RecursionError):
            raise Unreadable(f"{part}: not JSON") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a member is given twice")
    return found


def key_of(jwk: Jwk) -> Key:
    """Make a public key of a JWK; raises Unreadable."""
    if not jwk.d is jwk.k is jwk.p is jwk.q is UNSET:
        raise Unreadable("jwk holds a private key")
    if (jwk.kty, jwk.crv) not in {("EC", "P-256"), ("OKP", "Ed25519")} or (jwk.kty == "EC") != isinstance(jwk.y, str):
        raise Unreadable("jwk is not a P-256 or Ed25519 key")
    return _key(jwk.kty, jwk.crv, jwk.x, jwk.y or "")


@lru_cache(_KEYS_CACHED)
def _key(kty: str, crv: str, x: str, y: str) -> Key:
    if any(len(unb64(part)) != _HALF for part in (x, y) if part):
        raise Unreadable("jwk coordinate is not 32 bytes")
    try:
        public = signer.from_jwk({"kty": kty, "crv": crv, "x": x, "y": y})
    except signer.BadKey:
        raise Unreadable("jwk is not a point of its curve") from None
    return Key(public, signer.to_jwk(public)["kid"])


def is_low(signature: bytes) -> bool:
    """Whether an ES256 signature is the lower of its two valid forms, the only one we write."""
    return int.from_bytes(signature[_HALF:]) <= _P256_ORDER // 2


def lowered(signature: bytes) -> bytes:
    """Write an ES256 signature in its lower form: s and n - s both verify, and one token should have one spelling."""
    if is_low(signature):
        return signature
    return signature[:_HALF] + (_P256_ORDER - int.from_bytes(signature[_HALF:])).to_bytes(_HALF)


def b64(raw: bytes) -> str:
    """Write base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_FROM_STANDARD).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Read base64url without padding; raises Unreadable for any text `b64` would not have written."""
    beyond = len(text) & 3
    last = _LAST[beyond]
    if last is None or (last and text[-1] not in last):
        raise Unreadable("not base64url")
    try:
        encoded = text.encode("ascii").translate(_TO_STANDARD)
        return binascii.a2b_base64(encoded + _PADDING[beyond], strict_mode=True)
    except ValueError:
        raise Unreadable("not base64url") from None
