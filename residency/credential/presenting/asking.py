"""How it is asked: a signed request object (RFC 9101) under HAIP 1.0, with a key of its own to encrypt the answer to.

The verifier is named by the hash of its certificate (`x509_hash`), so a wallet knows whom the signature is of before it
looks who that is. What is asked is the same for GET and POST; a wallet that posts a nonce gets it back, signed.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import cose, jws
from residency.credential.configuration import DOC_TYPES, Format
from residency.credential.presenting.dcql import Query
from residency.credential.seal import Seal

TYP = "oauth-authz-req+jwt"
MEDIA_TYPE = f"application/{TYP}"
#: Of every wallet that is not named otherwise (OpenID4VP 1.0 section 5.8).
WALLETS = "https://self-issued.me/v2"
RESPONSE_MODE = "direct_post.jwt"
ENCRYPTION, CONTENT_ENCRYPTIONS = "ECDH-ES", ("A128GCM", "A256GCM")


class BadTransaction(Exception):
    """What is to be agreed to can't be: `reason` says why, for whoever asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request: what is wanted, who asks, where the answer goes, by what it is known again and encrypted to.

    `client_name` is whom the wallet shows as asking: what we know of the verifier, never what it says of itself.
    `transaction_data` is what the holder is to agree to, each base64url as it is sent.
    """

    query: Query
    client_id: str
    client_name: str
    response_uri: str
    nonce: str
    state: str
    key: dict[str, str]
    transaction_data: tuple[str, ...] = ()


def client_id(certificate: x509.Certificate) -> str:
    """Name the verifier whose requests `certificate` signs (OpenID4VP 1.0 section 5.9.3)."""
    return f"x509_hash:{jws.b64(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())}"


def encryption_key(public: ec.EllipticCurvePublicKey, kid: str) -> dict[str, str]:
    """Describe the key of one request as a wallet is told it."""
    return {**jws.public_jwk(public), "kid": kid, "alg": ENCRYPTION, "use": "enc"}


def thumbprint(key: Mapping[str, str]) -> bytes:
    """Hash the key of a request (RFC 7638), as the transcript of an mdoc names it."""
    required = msgspec.json.encode({name: key[name] for name in ("crv", "kty", "x", "y")})
    return hashlib.sha256(required).digest()


def transaction(type_: str, query: Query, ids: tuple[str, ...], told: Mapping[str, object]) -> str:
    """Write what a holder is to agree to with the credentials `ids` (OpenID4VP 1.0 section 8.4); raises BadTransaction.

    An SD-JWT carries it in its key binding (appendix B.3.3.1). An mdoc does in what its device signs, which its issuer
    has to allow: ours do (residency/credential/mdoc/agreement.py), of others nothing is known.
    """
    for id_ in ids:
        wanted = query.of(id_)
        if wanted is None:
            raise BadTransaction(f"{id_} is not asked for")
        allowed = wanted.format == Format.SD_JWT or set(wanted.types) <= {*DOC_TYPES.values()}
        if not allowed or not wanted.require_cryptographic_holder_binding:
            raise BadTransaction(f"{id_} can't carry an agreement")
    return jws.b64(msgspec.json.encode({"type": type_, "credential_ids": ids, **told}))


def request_object(asked: Asked, seal: Seal, *, at: datetime, lasts: timedelta, wallet_nonce: str | None = None) -> str:
    """Sign the request for a wallet; `seal` is whose `client_id` the request names."""
    claims: jws.Json = {
        "aud": WALLETS,
        "client_id": asked.client_id,
        "iat": int(at.timestamp()),
        "exp": int((at + lasts).timestamp()),
        "response_type": "vp_token",
        "response_mode": RESPONSE_MODE,
        "response_uri": asked.response_uri,
        "nonce": asked.nonce,
        "state": asked.state,
        "dcql_query": msgspec.to_builtins(asked.query),
        "client_metadata": {
            "client_name": asked.client_name,
            "jwks": {"keys": [asked.key]},
            "encrypted_response_enc_values_supported": CONTENT_ENCRYPTIONS,
            "vp_formats_supported": {
                Format.SD_JWT.value: {
                    "sd-jwt_alg_values": [jws.ALGORITHM],
                    "kb-jwt_alg_values": [jws.ALGORITHM],
                },
                Format.MDOC.value: {
                    "issuerauth_alg_values": [cose.ES256],
                    "deviceauth_alg_values": [cose.ES256],
                },
            },
        },
    }
    if asked.transaction_data:
        claims["transaction_data"] = asked.transaction_data
    if wallet_nonce is not None:
        claims["wallet_nonce"] = wallet_nonce
    return seal.sign(claims)
