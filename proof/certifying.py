"""A key behind the port `Signer` that signs certificates: `cryptography` asks it as it asks a key of its own."""

from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from proof.signer import Alg, BadKey, Signer, from_jwk

_COORDINATE_BYTES = 32


class CertifyingKey(ec.EllipticCurvePrivateKey):
    """Signs by ECDSA over SHA-256 and tells its public key. All else a private key does, it refuses."""

    def __init__(self, signer: Signer) -> None:
        """Take a signer on P-256; raises BadKey."""
        public = from_jwk(signer.public_jwk)
        if signer.alg is not Alg.ES256 or not isinstance(public, ec.EllipticCurvePublicKey):
            raise BadKey(signer.kid)
        self._signer, self._public = signer, public

    @property
    def curve(self) -> ec.EllipticCurve:
        """See ec.EllipticCurvePrivateKey."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """See ec.EllipticCurvePrivateKey."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """See ec.EllipticCurvePrivateKey."""
        return self._public

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:  # type: ignore[override]  # any buffer there
        """Answer the signature in DER; raises UnsupportedAlgorithm."""
        if not isinstance(signature_algorithm.algorithm, hashes.SHA256):
            raise UnsupportedAlgorithm(f"{Prehashed.__name__} and other hashes")
        raw = self._signer.sign(bytes(data))
        r, s = raw[:_COORDINATE_BYTES], raw[_COORDINATE_BYTES:]
        return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))

    def exchange(self, *_: object) -> NoReturn:
        """Refuse."""
        raise UnsupportedAlgorithm("key agreement")

    def private_numbers(self) -> NoReturn:
        """Refuse."""
        raise UnsupportedAlgorithm("reading the key")

    def private_bytes(self, *_: object) -> NoReturn:
        """Refuse."""
        raise UnsupportedAlgorithm("reading the key")

    def __copy__(self) -> "CertifyingKey":
        """Give the same: there is nothing to copy."""
        return self

    def __deepcopy__(self, memo: object) -> "CertifyingKey":
        """Give the same: there is nothing to copy."""
        return self
