"""COSE_Sign1 and COSE_Mac0 (RFC 9052), as ISO 18013-5 and the status lists use them: ES256 and HMAC 256/256, no others.

A message is written as an array without its tag, which mdoc demands; `tagged` puts the tag of COSE_Sign1 before it.
"""

import hmac
from typing import Any

import cbor2
import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import Signer
from residency.credential import cbor, jws

ES256 = -7
HMAC_256 = 5
ALGORITHM, _CRITICAL, TYPE, X5CHAIN = 1, 2, 16, 33
_SIGN1_TAG = b"\xd2"
_COORDINATE_BYTES = 32
_MEMBERS = 4
_ECDSA = ec.ECDSA(hashes.SHA256())
_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_EC2, _P256 = 2, 1


class BadMessage(Exception):
    """The bytes are no COSE message, or one of another algorithm than is known here."""


class BadKey(Exception):
    """A COSE_Key that is no public P-256 key."""


class CoseSeal(msgspec.Struct, frozen=True):
    """Signs under one certificate chain, whose anchor is left out. Make it with `of`."""

    signer: Signer
    chain: tuple[x509.Certificate, ...]
    protected: bytes
    unprotected: bytes

    @classmethod
    def of(cls, signer: Signer, chain: tuple[x509.Certificate, ...], *, typ: str | None = None) -> "CoseSeal":
        """Encode both headers once: they are the same for every message. `typ` goes into header 16 (RFC 9596)."""
        assert signer.alg == jws.ALGORITHM, "credentials are signed with ES256"
        ders = [each.public_bytes(Encoding.DER) for each in chain]
        protected: dict[int, object] = {ALGORITHM: ES256}
        if typ is not None:
            protected[TYPE] = typ
        x5chain = ders[0] if len(ders) == 1 else ders
        return cls(signer, chain, cbor2.dumps(protected), cbor2.dumps({X5CHAIN: x5chain}))

    def sign(self, payload: bytes) -> bytes:
        """Write the COSE_Sign1 over `payload`, an array without tag."""
        signature = self.signer.sign(_to_be_signed(b"Signature1", self.protected, payload))
        return cbor.array(
            cbor.byte_string(self.protected), self.unprotected, cbor.byte_string(payload), cbor.byte_string(signature)
        )


class Message(msgspec.Struct, frozen=True):
    """A COSE_Sign1 or COSE_Mac0 taken apart; nothing in it is true until it was verified. `payload` may be detached."""

    protected: bytes
    header: dict[Any, Any]
    unprotected: dict[Any, Any]
    payload: bytes | None
    signature: bytes

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates of `x5chain`, DER, the signer's first; empty where there are none."""
        found = self.unprotected.get(X5CHAIN, self.header.get(X5CHAIN))
        ders = [found] if isinstance(found, bytes) else found
        return tuple(ders) if isinstance(ders, list) and all(isinstance(each, bytes) for each in ders) else ()

    def signed_by(self, key: ec.EllipticCurvePublicKey, *, detached: bytes | None = None) -> bool:
        """Tell whether `key` made the signature; `detached` is the payload where the message does not carry it."""
        payload = self._signed_payload(detached)
        if payload is None or self.header.get(ALGORITHM) != ES256 or len(self.signature) != 2 * _COORDINATE_BYTES:
            return False
        r = int.from_bytes(self.signature[:_COORDINATE_BYTES])
        s = int.from_bytes(self.signature[_COORDINATE_BYTES:])
        try:
            key.verify(encode_dss_signature(r, s), _to_be_signed(b"Signature1", self.protected, payload), _ECDSA)
        except InvalidSignature:
            return False
        return True

    def authenticated_by(self, key: bytes, *, detached: bytes | None = None) -> bool:
        """Tell whether the tag of a COSE_Mac0 is that of `key`."""
        payload = self._signed_payload(detached)
        if payload is None or self.header.get(ALGORITHM) != HMAC_256:
            return False
        tag = hmac.digest(key, _to_be_signed(b"MAC0", self.protected, payload), "sha256")
        return hmac.compare_digest(tag, self.signature)

    def _signed_payload(self, detached: bytes | None) -> bytes | None:
        """Give the one payload there is: a message that carries one is not verified over another."""
        return self.payload if detached is None else (detached if self.payload is None else None)


def tagged(message: bytes) -> bytes:
    """Put the tag of COSE_Sign1 before a message."""
    return _SIGN1_TAG + message


def untagged(raw: bytes) -> bytes:
    """Take the tag of COSE_Sign1 away; raises BadMessage where there is none."""
    if not raw.startswith(_SIGN1_TAG):
        raise BadMessage("not tagged as COSE_Sign1")
    return raw[1:]


def parse(raw: bytes) -> Message:
    """Take a message apart; raises BadMessage."""
    try:
        found = cbor.items(raw)
        if len(found) != _MEMBERS:
            raise BadMessage("not four members")
        protected, unprotected, payload, signature = map(cbor.load, found)
        header = cbor.load(protected) if protected else {}
    except (cbor.Malformed, TypeError) as error:
        raise BadMessage("unreadable") from error
    shape = (type(protected), type(header), type(unprotected), type(signature))
    if shape != (bytes, dict, dict, bytes) or not isinstance(payload, bytes | None):
        raise BadMessage("other types")
    # A decoder may take a simple value for the number it has, which no signature over the message would notice.
    if any(type(label) not in (int, str) for label in (*header, *unprotected)):
        raise BadMessage("a label that is none")
    if _CRITICAL in header:  # no extension is known here (RFC 9052 section 3.1)
        raise BadMessage("crit")
    return Message(protected, header, unprotected, payload, signature)


def to_cose_key(jwk: dict[str, str]) -> dict[int, object]:
    """Write a public P-256 JWK as a COSE_Key (RFC 9053 section 7.1.1)."""
    return {_KTY: _EC2, _CRV: _P256, _X: jws.unb64(jwk["x"]), _Y: jws.unb64(jwk["y"])}


def from_cose_key(key: object) -> ec.EllipticCurvePublicKey:
    """Read a public P-256 key; raises BadKey."""
    if not isinstance(key, dict) or (key.get(_KTY), key.get(_CRV)) != (_EC2, _P256):
        raise BadKey("not an EC key on P-256")
    x, y = key.get(_X), key.get(_Y)
    if not (isinstance(x, bytes) and isinstance(y, bytes) and len(x) == len(y) == _COORDINATE_BYTES):
        raise BadKey("not two coordinates")
    try:
        return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
    except ValueError as error:
        raise BadKey("not a point on P-256") from error


def _to_be_signed(context: bytes, protected: bytes, payload: bytes) -> bytes:
    """Write the Sig_structure or MAC_structure (RFC 9052 sections 4.4, 6.3), without external data."""
    return b"".join(
        (b"\x84", cbor.head(3, len(context)), context, cbor.byte_string(protected), b"\x40", cbor.byte_string(payload))
    )
