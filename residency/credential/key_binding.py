"""Key binding (RFC 9901 section 4.3): the holder signs what he shows, for one verifier and one occasion."""

from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import jws
from residency.credential.check import Check, NotVerified, require
from residency.credential.disclosure import HASH, digest

TYP = "kb+jwt"
#: How far a phone's clock may run ahead of ours.
LEEWAY_S = 60


class Occasion(msgspec.Struct, frozen=True):
    """What a verifier asked for: a presentation made for `audience`, over `nonce`, at most `age_max_s` seconds ago.

    `transaction_data` is what the holder agreed to with it, as it was sent (OpenID4VP 1.0 section 8.4).
    """

    audience: str
    nonce: str
    age_max_s: int = 300
    transaction_data: tuple[str, ...] = ()


def check(kb_jwt: str, sd_jwt: str, *, holder: ec.EllipticCurvePublicKey, occasion: Occasion, at: datetime) -> None:
    """Check that the holder of the key presented exactly `sd_jwt` (with its last tilde) here; raises NotVerified."""
    try:
        token = jws.parse(kb_jwt)
    except jws.Unreadable as error:
        raise NotVerified(Check.BINDING, "unreadable") from error
    require(token.header.get("typ") == TYP, Check.BINDING, "wrong_type")
    require("crit" not in token.header, Check.BINDING, "unknown_extension")
    require(token.signed_by(holder), Check.BINDING, "bad_signature")
    require(token.payload.get("sd_hash") == digest(sd_jwt), Check.BINDING, "other_presentation")
    require(token.payload.get("aud") == occasion.audience, Check.AUDIENCE, "other_audience")
    require(token.payload.get("nonce") == occasion.nonce, Check.NONCE, "other_nonce")
    require(jws.is_time(token.payload.get("iat")), Check.FRESHNESS, "no_time")
    age_s = at.timestamp() - token.payload["iat"]
    require(age_s <= occasion.age_max_s, Check.FRESHNESS, "too_old")
    require(age_s >= -LEEWAY_S, Check.FRESHNESS, "from_the_future")
    _require_agreed(token.payload, occasion.transaction_data)


def _require_agreed(payload: jws.Json, sent: tuple[str, ...]) -> None:
    """Let the holder have signed what was to be agreed to, whole and in its order (appendix B.3.3.1)."""
    if not sent:
        return
    require(payload.get("transaction_data_hashes_alg", HASH) == HASH, Check.TRANSACTION, "other_hash")
    hashes = [digest(each) for each in sent]
    require(payload.get("transaction_data_hashes") == hashes, Check.TRANSACTION, "other_transaction")
