"""Proof of possession: each request carries a message signed by the key its token is bound to (RFC 9449).

What a proof says is checked here; that it was not used before and carries a nonce of ours, in `gate.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from app.auth import jose, token

#: A proof is good for a minute: the clock of a phone may be behind, ours never ahead of itself.
OLD_MAX_S = 60
#: From when a spent proof may be forgotten, counted from its arrival.
REMEMBERED_S = OLD_MAX_S + token.AHEAD_MAX_S

#: A device sends the same header with every proof: it is read once.
_HEADERS_CACHED = 4_096
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """The DPoP proof is missing or does not prove this request; `reason` is for the caller's developer.

    `error` is the word of RFC 9449 for it.
    """

    error = "invalid_dpop_proof"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers: Mapping[str, str] = {"WWW-Authenticate": token.challenge(self.error, reason)}


class NonceNeeded(Refused):
    """The proof carries no nonce of ours, or one whose time is over; the answer's DPoP-Nonce is for the next."""

    error = "use_dpop_nonce"

    def __init__(self) -> None:
        super().__init__("the proof carries no nonce that is good now; see DPoP-Nonce")


class Proof(msgspec.Struct, frozen=True):
    """A proof that holds: the thumbprint of its key, its own id, which may be used once per key, and its nonce."""

    thumbprint: str
    jti: str
    nonce: str | None = None


class _Header(msgspec.Struct, frozen=True):
    typ: Literal["dpop+jwt"]
    alg: jose.Algorithm
    jwk: jose.Jwk
    crit: object = UNSET


class _Claims(msgspec.Struct, frozen=True):
    jti: jose.Jti
    htm: str
    htu: str
    iat: float
    ath: str | UnsetType = UNSET
    nonce: str | None = None


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)
_HEADER_NAMES, _CLAIM_NAMES = jose.names(_Header), jose.names(_Claims)


def check(proof: str | None, *, method: str, url: str, access_token: str | None, now: datetime) -> Proof:
    """Check that `proof` was made for this request (and this token, if it carries one) a moment ago; raises Refused.

    `url` is the public address of what was called, without query.
    """
    if proof is None:
        raise Refused("no DPoP header")
    try:
        header, payload, signature = jose.parts(proof)
        key, raw = _key(header), jose.unb64(payload)
        claims = jose.read(_claims, raw, "claims")
        jose.check_single(raw, _CLAIM_NAMES, "claims")
        _check(claims, method, url, access_token, now.timestamp())
        # Last: it costs more than all the rest.
        key.verify(jose.unb64(signature), f"{header}.{payload}".encode())
    except jose.Unreadable as error:
        raise Refused(error.reason) from None
    return Proof(key.thumbprint, claims.jti, claims.nonce)


@lru_cache(_HEADERS_CACHED)
def _key(text: str) -> jose.Key:
    raw = jose.unb64(text)
    header = jose.read(_header, raw, "header")
    jose.check_single(raw, _HEADER_NAMES, "header")
    if header.crit is not UNSET:
        raise jose.Unreadable("crit is not understood")
    key = jose.key_of(header.jwk)
    if key.algorithm != header.alg:
        raise jose.Unreadable("alg is not that of the key")
    return key


def _check(claims: _Claims, method: str, url: str, access_token: str | None, now_s: float) -> None:
    if claims.htm != method:
        raise jose.Unreadable("htm is another method")
    if claims.htu != url and _normal(claims.htu) != _normal(url):
        raise jose.Unreadable(f"htu is not {url}")
    if not now_s - OLD_MAX_S <= claims.iat <= now_s + token.AHEAD_MAX_S:
        raise jose.Unreadable("iat is not now")
    if access_token is not None and claims.ath != jose.b64(sha256(access_token.encode()).digest()):
        raise jose.Unreadable("ath is not of this token")


def _normal(url: str) -> tuple[str, str | None, int | None, str]:
    # RFC 9449 section 4.3: compare after normalisation, without query and fragment.
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        raise jose.Unreadable("htu is not a URL") from None
    return parts.scheme, parts.hostname, port, parts.path or "/"
