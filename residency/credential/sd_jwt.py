"""SD-JWT VC: a signed credential whose holder chooses what of it he shows (RFC 9901, draft-ietf-oauth-sd-jwt-vc).

writes     residency/credential/issuing.py   a credential for a resident
issues     residency/credential/sd_jwt.py    issue()            <- you are here
presents   the holder's wallet, with a selection of the disclosures and a key-binding JWT
verifies   residency/credential/sd_jwt.py    verify()           <- and here
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import disclosure, jws, key_binding, pki, role
from residency.credential.check import Check, NotVerified, require
from residency.credential.role import Role
from residency.credential.seal import Seal

TYP = "dc+sd-jwt"
#: What the issuer alone decides to show: never in a disclosure, nor anything beneath it (SD-JWT VC section 2.2.2.2).
NEVER_DISCLOSED = frozenset({"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"})
#: A credential with a portrait is about 12 kB; more than this is an attack on whoever parses it.
_LENGTH_MAX = 100_000


class Expected(msgspec.Struct, frozen=True):
    """What a verifier demands: a credential of type `vct` under one of `roots`, valid at the instant `at`.

    With an `occasion` the holder must prove that he has the key; without one a key-binding JWT is not looked at. The
    choice is the verifier's and never follows from what was sent (RFC 9901 section 7.3).
    """

    roots: tuple[x509.Certificate, ...]
    vct: str
    at: datetime
    occasion: key_binding.Occasion | None


class StatusReference(msgspec.Struct, frozen=True):
    """Where the status of a credential is kept: entry `idx` of the list at `uri`."""

    idx: Annotated[int, msgspec.Meta(ge=0)]
    uri: str


class Verified(msgspec.Struct, frozen=True):
    """What the presentation proves, short of the status, which only the list at `status` knows."""

    claims: jws.Json
    disclosed: tuple[tuple[str | int, ...], ...]
    status: StatusReference | None
    issuer: pki.Signatory


def issue(claims: Mapping[str, object], *, seal: Seal, salt: disclosure.Salt | None = None, decoys: int = 0) -> str:
    """Sign `claims`, those marked with `Sd` concealed; the answer carries every disclosure and ends with a tilde."""
    assert not any(isinstance(claims.get(name), disclosure.Sd) for name in NEVER_DISCLOSED), "always shown"
    payload, disclosures = disclosure.conceal(claims, salt=salt, decoys=decoys)
    return "~".join([seal.sign(payload), *disclosures, ""])


def verify(presentation: str, expected: Expected) -> Verified:
    """Check everything the text itself can prove, in the order of `Check`; raises NotVerified."""
    sd_jwt, kb_jwt = split(presentation)
    signed, *disclosures = sd_jwt.removesuffix("~").split("~")
    token = _token(signed, expected.vct)
    issuer = pki.signatory(token.header.get("x5c"), expected.roots, at=expected.at)
    # Not every issuer's certificates name a purpose; whose must is known where it is known whose it is (trust.py).
    role.require_may(issuer, Role.DOCUMENT, named=False)
    require(token.signed_by(issuer.key), Check.SIGNATURE, "bad_signature")
    revealed = disclosure.reveal(token.payload, disclosures)
    _require_registered_claims(revealed, issuer)
    _require_valid(token.payload, expected.at)
    if expected.occasion is not None:
        _require_binding(token.payload, sd_jwt, kb_jwt, expected.occasion, expected.at)
    return Verified(revealed.claims, revealed.paths, _status(token.payload), issuer)


def type_of(presentation: str) -> str | None:
    """Say what type a presentation claims to be of, before anything of it is true."""
    try:
        named = jws.parse(presentation.partition("~")[0]).payload.get("vct")
    except jws.Unreadable:
        return None
    return named if isinstance(named, str) else None


def split(presentation: str) -> tuple[str, str]:
    """Part the SD-JWT (with its last tilde) from the key-binding JWT, which may be empty; raises NotVerified."""
    require(presentation.isascii(), Check.FORMAT, "not_ascii")
    require(len(presentation) <= _LENGTH_MAX, Check.FORMAT, "too_long")
    head, tilde, kb_jwt = presentation.rpartition("~")
    require(tilde, Check.FORMAT, "no_tilde")
    require("" not in head.split("~"), Check.FORMAT, "empty_part")
    return head + tilde, kb_jwt


def _token(signed: str, vct: str) -> jws.Token:
    try:
        token = jws.parse(signed)
    except jws.Unreadable as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    require(token.header.get("typ") == TYP, Check.TYPE, "wrong_type")
    require(token.header.get("alg") == jws.ALGORITHM, Check.TYPE, "wrong_algorithm")
    require("crit" not in token.header, Check.TYPE, "unknown_extension")
    require(token.payload.get("vct") == vct, Check.TYPE, "other_credential_type")
    return token


def _require_registered_claims(revealed: disclosure.Revealed, issuer: pki.Signatory) -> None:
    require(not any(path[0] in NEVER_DISCLOSED for path in revealed.paths), Check.CLAIMS, "never_disclosable")
    named = revealed.claims.get("iss")
    require(named is None or named in issuer.urls, Check.CLAIMS, "other_issuer")


def _require_valid(payload: jws.Json, at: datetime) -> None:
    require(jws.is_time(payload.get("exp")), Check.VALIDITY, "no_expiry")
    require(jws.is_time(payload.get("nbf", 0)), Check.VALIDITY, "bad_start")
    require(at.timestamp() < payload["exp"], Check.VALIDITY, "expired")
    require(at.timestamp() >= payload.get("nbf", 0), Check.VALIDITY, "not_yet_valid")


def _require_binding(payload: jws.Json, sd_jwt: str, kb_jwt: str, occasion: key_binding.Occasion, at: datetime) -> None:
    require(kb_jwt, Check.BINDING, "missing")
    key_binding.check(kb_jwt, sd_jwt, holder=_holder(payload), occasion=occasion, at=at)


def _holder(payload: jws.Json) -> ec.EllipticCurvePublicKey:
    confirmation = payload.get("cnf")
    try:
        return jws.public_key(confirmation.get("jwk") if isinstance(confirmation, dict) else None)
    except jws.BadKey as error:
        raise NotVerified(Check.BINDING, "no_holder_key") from error


def _status(payload: jws.Json) -> StatusReference | None:
    """Read the reference; a status that is there but can't be read is refused, since it could not be asked about."""
    if "status" not in payload:
        return None
    try:
        return msgspec.convert(payload["status"]["status_list"], StatusReference)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise NotVerified(Check.STATUS, "unreadable_reference") from error
