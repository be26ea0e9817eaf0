"""A wallet's proof that it holds the key a credential is to be bound to (OpenID4VCI 1.0, appendix F.1, type `jwt`)."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from residency.credential import jws

TYP = "openid4vci-proof+jwt"
#: Copies of a credential that one request may ask for, each for its own key.
BATCH_MAX = 10
#: How old a proof may be by the wallet's own clock, and how far that clock may run ahead of ours.
AGE_MAX_S = 300
LEEWAY_S = 60


class InvalidProof(Exception):
    """A proof does not show that the wallet holds its key: `check` names what failed, `place` which proof (from 0)."""

    def __init__(self, check: str, place: int | None = None) -> None:
        super().__init__(check, place)
        self.check = check
        self.place = place


class Proven(msgspec.Struct, frozen=True):
    """The keys a wallet showed to hold, as public JWKs in the order of its proofs, and the nonces it signed."""

    keys: tuple[dict[str, str], ...]
    nonces: frozenset[str]


def check(
    proofs: Sequence[str], *, audience: str, client: str | None, judge: Callable[[str], object], at: datetime
) -> Proven:
    """Check every proof; raises InvalidProof, and InvalidNonce by way of `judge`, which is given each nonce.

    `client` is the client the token was given to, None for a wallet that never identified itself.
    """
    if not 1 <= len(proofs) <= BATCH_MAX:
        raise InvalidProof(f"between 1 and {BATCH_MAX} proofs are taken")
    keys: list[dict[str, str]] = []
    nonces: set[str] = set()
    for place, text in enumerate(proofs):
        try:
            key, signed_nonce = _check_one(text, audience=audience, client=client, at=at)
        except InvalidProof as refused:
            raise InvalidProof(refused.check, place) from refused
        judge(signed_nonce)
        keys.append(key)
        nonces.add(signed_nonce)
    if len({key["x"] + key["y"] for key in keys}) < len(keys):
        raise InvalidProof("a key is proven twice")
    return Proven(tuple(keys), frozenset(nonces))


def _check_one(text: str, *, audience: str, client: str | None, at: datetime) -> tuple[dict[str, str], str]:
    try:
        token = jws.parse(text)
    except jws.Unreadable as error:
        raise InvalidProof(f"the proof is not a JWT: {error.reason}") from error
    _check_header(token.header)
    try:
        key = jws.public_key(token.header["jwk"])
    except jws.BadKey as error:
        raise InvalidProof(f"jwk {error.reason}") from error
    if not token.signed_by(key):
        raise InvalidProof("the signature does not verify with jwk")
    _check_claims(token.payload, audience=audience, client=client, at=at)
    return jws.public_jwk(key), token.payload["nonce"]


def _check_header(header: jws.Json) -> None:
    if header.get("typ") != TYP:
        raise InvalidProof(f"typ is not {TYP}")
    if header.get("alg") != jws.ALGORITHM:
        raise InvalidProof(f"alg is not {jws.ALGORITHM}")
    if "crit" in header:
        raise InvalidProof("crit names an extension that is not known here")
    if len(header.keys() & {"jwk", "kid", "x5c"}) != 1:
        raise InvalidProof("not exactly one of jwk, kid and x5c")
    if "jwk" not in header:
        raise InvalidProof("the key is not given as jwk, the only binding method of this issuer")


def _check_claims(payload: jws.Json, *, audience: str, client: str | None, at: datetime) -> None:
    if payload.get("aud") != audience:
        raise InvalidProof("aud is not the credential issuer identifier")
    if "iss" in payload and payload["iss"] != client:
        raise InvalidProof("iss is not the client_id of the access token")
    if not jws.is_time(payload.get("iat")):
        raise InvalidProof("iat is missing")
    if not -LEEWAY_S <= at.timestamp() - payload["iat"] <= AGE_MAX_S:
        raise InvalidProof("iat is not within the accepted window")
    if not isinstance(payload.get("nonce"), str):
        raise InvalidProof("nonce is missing")
