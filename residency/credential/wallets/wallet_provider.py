"""Whose word is taken on wallets: providers, each known by the root under which its attestations are signed.

A provider says two things, by JWTs whose `x5c` leads to its root (HAIP 1.0 sections 4.4.1 and 4.5.1): that a wallet is
its own (wallet_attestation.py), and that keys are kept by it as they should be (key_attestation.py).
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography import x509

from residency.credential import jws, pki
from residency.credential.check import NotVerified
from residency.credential.sd_jwt import StatusReference

#: How far the clocks of wallets and providers may be from ours.
LEEWAY_S = 60


class Unattested(Exception):
    """An attestation does not hold: `check` names what failed. `stale`: a newer one would do."""

    def __init__(self, check: str, *, stale: bool = False) -> None:
        super().__init__(check)
        self.check = check
        self.stale = stale


class Provider(msgspec.Struct, frozen=True):
    """A wallet provider that is trusted now."""

    id: str
    root: x509.Certificate


class Statement(msgspec.Struct, frozen=True):
    """What a provider says, signed by it and in force; `status` is where it would say that it no longer is."""

    provider: Provider
    payload: jws.Json
    status: StatusReference | None


class _StatusClaim(msgspec.Struct, frozen=True):
    status_list: StatusReference


def read(text: str, types: Sequence[str], providers: Sequence[Provider], *, at: datetime) -> Statement:
    """Believe a JWT of one of `types` that one of `providers` signed; raises Unattested."""
    try:
        token = jws.parse(text)
    except jws.Unreadable as error:
        raise Unattested(f"not a JWT: {error.reason}") from error
    if token.header.get("typ") not in types:
        raise Unattested(f"typ is not {types[0]}")
    if token.header.get("alg") != jws.ALGORITHM:
        raise Unattested(f"alg is not {jws.ALGORITHM}")
    if "crit" in token.header:
        raise Unattested("crit names an extension that is not known here")
    provider, signatory = _signed_under(token.header.get("x5c"), providers, at)
    if not token.signed_by(signatory.key):
        raise Unattested("the signature does not verify with x5c")
    _check_times(token.payload, at)
    return Statement(provider, token.payload, _status(token.payload))


def _signed_under(x5c: object, providers: Sequence[Provider], at: datetime) -> tuple[Provider, pki.Signatory]:
    if x5c is None:
        raise Unattested("x5c is missing")
    for provider in providers:
        try:
            return provider, pki.signatory(x5c, (provider.root,), at=at)
        except NotVerified as error:
            if error.reason != "unknown_root":
                raise Unattested(f"x5c: {error.reason}") from error
    raise Unattested("x5c does not lead to a wallet provider that is trusted here")


def _check_times(payload: jws.Json, at: datetime) -> None:
    now_s = at.timestamp()
    for name in ("iat", "nbf", "exp"):
        if name in payload and not jws.is_time(payload[name]):
            raise Unattested(f"{name} is not a time")
    if payload.get("exp", now_s) <= now_s - LEEWAY_S:
        raise Unattested("exp is past", stale=True)
    if max(payload.get("iat", 0), payload.get("nbf", 0)) > now_s + LEEWAY_S:
        raise Unattested("iat or nbf is yet to come")


def _status(payload: jws.Json) -> StatusReference | None:
    if "status" not in payload:
        return None
    try:
        return msgspec.convert(payload["status"], _StatusClaim).status_list
    except msgspec.ValidationError as error:
        raise Unattested("status is not the reference to a status list") from error
