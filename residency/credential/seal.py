"""A seal: a signing key with the certificates that vouch for it, up to the root but without it.

Whoever verifies has the root from elsewhere; a root inside the token would be trusted by nobody who thinks (HAIP 1.0
section 6.1.1 forbids it).
"""

import base64

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import Signer
from residency.credential import jws


class Seal(msgspec.Struct, frozen=True):
    """Signs tokens of one `typ`. `chain` starts with the certificate of the signing key. Make it with `of`."""

    signer: Signer
    chain: tuple[x509.Certificate, ...]
    typ: str
    header: str

    @classmethod
    def of(cls, signer: Signer, chain: tuple[x509.Certificate, ...], *, typ: str) -> "Seal":
        """Encode the header once: it is the same for every token this seal signs."""
        x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii") for certificate in chain]
        header = {"alg": jws.ALGORITHM, "kid": signer.kid, "typ": typ, "x5c": x5c}
        return cls(signer, chain, typ, jws.b64(msgspec.json.encode(header)))

    def sign(self, payload: jws.Json) -> str:
        """Write the compact JWS over `payload`."""
        return jws.sign_encoded(self.signer, self.header, payload)
