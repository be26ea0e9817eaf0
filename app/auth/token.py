"""Access tokens: what they say, how they are made and how they are believed (RFC 9068, RFC 9449 section 6).

    make     door.py          Door.access()  ->  mint()
    believe  authenticate.py  recognise()    ->  Reader.read()     <- on the path of every request

A token lives five minutes at most and is bound to the key of the device it was given to. Tokens without a key exist
only where the clock is virtual too (demo, test), for people who drive the API from a script.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec

from app.auth import jose
from app.auth.principal import Role
from proof.signer import Alg, Signer

LIFETIME = timedelta(minutes=5)
#: Of a token that is bound to no key; only demo and test make and take such.
BEARER_LIFETIME_MAX = timedelta(hours=12)
#: How far another machine's clock may be ahead of ours (FAPI 2.0 section 5.3.2.1: 10 seconds).
AHEAD_MAX_S = 10


class Refused(Exception):
    """No access token was given, or it is not to be believed; `reason` is for the caller's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = {"WWW-Authenticate": challenge("invalid_token", reason)}


class Missing(Exception):
    """The operation needs an access token and the request carries none."""

    headers: Mapping[str, str] = {"WWW-Authenticate": 'DPoP algs="ES256 EdDSA"'}


def challenge(error: str, description: str) -> str:
    """Write the WWW-Authenticate of a refusal (RFC 6750 section 3: no quotes or backslashes in a description)."""
    text = "".join(char for char in description if " " <= char <= "~" and char not in '"\\')
    return f'DPoP error="{error}", error_description="{text}", algs="ES256 EdDSA"'


class Confirmation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The key a token is bound to (RFC 7800), and the client certificate (RFC 8705)."""

    jkt: str
    certificate: str | None = msgspec.field(name="x5t#S256", default=None)


class Grant(msgspec.Struct, frozen=True, tag="openid_credential", tag_field="type"):
    """A right to one credential configuration (RFC 9396, OpenID4VCI section 5.1.1)."""

    credential_configuration_id: str
    credential_identifiers: tuple[str, ...]


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. `iat` and `exp` are seconds of the real clock; `sid` is the session that can end it early."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: UUID
    client_id: str
    role: Role
    scope: str
    iat: int
    exp: int
    name: str = ""
    cnf: Confirmation | None = None
    authorization_details: tuple[Grant, ...] = ()


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # Nothing else may be there: no jwk, jku or x5u to bring a key along, no crit, no other type of token.
    alg: jose.Algorithm
    typ: Literal["at+jwt"]
    kid: str


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(Claims)
_NAMES = jose.names(Claims)
#: Rotation publishes a key hours before it signs (app/ring.py), so nobody waits for this.
_KEYS_LOOKED_UP_EVERY_S = 1.0

Jwk = Mapping[str, str]


def mint(signer: Signer, claims: Claims) -> str:
    """Sign `claims`."""
    header = jose.b64(msgspec.json.encode(_Header(alg=signer.alg.value, typ="at+jwt", kid=signer.kid)))
    signed = f"{header}.{jose.b64(msgspec.json.encode(claims))}"
    signature = signer.sign(signed.encode())
    return f"{signed}.{jose.b64(jose.lowered(signature) if signer.alg is Alg.ES256 else signature)}"


class Reader:
    """Believes tokens of one issuer. Signatures are checked once per token: the bytes are remembered by their hash."""

    def __init__(
        self, issuer: str, published: Callable[[], Sequence[Jwk]], *, bearer: bool, remembered_max: int = 10_000
    ) -> None:
        """Trust the keys that are `published` now; `bearer` says whether tokens without a device key are taken."""
        self._issuer = issuer
        self._published = published
        self._bearer = bearer
        self._remembered_max = remembered_max
        self._looked_s = 0.0
        self._keys: dict[str, jose.Key] = {}
        self._believed: dict[bytes, Claims] = {}

    def read(self, token: str, now: datetime) -> Claims:
        """Believe `token` at `now`; raises Refused."""
        now_s = now.timestamp()
        if abs(now_s - self._looked_s) >= _KEYS_LOOKED_UP_EVERY_S:
            self._look(now_s)
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        claims = self._believed.get(digest)
        if claims is None:
            try:
                claims = self._verified(token)
            except jose.Unreadable as error:
                raise Refused(error.reason) from None
            self._check(claims, now_s)
            self._remember(digest, claims)
        if claims.exp <= now_s:
            raise Refused("expired")
        return claims

    def _look(self, now_s: float) -> None:
        """Learn the keys that came and forget, with all they signed, those that went."""
        published, self._looked_s = {jwk["kid"]: jwk for jwk in self._published()}, now_s
        if published.keys() != self._keys.keys():
            self._keys = {kid: jose.key_of(msgspec.convert(jwk, jose.Jwk)) for kid, jwk in published.items()}
            self._believed.clear()

    def _verified(self, token: str) -> Claims:
        message = jose.split(token)
        header = jose.read(_header, message.header, "header")
        if (key := self._keys.get(header.kid)) is None:
            raise jose.Unreadable("unknown kid")
        if header.alg != key.algorithm:
            raise jose.Unreadable("alg is not that of the key")
        key.verify(message.signature, message.signed)
        if key.algorithm == "ES256" and not jose.is_low(message.signature):
            raise jose.Unreadable("signature is not in its lower form")
        jose.check_single(message.payload, _NAMES, "claims")
        return jose.read(_claims, message.payload, "claims")

    def _check(self, claims: Claims, now_s: float) -> None:
        lifetime_max = LIFETIME if claims.cnf else BEARER_LIFETIME_MAX
        if claims.iss != self._issuer:
            raise Refused("other issuer")
        if claims.aud != self._issuer:
            raise Refused("other audience")
        if claims.cnf is None and not self._bearer:
            raise Refused("not bound to a key")
        if claims.iat > now_s + AHEAD_MAX_S:
            raise Refused("issued in the future")
        if not 0 < claims.exp - claims.iat <= lifetime_max.total_seconds():
            raise Refused("lifetime out of bounds")

    def _remember(self, digest: bytes, claims: Claims) -> None:
        if len(self._believed) >= self._remembered_max:
            del self._believed[next(iter(self._believed))]
        self._believed[digest] = claims
