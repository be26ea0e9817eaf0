"""A verifier of access tokens and proofs that leaves out the checks it is told to: what a corpus must be able to catch.

Written apart from the one that is tested, from RFC 7515, 9068 and 9449, by the plainest means.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proof import signer

Json = dict[str, Any]
Fields = list[tuple[str, str]]

#: Every check there is; a verifier without one of them lets something in.
CHECKS = (
    "one Authorization",
    "one DPoP",
    "scheme",
    "spelling",
    "members once",
    "token signature",
    "token alg",
    "token kid",
    "token typ",
    "token header",
    "token low s",
    "token iss",
    "token aud",
    "token exp",
    "token iat",
    "token lifetime",
    "token subject",
    "proof signature",
    "proof alg",
    "proof typ",
    "proof crit",
    "proof key is public",
    "proof htm",
    "proof htu",
    "proof iat",
    "proof jti",
    "proof ath",
    "proof nonce",
    "binding",
)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Refused(Exception):
    pass


class Ground(NamedTuple):
    """What a request is judged by: our keys, who we are, what was called, when, and the nonces that are good."""

    keys: Mapping[str, Json]
    issuer: str
    method: str
    url: str
    now_s: int
    nonces: AbstractSet[str]


class Verifier:
    """Leaves out the checks `without`."""

    def __init__(self, *without: str) -> None:
        assert set(without) <= set(CHECKS)
        self._without = without

    def lets_in(self, fields: Fields, ground: Ground) -> bool:
        """Whether the request with these header fields passes."""
        try:
            self._verify(fields, ground)
        except (
            Refused,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
            InvalidSignature,
            signer.BadKey,
        ):
            return False
        return True

    def _need(self, check: str, holds: object) -> None:
        if not holds and check not in self._without:
            raise Refused(check)

    def _verify(self, fields: Fields, ground: Ground) -> None:
        presented = [value for name, value in fields if name == "Authorization"]
        proofs = [value for name, value in fields if name == "DPoP"]
        self._need("one Authorization", len(presented) == 1)
        self._need("one DPoP", len(proofs) < 2)
        scheme, _, text = presented[0].partition(" ")
        self._need("scheme", scheme.lower() == "dpop")
        claims = self._token(text, ground)
        if not proofs:
            self._need("scheme", claims.get("cnf") is None)
            return
        thumbprint = self._proof(proofs[0], text, ground)
        self._need("binding", claims["cnf"]["jkt"] == thumbprint)

    def _token(self, text: str, ground: Ground) -> Json:
        header, claims, signature, message = self._parts(text)
        key = ground.keys.get(header.get("kid", ""))
        if key is None:
            self._need("token kid", holds=False)
            key = next(iter(ground.keys.values()))
        if "token header" in self._without and "jwk" in header:
            key = header["jwk"]
        self._need("token alg", header["alg"] == "ES256")
        self._signed("token signature", header["alg"], key, signature, message)
        self._need("token typ", header.get("typ") == "at+jwt")
        self._need("token header", set(header) <= {"alg", "typ", "kid"})
        self._need("token low s", int.from_bytes(signature[32:]) <= _ORDER // 2)
        self._need("token iss", claims.get("iss") == ground.issuer)
        self._need("token aud", claims.get("aud") == ground.issuer)
        self._need("token subject", all(isinstance(claims.get(name), str) for name in ("sub", "sid", "scope", "role")))
        issued, expires = self._instant("token iat", claims, "iat"), self._instant("token exp", claims, "exp")
        self._need("token exp", expires > ground.now_s)
        self._need("token iat", issued <= ground.now_s + 10)
        self._need("token lifetime", 0 < expires - issued <= 300)
        return claims

    def _instant(self, check: str, claims: Json, name: str) -> float:
        value = claims.get(name)
        self._need(check, type(value) is int and abs(value) < 2**53)
        return value if isinstance(value, int | float) else 0

    def _proof(self, text: str, token: str, ground: Ground) -> str:
        header, claims, signature, message = self._parts(text)
        key = header["jwk"]
        self._need("spelling", all(_b64(_unb64(key[name])) == key[name] for name in ("x", "y") if name in key))
        self._need("proof alg", header["alg"] == ("ES256" if key["kty"] == "EC" else "EdDSA"))
        self._signed("proof signature", header["alg"], key, signature, message)
        self._need("proof typ", header.get("typ") == "dpop+jwt")
        self._need("proof crit", "crit" not in header)
        self._need("proof key is public", not {"d", "p", "q", "k"} & set(key))
        self._need("proof htm", claims.get("htm") == ground.method)
        self._need("proof htu", str(claims.get("htu")).partition("#")[0].partition("?")[0] == ground.url)
        iat = claims.get("iat")
        self._need("proof iat", isinstance(iat, int | float) and ground.now_s - 60 <= iat <= ground.now_s + 10)
        jti = claims.get("jti")
        self._need("proof jti", isinstance(jti, str) and 8 <= len(jti) <= 128 and jti.isprintable() and jti.isascii())
        self._need("proof ath", claims.get("ath") == _b64(hashlib.sha256(token.encode()).digest()))
        self._need("proof nonce", claims.get("nonce") in ground.nonces)
        return signer.thumbprint(key)

    def _parts(self, text: str) -> tuple[Json, Json, bytes, bytes]:
        parts = text.split(".")
        if len(parts) != 3:
            raise Refused("three parts")
        raw = [_unb64(part) for part in parts]
        self._need("spelling", [_b64(each) for each in raw] == parts)
        decoded = [json.loads(each, object_pairs_hook=self._members) for each in raw[:2]]
        return decoded[0], decoded[1], raw[2], text.rpartition(".")[0].encode()

    def _members(self, pairs: list[tuple[str, Any]]) -> Json:
        self._need("members once", len(dict(pairs)) == len(pairs))
        return dict(pairs)

    def _signed(self, check: str, alg: str, key: Json, signature: bytes, message: bytes) -> None:
        if check in self._without:
            return
        if alg == "none":
            return
        if alg == "HS256":
            secret = key["k"].encode() if "k" in key else json.dumps(key).encode()
            self._need(check, hmac.compare_digest(signature, hmac.digest(secret, message, "sha256")))
            return
        public = signer.from_jwk(key)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
            return
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
        self._need("spelling", len(signature) == 64)
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
