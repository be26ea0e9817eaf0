"""Makes access tokens and proofs with exactly one thing wrong."""

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from app.auth import jose, token
from proof.signer import FileSigner
from simulators.passkey import DeviceKey

Json = dict[str, Any]

ISSUER = "https://e-residency.example"
URL = f"{ISSUER}/v1/me"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())

signer = FileSigner(ec.generate_private_key(ec.SECP256R1()))
other_signer = FileSigner(ec.generate_private_key(ec.SECP256R1()))
device = DeviceKey()


def key(jwk: Json) -> jose.Key:
    return jose.key_of(msgspec.convert(jwk, jose.Jwk))


def reader(*, bearer: bool = False, remembered_max: int = 100) -> token.Reader:
    """Give a reader that trusts `signer` only."""
    return token.Reader(ISSUER, lambda: [signer.public_jwk], bearer=bearer, remembered_max=remembered_max)


def header(**changed: object) -> Json:
    return _without_none({"alg": "ES256", "typ": "at+jwt", "kid": signer.kid} | changed)


def claims(**changed: object) -> Json:
    sound = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": str(uuid.UUID(int=1)),
        "sid": str(uuid.UUID(int=2)),
        "jti": str(uuid.UUID(int=3)),
        "client_id": "app",
        "role": "resident",
        "scope": "me:read me:write",
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "cnf": {"jkt": key(device.jwk).thumbprint},
    }
    return _without_none(sound | changed)


def signed(header_: Json, claims_: Json, by: FileSigner = signer) -> str:
    """Sign as the house does, whatever is said."""
    message = ".".join(jose.b64(json.dumps(part).encode()) for part in (header_, claims_))
    return f"{message}.{jose.b64(jose.lowered(by.sign(message.encode())))}"


def proof(
    *, by: DeviceKey = device, header_: Json | None = None, access_token: str = "token", **changed: object
) -> str:
    """Make a proof for GET URL, with `changed` claims and header members."""
    ath = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
    said = {"jti": str(uuid.uuid4()), "htm": "GET", "htu": URL, "iat": NOW_S, "ath": ath} | changed
    top = {"typ": "dpop+jwt", "alg": "ES256", "jwk": by.jwk} | (header_ or {})
    return by.jws(_without_none(top), _without_none(said))


def _without_none(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}
