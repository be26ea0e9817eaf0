"""A wallet's proof that it holds the keys a credential is to be bound to (OpenID4VCI 1.0, appendix F).

jwt           signed by the key itself; a key attestation may stand in its header and brings its other keys with it
attestation   a key attestation alone: the provider's word, and no signature by any of the keys
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from residency.credential import jws
from residency.credential.wallets import key_attestation
from residency.credential.wallets.key_attestation import KeyAttestation
from residency.credential.wallets.wallet_provider import Provider, Unattested

TYP = "openid4vci-proof+jwt"
TYPES = ("jwt", "attestation")
#: Copies of a credential that one request may ask for, each for its own key.
BATCH_MAX = 10
#: How old a proof may be by the wallet's own clock, and how far that clock may run ahead of ours.
AGE_MAX_S = 300
LEEWAY_S = 60

Key = dict[str, str]


class InvalidProof(Exception):
    """The proofs do not show that the wallet holds its keys: `check` names what failed, `place` where."""

    def __init__(self, check: str, place: str = "proofs") -> None:
        super().__init__(check, place)
        self.check = check
        self.place = place


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What proofs must fit: made for `audience`, by `client`, now, with a nonce that `judge` takes.

    `client` is the client the token was given to, None for a wallet that never identified itself. `judge` raises
    InvalidNonce. `providers` are those whose attestations are believed.
    """

    audience: str
    client: str | None
    judge: Callable[[str], object]
    providers: Sequence[Provider]
    at: datetime


class Proven(msgspec.Struct, frozen=True):
    """The keys a wallet showed to hold, as public JWKs, and the nonces that were signed.

    `attestations` are all that came; `attested` says whether they cover every key.
    """

    keys: tuple[Key, ...]
    nonces: frozenset[str]
    attestations: tuple[KeyAttestation, ...] = ()
    attested: bool = False


class _One(msgspec.Struct, frozen=True):
    key: Key
    nonce: str
    attestation: KeyAttestation | None


def check(proofs: object, terms: Terms) -> Proven:
    """Check the `proofs` of a request; raises InvalidProof, and InvalidNonce by way of the judge."""
    if not isinstance(proofs, dict):
        raise InvalidProof("missing")
    if len(proofs) != 1 or not proofs.keys() <= set(TYPES):
        raise InvalidProof("not exactly one of jwt and attestation")
    [(kind, given)] = proofs.items()
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise InvalidProof("not a list of texts", f"proofs.{kind}")
    return _by_jwt(given, terms) if kind == "jwt" else _by_attestation(given, terms)


def _by_jwt(texts: Sequence[str], terms: Terms) -> Proven:
    if not 1 <= len(texts) <= BATCH_MAX:
        raise InvalidProof(f"between 1 and {BATCH_MAX} proofs are taken", "proofs.jwt")
    found: list[_One] = []
    for number, text in enumerate(texts):
        place = f"proofs.jwt[{number}]"
        try:
            found.append(_check_one(text, terms))
        except InvalidProof as refused:
            raise InvalidProof(refused.check, place) from refused
        except Unattested as refused:
            raise InvalidProof(f"key_attestation: {refused.check}", place) from refused
    if len({one.key["x"] + one.key["y"] for one in found}) < len(found):
        raise InvalidProof("a key is proven twice", "proofs.jwt")
    attested = [one.attestation for one in found if one.attestation is not None]
    nonces = {one.nonce for one in found} | {each.nonce for each in attested if each.nonce is not None}
    brought = (key for one in found for key in (one.attestation.keys if one.attestation else (one.key,)))
    keys = _each_once(brought, "proofs.jwt")
    return Proven(keys, frozenset(nonces), tuple(attested), attested=len(attested) == len(found))


def _by_attestation(texts: Sequence[str], terms: Terms) -> Proven:
    place = "proofs.attestation"
    if len(texts) != 1:
        raise InvalidProof("exactly one attestation is taken", place)
    try:
        found = _attested(texts[0], terms, beside_a_proof=False)
    except Unattested as refused:
        raise InvalidProof(refused.check, f"{place}[0]") from refused
    return Proven(_each_once(found.keys, place), frozenset({str(found.nonce)}), (found,), attested=True)


def _each_once(keys: Iterable[Key], place: str) -> tuple[Key, ...]:
    """Keep the first of equal keys; raises InvalidProof for more than one request may ask for."""
    once = tuple({key["x"] + key["y"]: key for key in keys}.values())
    if len(once) > BATCH_MAX:
        raise InvalidProof(f"copies for at most {BATCH_MAX} keys are made at once", place)
    return once


def _attested(text: str, terms: Terms, *, beside_a_proof: bool) -> KeyAttestation:
    found = key_attestation.check(text, terms.providers, must_end=beside_a_proof, at=terms.at)
    if found.nonce is not None:
        terms.judge(found.nonce)
    elif not beside_a_proof:  # one that stands beside a proof has the proof's nonce, and an end of its own
        raise Unattested("nonce is missing")
    return found


def _check_one(text: str, terms: Terms) -> _One:
    try:
        token = jws.parse(text)
    except jws.Unreadable as error:
        raise InvalidProof(f"the proof is not a JWT: {error.reason}") from error
    _check_header(token.header)
    attestation = None
    if "key_attestation" in token.header:
        attestation = _attested(str(token.header["key_attestation"]), terms, beside_a_proof=True)
    key = _key(token.header, attestation)
    if not token.signed_by(jws.public_key(key)):
        raise InvalidProof("the signature does not verify with the key of the header")
    _check_claims(token.payload, terms)
    terms.judge(token.payload["nonce"])
    return _One(key, token.payload["nonce"], attestation)


def _key(header: jws.Json, attestation: KeyAttestation | None) -> Key:
    """Find the key that must have signed: the one in the header, or one of the attested, by its number."""
    if "kid" in header:
        assert attestation is not None, "checked with the header"
        number = header["kid"]
        if not isinstance(number, str) or number not in map(str, range(len(attestation.keys))):
            raise InvalidProof("kid is not the number of an attested key")
        return attestation.keys[int(number)]
    try:
        key = jws.public_jwk(jws.public_key(header["jwk"]))
    except jws.BadKey as error:
        raise InvalidProof(f"jwk {error.reason}") from error
    if attestation is not None and key not in attestation.keys:
        raise InvalidProof("jwk is none of the attested_keys")
    return key


def _check_header(header: jws.Json) -> None:
    if header.get("typ") != TYP:
        raise InvalidProof(f"typ is not {TYP}")
    if header.get("alg") != jws.ALGORITHM:
        raise InvalidProof(f"alg is not {jws.ALGORITHM}")
    if "crit" in header:
        raise InvalidProof("crit names an extension that is not known here")
    if len(header.keys() & {"jwk", "kid", "x5c"}) != 1:
        raise InvalidProof("not exactly one of jwk, kid and x5c")
    if "jwk" not in header and not ("kid" in header and "key_attestation" in header):
        raise InvalidProof("the key is not given as jwk, nor as the number of an attested key")


def _check_claims(payload: jws.Json, terms: Terms) -> None:
    if payload.get("aud") != terms.audience:
        raise InvalidProof("aud is not the credential issuer identifier")
    if "iss" in payload and payload["iss"] != terms.client:
        raise InvalidProof("iss is not the client_id of the access token")
    if not jws.is_time(payload.get("iat")):
        raise InvalidProof("iat is missing")
    if not -LEEWAY_S <= terms.at.timestamp() - payload["iat"] <= AGE_MAX_S:
        raise InvalidProof("iat is not within the accepted window")
    if not isinstance(payload.get("nonce"), str):
        raise InvalidProof("nonce is missing")
