"""The secret of a passport's chip: it signs what a terminal sends, which a copy of its files can't.

    chip = Chip.make("rsa2048")                       authority.issue(…, chip=chip)
    chip.answer(nonce)                                 what INTERNAL AUTHENTICATE gives back

Written from ICAO Doc 9303-11, section 6.1, ISO/IEC 9796-2 and BSI TR-03111, and by no code of the house.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from asn1crypto import core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from simulators.key import Key
from simulators.portrait import tlv

_TRAILERS = {"sha1": "bc", "sha224": "38cc", "sha256": "34cc", "sha384": "36cc", "sha512": "35cc"}
_PLAIN = "0.4.0.127.0.7.1.1.4.1"
_PLAIN_NUMBERS = {"sha1": 1, "sha224": 2, "sha256": 3, "sha384": 4, "sha512": 5}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384}


class _Info(core.Sequence):  # type: ignore[misc]  # asn1crypto carries no types
    _fields: ClassVar[list[tuple[str, type]]] = [
        ("protocol", core.ObjectIdentifier),
        ("version", core.Integer),
        ("algorithm", core.ObjectIdentifier),
    ]


class _Infos(core.SetOf):  # type: ignore[misc]  # as above
    _child_spec = _Info


@dataclass(frozen=True)
class Chip:
    """A private key that never leaves the chip; `digest` is what it signs with."""

    key: Key
    digest: str = "sha256"

    @classmethod
    def make(cls, kind: str, *, seed: str | None = None, digest: str = "sha256") -> "Chip":
        """Make a chip with a key of one of simulators.key.KINDS."""
        return cls(Key.make(kind, seed=seed), digest)

    @property
    def files(self) -> Mapping[int, bytes]:
        """DG15, the public key, and for a curve DG14, which names the digest."""
        public = {15: tlv(0x6F, self.key.public.dump())}
        if isinstance(self.key.private, rsa.RSAPrivateKey):
            return public
        algorithm = f"{_PLAIN}.{_PLAIN_NUMBERS[self.digest]}"
        infos = _Infos([_Info({"protocol": "2.23.136.1.1.5", "version": 1, "algorithm": algorithm})])
        return {14: tlv(0x6E, infos.dump()), **public}

    def answer(self, nonce: bytes) -> bytes:
        """Sign eight bytes of a terminal's."""
        if isinstance(self.key.private, rsa.RSAPrivateKey):
            return self._recoverable(self.key.private, nonce)
        assert isinstance(self.key.private, ec.EllipticCurvePrivateKey)
        size = (self.key.private.key_size + 7) // 8
        pair = decode_dss_signature(self.key.private.sign(nonce, ec.ECDSA(_HASHES[self.digest]())))
        return b"".join(part.to_bytes(size, "big") for part in pair)

    def _recoverable(self, private: rsa.RSAPrivateKey, nonce: bytes) -> bytes:
        """Sign by ISO/IEC 9796-2, scheme 1: 6A, random M1, the digest over M1 and the nonce, the trailer."""
        size, trailer = private.key_size // 8, bytes.fromhex(_TRAILERS[self.digest])
        digest = hashlib.new(self.digest)
        recovered = secrets.token_bytes(size - 1 - digest.digest_size - len(trailer))
        digest.update(recovered + nonce)
        numbers = private.private_numbers()
        opened = int.from_bytes(b"\x6a" + recovered + digest.digest() + trailer, "big")
        modulus = numbers.public_numbers.n
        signature = pow(opened, numbers.d, modulus)
        return min(signature, modulus - signature).to_bytes(size, "big")
