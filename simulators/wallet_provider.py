"""A wallet provider: vouches for its wallets and for the keys they keep, and publishes which of its word still holds.

    provider = WalletProvider("https://provider.example")
    provider.root_pem                                            # to be trusted: eresidency wallet trust
    wallet = provider.wallet("kz.example.wallet", "https://id.example")
    wallet.headers()                                             # of each request to PAR and token
    provider.key_attestation([key.jwk], nonce=nonce)             # within a proof, or as one

Attestations are those of OpenID4VCI 1.0, appendices D and E; a signer under a root of its own makes them.
"""

import base64
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from litestar import Litestar, Response, get

from simulators.passkey import DeviceKey, Json, b64

STATUS_PATH = "/status/1"
_DAYS = timedelta(days=300)
_LIST_ENTRIES = 1_024


class WalletProvider:
    """One provider, known by its root; `revoked` are the entries of its status list that hold no more."""

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        """Make the root and a signer under it; `url` is where the provider publishes."""
        self.url, self.now = url, now
        self.revoked: set[int] = set()
        root_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = _certificate("Wallet provider", root_key.public_key(), "Wallet provider", root_key, ca=True)
        leaf = _certificate("Wallet attestations", signer_key.public_key(), "Wallet provider", root_key, ca=False)
        self.signer = DeviceKey(signer_key)
        self.x5c = [base64.b64encode(leaf.public_bytes(serialization.Encoding.DER)).decode()]

    @property
    def root_pem(self) -> str:
        """The root, for whoever trusts this provider."""
        return self.root.public_bytes(serialization.Encoding.PEM).decode()

    def wallet(self, client_id: str, audience: str) -> "AttestedWallet":
        """Make an instance of the wallet `client_id`, to be attested towards the server `audience`."""
        return AttestedWallet(self, client_id, audience)

    def sign(self, typ: str, claims: Json, header: Json | None = None) -> str:
        """Sign a statement; a field or claim that is None is left out."""
        top = {"typ": typ, "alg": "ES256", "x5c": self.x5c} | (header or {})
        said = {"iss": self.url, "iat": int(self.now())} | claims
        kept = [{name: value for name, value in part.items() if value is not None} for part in (top, said)]
        return self.signer.jws(kept[0], kept[1])

    def attestation(self, jwk: Json, client_id: str, **changed: object) -> str:
        """Vouch for a wallet that holds the key `jwk`."""
        claims = {"sub": client_id, "exp": int(self.now()) + 3_600, "cnf": {"jwk": jwk}} | changed
        return self.sign("oauth-client-attestation+jwt", claims)

    def key_attestation(self, keys: Sequence[Json], *, nonce: object, **changed: object) -> str:
        """Vouch for keys that a certified storage keeps."""
        levels = ["iso_18045_high"]
        claims = {"attested_keys": list(keys), "nonce": nonce, "exp": int(self.now()) + 3_600}
        claims |= {"key_storage": levels, "user_authentication": levels} | changed
        return self.sign("key-attestation+jwt", claims)

    def status(self, index: int) -> Json:
        """Refer to an entry of the provider's list, as attestations do."""
        return {"status_list": {"idx": index, "uri": self.url + STATUS_PATH}}

    def status_list(self) -> str:
        """Publish the list: one bit for each entry (draft-ietf-oauth-status-list)."""
        packed = bytearray(_LIST_ENTRIES // 8)
        for index in self.revoked:
            packed[index // 8] |= 1 << index % 8
        now = int(self.now())
        listed = {"bits": 1, "lst": b64(zlib.compress(bytes(packed)))}
        claims = {"sub": self.url + STATUS_PATH, "iat": now, "exp": now + 3_600, "ttl": 60, "status_list": listed}
        return self.sign("statuslist+jwt", claims)


class AttestedWallet:
    """One instance of a wallet, with the key its provider knows it by; `status` is that of its attestation."""

    def __init__(self, provider: WalletProvider, client_id: str, audience: str) -> None:
        self.provider, self.client_id, self.audience = provider, client_id, audience
        self.key = DeviceKey()
        self.status: Json | None = None

    def headers(self) -> dict[str, str]:
        """Authenticate one request: the provider's word, and a proof made for it."""
        attestation = self.provider.attestation(self.key.jwk, self.client_id, status=self.status)
        return {"OAuth-Client-Attestation": attestation, "OAuth-Client-Attestation-PoP": self.pop()}

    def pop(self, **changed: object) -> str:
        """Prove that this instance holds its key."""
        claims = {"aud": self.audience, "jti": str(uuid.uuid4()), "iat": int(self.provider.now())} | changed
        header = {"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256"}
        return self.key.jws(header, {name: value for name, value in claims.items() if value is not None})


def build(provider: WalletProvider) -> Litestar:
    """Serve what the provider publishes."""

    @get(STATUS_PATH, media_type="application/statuslist+jwt")
    async def status_list() -> Response[str]:
        return Response(provider.status_list(), media_type="application/statuslist+jwt")

    return Litestar([status_list], openapi_config=None)


def _certificate(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    begins = datetime.now(UTC) - timedelta(days=1)
    usage = x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _DAYS)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(by, hashes.SHA256())
    )
