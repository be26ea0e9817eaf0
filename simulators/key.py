"""The signing keys of test authorities, document signers and chips, each with one fixed algorithm."""

import hashlib
import secrets
from dataclasses import dataclass

from asn1crypto import algos, keys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_HASH: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,  # old passports carry it, and the house must grade it
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "brainpool256": ec.BrainpoolP256R1,
    "brainpool384": ec.BrainpoolP384R1,
}
KINDS = (*_CURVES, "rsa2048", "rsa3072", "rsa2048-pss")


@dataclass(frozen=True)
class Key:
    """A signing key with one fixed algorithm."""

    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    digest: str = "sha256"
    pss: bool = False

    @classmethod
    def make(cls, kind: str, *, seed: str | None = None, digest: str = "sha256") -> "Key":
        """Make a key of one of `KINDS`; the same `seed` gives the same elliptic-curve key, RSA is always random."""
        if kind in _CURVES:
            curve = _CURVES[kind]()
            wide = hashlib.sha512(seed.encode()).digest() if seed is not None else secrets.token_bytes(64)
            scalar = int.from_bytes(wide, "big") % (curve.group_order - 1) + 1
            return cls(ec.derive_private_key(scalar, curve), digest)
        size, _, scheme = kind.removeprefix("rsa").partition("-")
        return cls(rsa.generate_private_key(65537, int(size)), digest, scheme == "pss")

    @property
    def public(self) -> keys.PublicKeyInfo:
        """Its SubjectPublicKeyInfo."""
        encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return keys.PublicKeyInfo.load(self.private.public_key().public_bytes(*encoding))

    @property
    def identifier(self) -> bytes:
        """The subject key identifier (RFC 5280, 4.2.1.2, method 1)."""
        return hashlib.sha1(bytes(self.public["public_key"]), usedforsecurity=False).digest()

    @property
    def algorithm(self) -> algos.SignedDigestAlgorithm:
        """How certificates and security objects name its signatures."""
        if not self.pss:
            scheme = "ecdsa" if isinstance(self.private, ec.EllipticCurvePrivateKey) else "rsa"
            return algos.SignedDigestAlgorithm({"algorithm": f"{self.digest}_{scheme}"})
        parameters = {
            "hash_algorithm": {"algorithm": self.digest},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": self.digest}},
            "salt_length": _HASH[self.digest].digest_size,
        }
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)})

    def sign(self, data: bytes) -> bytes:
        """Sign `data`."""
        algorithm = _HASH[self.digest]()
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))
        if self.pss:
            return self.private.sign(
                data, padding.PSS(padding.MGF1(algorithm), salt_length=algorithm.digest_size), algorithm
            )
        return self.private.sign(data, padding.PKCS1v15(), algorithm)
