"""A wallet fetches the resident's credential (OpenID4VCI 1.0): a nonce, proofs of its keys, a copy for each key.

path   POST /v1/me/credential-offers  ->  POST /oauth/token  ->  POST /openid4vci/nonce  ->  here
"""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from app import clock, credentials
from app.auth.principal import Principal
from app.auth.token import Claims
from app.db import Story
from app.house import House
from app.http.wallet_openid import refusals
from app.http.wallet_openid.refusals import InvalidRequest
from residency.credential import issuing, key_proof, metadata, nonce, notification
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.issuing import Order
from residency.credential.key_proof import InvalidProof
from residency.credential.notification import Outcome

_CONFIGURATION = Meta(examples=["e_resident_sd_jwt"])


class NonceAnswer(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 7.2."""

    c_nonce: Annotated[str, Meta(description="Good for one request within five minutes.", examples=["AAAAAGkhkYI"])]


class CredentialRequest(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 8.2; what is not known here is ignored, as the standard says."""

    credential_configuration_id: Annotated[str, _CONFIGURATION] | UnsetType = UNSET
    credential_identifier: Annotated[str, _CONFIGURATION] | UnsetType = UNSET
    proofs: Annotated[dict[str, list[Any]], Meta(examples=[{"jwt": ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln"]}])] | UnsetType = (
        UNSET
    )
    credential_response_encryption: dict[str, Any] | UnsetType = UNSET


class IssuedCopy(msgspec.Struct, frozen=True):
    """One copy, as it is to be stored and presented."""

    credential: Annotated[
        str,
        Meta(
            description="An SD-JWT VC, or the IssuerSigned of an mdoc in base64url.",
            examples=["eyJhbGciOiJFUzI1NiJ9.e30.c2ln~WyJzYWx0Il0~"],
        ),
    ]


class CredentialAnswer(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 8.3: a copy for each proof, in their order."""

    credentials: list[IssuedCopy]
    notification_id: Annotated[str, Meta(examples=["3fwe98js"])]


class NotificationRequest(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 11.1."""

    notification_id: Annotated[str, Meta(examples=["3fwe98js"])]
    event: Outcome
    event_description: (
        Annotated[str, Meta(max_length=1_000, pattern=r"^[ !#-\[\]-~]*$(?!\n)", examples=["kept"])] | UnsetType
    ) = UNSET


@post(
    metadata.NONCE_PATH,
    operation_id="getCredentialNonce",
    opt={"scope": "public", "standard": "openid4vci"},
    tags=["OpenID4VCI"],
    summary="Nonce endpoint",
    status_code=200,
)
async def give_nonce(house: NamedDependency[House]) -> NonceAnswer:
    """Give a nonce for the next key proofs."""
    made = nonce.mint(house.credentials.authority.nonce_key, at=clock.real())
    return NonceAnswer(made)


@post(
    metadata.CREDENTIAL_PATH,
    operation_id="issueCredential",
    opt={"scope": metadata.SCOPE, "standard": "openid4vci"},
    tags=["OpenID4VCI"],
    summary="Credential endpoint",
    status_code=200,
    responses={403: refusals.FORBIDDEN},
    exception_handlers=refusals.handlers(refusals.CREDENTIAL),
)
async def issue_credential(
    data: JSONBody[CredentialRequest],
    request: Request[Claims, Principal, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> CredentialAnswer:
    """Issue a copy of the credential for each key that the wallet proves to hold."""
    now = clock.real()
    configuration = CONFIGURATIONS[_asked(data, request.user)]
    judge = partial(nonce.read, house.credentials.authority.nonce_key, at=now)
    proven = key_proof.check(
        _proofs(data), audience=house.settings.issuer, client=request.user.client_id, judge=judge, at=now
    )
    db = await story()
    for text in sorted(proven.nonces):
        await nonce.spend(db, text, expires_at=judge(text))
    who = await credentials.resident(db, house.keys.kms, me.subject, configuration.kind, at=story.now)
    issuer = house.credentials.issuer
    order = Order(
        holder=me.subject,
        configuration=configuration,
        device=request.user.cnf.jkt if request.user.cnf else "",
        copies=len(proven.keys),
        made_at=now,
        expires_at=issuing.expiry(now, resident=who, seal=issuer.seal),
    )
    reserved = await issuing.reserve(db, order, actor=me.actor, at=story.now)
    copies = issuing.sign(who, configuration, proven.keys, reserved.entries, issuer=issuer, at=now)
    return CredentialAnswer(list(map(IssuedCopy, copies)), reserved.notification_id)


def _asked(data: CredentialRequest, claims: Claims) -> str:
    """Find the one configuration that is asked for and that the token is for."""
    if data.credential_response_encryption is not UNSET:
        raise InvalidRequest("invalid_encryption_parameters", "this issuer does not encrypt responses")
    if (data.credential_configuration_id is UNSET) == (data.credential_identifier is UNSET):
        raise InvalidRequest(
            "invalid_credential_request", "not exactly one of credential_configuration_id and credential_identifier"
        )
    known = {grant.credential_configuration_id for grant in claims.authorization_details}
    if isinstance(data.credential_identifier, str):
        granted = {
            name: grant.credential_configuration_id
            for grant in claims.authorization_details
            for name in grant.credential_identifiers
        }
        if (found := granted.get(data.credential_identifier)) is None:
            raise InvalidRequest("unknown_credential_identifier", "the access token is not for this identifier")
        return found
    if data.credential_configuration_id not in known:
        raise InvalidRequest("unknown_credential_configuration", "the access token is not for this configuration")
    return str(data.credential_configuration_id)


def _proofs(data: CredentialRequest) -> list[str]:
    if data.proofs is UNSET or not isinstance(data.proofs, dict):
        raise InvalidProof("proofs is missing")
    if data.proofs.keys() != {"jwt"}:
        raise InvalidProof("jwt is not the one proof type given")
    if not all(isinstance(text, str) for text in data.proofs["jwt"]):
        raise InvalidProof("a proof is not a string")
    return data.proofs["jwt"]


@post(
    metadata.NOTIFICATION_PATH,
    operation_id="notifyIssuer",
    opt={"scope": metadata.SCOPE, "standard": "openid4vci"},
    tags=["OpenID4VCI"],
    summary="Notification endpoint",
    status_code=204,
    responses={403: refusals.FORBIDDEN},
    exception_handlers=refusals.handlers(refusals.NOTIFICATION),
)
async def notify(
    data: JSONBody[NotificationRequest], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> None:
    """Hear what became of an issuance; the same twice is heard once."""
    db = await story()
    await notification.record(db, data.notification_id, data.event, holder=me.subject, actor=me.actor, at=story.now)


routes: list[HTTPRouteHandler] = [give_nonce, issue_credential, notify]
