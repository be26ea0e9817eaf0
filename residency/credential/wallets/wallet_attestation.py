"""A wallet shows whose it is (OpenID4VCI 1.0, appendix E; attestation-based client authentication).

Two JWTs go with a request: the provider's word on a key of this wallet, and the wallet's proof that it holds the key.
That a proof serves once is the caller's to see to, by its `jti`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from proof.signer import to_jwk
from residency.credential import jws
from residency.credential.sd_jwt import StatusReference
from residency.credential.wallets import wallet_provider
from residency.credential.wallets.wallet_provider import LEEWAY_S, Provider, Unattested

TYP, POP_TYP = "oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt"
#: How old a proof may be; from when it is forgotten that it was used follows from it.
POP_AGE_MAX_S = 300
_ID_MAX, _JTI_MIN, _JTI_MAX = 200, 8, 128


class WalletAttestation(msgspec.Struct, frozen=True):
    """A wallet that is what it says: `client` is all its siblings' name, `instance` the thumbprint of its own key.

    `jti` is that of the proof, which may be used once.
    """

    provider: str
    client: str
    instance: str
    jti: str
    status: StatusReference | None


def check(
    attestation: str, pop: str, providers: Sequence[Provider], *, audience: str, at: datetime
) -> WalletAttestation:
    """Believe an attestation and the proof that goes with it, made for `audience`; raises Unattested."""
    said = wallet_provider.read(attestation, (TYP,), providers, at=at)
    if "exp" not in said.payload:
        raise Unattested("exp is missing")
    client = said.payload.get("sub")
    if not isinstance(client, str) or not 0 < len(client) <= _ID_MAX or not _is_plain(client):
        raise Unattested("sub is not the name of a client")
    key = _key(said.payload.get("cnf"))
    return WalletAttestation(
        provider=said.provider.id,
        client=client,
        instance=to_jwk(key)["kid"],
        jti=_proven(pop, key, audience=audience, at=at),
        status=said.status,
    )


def _key(confirmation: object) -> ec.EllipticCurvePublicKey:
    try:
        return jws.public_key(confirmation.get("jwk") if isinstance(confirmation, dict) else None)
    except jws.BadKey as error:
        raise Unattested(f"cnf.jwk is {error.reason}") from error


def _proven(pop: str, key: ec.EllipticCurvePublicKey, *, audience: str, at: datetime) -> str:
    """Check the wallet's own proof; gives its `jti`."""
    try:
        token = jws.parse(pop)
    except jws.Unreadable as error:
        raise Unattested(f"PoP: not a JWT: {error.reason}") from error
    if token.header.get("typ") != POP_TYP:
        raise Unattested(f"PoP: typ is not {POP_TYP}")
    if token.header.get("alg") != jws.ALGORITHM or "crit" in token.header:
        raise Unattested(f"PoP: alg is not {jws.ALGORITHM}, or crit is there")
    if not token.signed_by(key):
        raise Unattested("PoP: the signature does not verify with cnf.jwk")
    if token.payload.get("aud") not in (audience, [audience]):
        raise Unattested("PoP: aud is not the authorization server")
    if not jws.is_time(token.payload.get("iat")):
        raise Unattested("PoP: iat is missing")
    if not -LEEWAY_S <= at.timestamp() - token.payload["iat"] <= POP_AGE_MAX_S:
        raise Unattested("PoP: iat is not within the accepted window")
    jti = token.payload.get("jti")
    if not isinstance(jti, str) or not _JTI_MIN <= len(jti) <= _JTI_MAX or not _is_plain(jti):
        raise Unattested(f"PoP: jti is not {_JTI_MIN} to {_JTI_MAX} printable characters")
    return jti


def _is_plain(text: str) -> bool:
    """Whether people can be shown the text and know what they see."""
    return text.isascii() and text.isprintable()
