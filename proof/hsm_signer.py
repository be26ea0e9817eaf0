"""A signing key in an HSM, by PKCS#11: made in its token, works there and never leaves it.

P-256 only, under CKM_ECDSA over a SHA-256 that is computed here: what every token can do. A token has no way to make a
key only where there is none, so nothing is made in passing; an operator does (`make`).
"""

import hashlib
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, Session
from pkcs11.util.ec import encode_named_curve_parameters

from proof import hsm
from proof.hsm import Exposed, NoKeys, Token
from proof.signer import Alg, BadKey, to_jwk

_POINT_BYTES = 65
#: Before the point in EC_POINT: an OCTET STRING of that length.
_OCTETS = bytes((0x04, _POINT_BYTES))


class KeyThere(Exception):
    """The token has a key of this label."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


def make(token: Token, label: str) -> None:
    """Make the key `label` in the token; raises KeyThere, hsm.Unreachable."""
    with token.open(writing=True) as session:
        if hsm.find(session, label, ObjectClass.PRIVATE_KEY) is not None:
            raise KeyThere(label)
        curve = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        curve.generate_keypair(
            label=label,
            store=True,
            private_template={
                Attribute.SIGN: True,
                Attribute.DERIVE: False,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
            },
            public_template={Attribute.VERIFY: True},
        )


class HsmSigner:
    """See proof.signer.Signer. One session, one signature at a time; one that was lost is opened anew, once each."""

    alg = Alg.ES256

    def __init__(self, token: Token, label: str) -> None:
        """Log in and find the key; raises hsm.Unreachable, hsm.NoKeys, hsm.Exposed, BadKey."""
        self._token, self._label = token, label
        self._lock = threading.Lock()
        self.public_jwk = self._enter()
        self.kid = self.public_jwk["kid"]

    def sign(self, message: bytes) -> bytes:
        """Answer the raw signature over `message`, 64 bytes."""
        digest = hashlib.sha256(message).digest()
        with self._lock:
            try:
                return self._sign(digest)
            except hsm.LOST:
                self._enter()
                return self._sign(digest)

    def _sign(self, digest: bytes) -> bytes:
        signature: bytes = self._key.sign(digest, mechanism=Mechanism.ECDSA)
        return signature

    def _enter(self) -> dict[str, str]:
        session = self._token.open()
        self._key = hsm.find(session, self._label, ObjectClass.PRIVATE_KEY)
        if self._key is None:
            raise NoKeys
        return _public(session, self._label)


def _public(session: Session, label: str) -> dict[str, str]:
    found = list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: label}))
    if len(found) != 1:
        raise Exposed(label)
    point: bytes = found[0][Attribute.EC_POINT]
    if not point.startswith(_OCTETS) or len(point) != len(_OCTETS) + _POINT_BYTES:
        raise BadKey(label)
    return to_jwk(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[len(_OCTETS) :]))
