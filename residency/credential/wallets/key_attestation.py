"""A wallet provider's word on keys: how they are kept, and how their use is unlocked (OpenID4VCI 1.0, appendix D)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from residency.credential import jws
from residency.credential.sd_jwt import StatusReference
from residency.credential.wallets import wallet_provider
from residency.credential.wallets.wallet_provider import Provider, Unattested

TYP = "key-attestation+jwt"
#: What drafts up to 15 called it, and some wallets still do; nothing else of it differs.
_FORMER_TYP = "keyattestation+jwt"


class KeyAttestation(msgspec.Struct, frozen=True):
    """Keys that one storage keeps, as public JWKs; `nonce` shows that this was said just now, for us."""

    provider: str
    keys: tuple[dict[str, str], ...]
    key_storage: frozenset[str]
    user_authentication: frozenset[str]
    nonce: str | None
    status: StatusReference | None


def check(text: str, providers: Sequence[Provider], *, must_end: bool, at: datetime) -> KeyAttestation:
    """Believe an attestation; raises Unattested. `must_end`: it has to say until when, as beside a proof of `jwt`."""
    said = wallet_provider.read(text, (TYP, _FORMER_TYP), providers, at=at)
    payload = said.payload
    if "iat" not in payload:
        raise Unattested("iat is missing")
    if must_end and "exp" not in payload:
        raise Unattested("exp is missing")
    nonce = payload.get("nonce")
    if nonce is not None and not isinstance(nonce, str):
        raise Unattested("nonce is not a text")
    return KeyAttestation(
        provider=said.provider.id,
        keys=_keys(payload.get("attested_keys")),
        key_storage=_levels(payload, "key_storage"),
        user_authentication=_levels(payload, "user_authentication"),
        nonce=nonce,
        status=said.status,
    )


def _keys(told: object) -> tuple[dict[str, str], ...]:
    if not isinstance(told, list) or not told:
        raise Unattested("attested_keys is not a list of keys")
    found = []
    for place, jwk in enumerate(told):
        try:
            found.append(jws.public_jwk(jws.public_key(jwk)))
        except jws.BadKey as error:
            raise Unattested(f"attested_keys[{place}] is {error.reason}") from error
    return tuple(found)


def _levels(payload: jws.Json, name: str) -> frozenset[str]:
    try:
        return frozenset(msgspec.convert(payload.get(name, []), list[str]))
    except msgspec.ValidationError as error:
        raise Unattested(f"{name} is not a list of texts") from error
