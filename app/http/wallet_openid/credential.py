"""A wallet fetches the resident's credential (OpenID4VCI 1.0): a nonce, proofs of its keys, a copy for each key.

path   POST /v1/me/credential-offers  ->  POST /oauth/token  ->  POST /openid4vci/nonce  ->  POST /openid4vci/credential
later  POST /openid4vci/deferred, where it is still being decided whether the holder may have it

Both may come encrypted, and are then answered encrypted where the wallet wants it; refusals never are.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from app import clock, strict
from app.auth.principal import Principal
from app.auth.token import Claims
from app.credentials import deferral, issuance
from app.credentials.issuance import Deferred, Early, Issued, Wallet
from app.db import Story
from app.house import House
from app.http.wallet_openid import refusals
from app.http.wallet_openid.refusals import InvalidRequest, IssuingError
from residency.credential import metadata
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.wallets import encryption, nonce, notification
from residency.credential.wallets.encryption import Sealing
from residency.credential.wallets.notification import Outcome

_CONFIGURATION = Meta(examples=["e_resident_sd_jwt"])
_Encryption = Annotated[
    dict[str, Any],
    Meta(description="jwk (with alg), enc and zip of the answer; taken within an encrypted request only."),
]


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
    credential_response_encryption: _Encryption | UnsetType = UNSET


class DeferredRequest(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 9.1."""

    transaction_id: Annotated[str, Meta(examples=["8xLOxBtZp8"])]
    credential_response_encryption: _Encryption | UnsetType = UNSET


class IssuedCopy(msgspec.Struct, frozen=True):
    """One copy, as it is to be stored and presented."""

    credential: Annotated[
        str,
        Meta(
            description="An SD-JWT VC, or the IssuerSigned of an mdoc in base64url.",
            examples=["eyJhbGciOiJFUzI1NiJ9.e30.c2ln~WyJzYWx0Il0~"],
        ),
    ]


class CredentialAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenID4VCI 1.0 section 8.3: a copy for each key, in their order."""

    credentials: list[IssuedCopy]
    notification_id: Annotated[str, Meta(examples=["3fwe98js"])] | None = None


class DeferredAnswer(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 8.3, where nothing is issued yet."""

    transaction_id: Annotated[str, Meta(examples=["8xLOxBtZp8"])]
    interval: Annotated[int, Meta(description="Seconds to wait before the wallet comes again.", examples=[300])]


class NotificationRequest(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 11.1."""

    notification_id: Annotated[str, Meta(examples=["3fwe98js"])]
    event: Outcome
    event_description: (
        Annotated[str, Meta(max_length=1_000, pattern=r"^[ !#-\[\]-~]*$(?!\n)", examples=["kept"])] | UnsetType
    ) = UNSET


def _open(house: House, body: bytes) -> bytes:
    return encryption.decrypt(house.credentials.authority.nonce_key, body, at=clock.real())


@dataclass
class _Encryptable(Operation):
    """Describes that a request may come as a JWE too."""

    def __post_init__(self) -> None:
        assert isinstance(self.request_body, RequestBody), "the operation reads a body"
        jwe = Schema(type=OpenAPIType.STRING, description="A compact JWE of the JSON (OpenID4VCI 1.0 section 10).")
        self.request_body.content[strict.ENCRYPTED] = OpenAPIMediaType(schema=jwe)


_DEFERRED = ResponseSpec(DeferredAnswer, description="It is still being decided; come again.", generate_examples=False)
_OPT = {"scope": metadata.SCOPE, "standard": "openid4vci"}
_ENCRYPTABLE: dict[str, Any] = {
    "opt": {**_OPT, "opens": _open},
    "operation_class": _Encryptable,
    "tags": ["OpenID4VCI"],
    "status_code": 200,
    "responses": {202: _DEFERRED, 403: refusals.FORBIDDEN},
}


@post(
    metadata.NONCE_PATH,
    operation_id="getCredentialNonce",
    opt={"scope": "public", "standard": "openid4vci", "quota": "token", "nonce": True},
    tags=["OpenID4VCI"],
    summary="Nonce endpoint",
    status_code=200,
)
async def give_nonce(house: NamedDependency[House]) -> NonceAnswer:
    """Give a nonce for the next key proofs, and in the header one for the next DPoP proof."""
    made = nonce.mint(house.credentials.authority.nonce_key, at=clock.real())
    return NonceAnswer(made)


@post(
    metadata.CREDENTIAL_PATH,
    operation_id="issueCredential",
    summary="Credential endpoint",
    exception_handlers=refusals.handlers(refusals.CREDENTIAL),
    **_ENCRYPTABLE,
)
async def issue_credential(
    data: JSONBody[CredentialRequest],
    request: Request[Claims, Principal, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> Response[CredentialAnswer | bytes] | Response[IssuingError]:
    """Issue a copy of the credential for each key that the wallet proves to hold, or say when to come again."""
    configuration = CONFIGURATIONS[_asked(data, request.user)]
    sealing = _sealing(data.credential_response_encryption, request)
    by, proofs = Wallet(me, request.user), None if data.proofs is UNSET else data.proofs
    found = await issuance.ask(story, house, by, configuration, proofs=proofs, now=clock.real())
    if isinstance(found, Early):
        return refusals.answer(refusals.CREDENTIAL, found.missing)
    return _told(found, sealing)


@post(
    metadata.DEFERRED_PATH,
    operation_id="collectCredential",
    summary="Deferred credential endpoint",
    exception_handlers=refusals.handlers(refusals.DEFERRED),
    **_ENCRYPTABLE,
)
async def collect_credential(
    data: JSONBody[DeferredRequest],
    request: Request[Claims, Principal, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> Response[CredentialAnswer | bytes]:
    """Issue what was asked for and had to wait, once; how the answer is encrypted is said anew."""
    sealing = _sealing(data.credential_response_encryption, request)
    found = await issuance.collect(story, house, Wallet(me, request.user), data.transaction_id, clock.real())
    if isinstance(found, Issued):
        # Optional here (section 9.2), and wallets built on @openid4vc/openid4vci 0.4 refuse an answer that has it: they
        # would lose copies that can't be collected again.
        found = msgspec.structs.replace(found, notification_id=None)
    return _told(found, sealing)


def _asked(data: CredentialRequest, claims: Claims) -> str:
    """Find the one configuration that is asked for and that the token is for.

    A token that was asked for by authorization_details names identifiers, and so must the request; no other may
    (OpenID4VCI 1.0 section 8.2).
    """
    if (data.credential_configuration_id is UNSET) == (data.credential_identifier is UNSET):
        raise InvalidRequest(
            "invalid_credential_request", "not exactly one of credential_configuration_id and credential_identifier"
        )
    granted = {
        name: grant.credential_configuration_id
        for grant in claims.authorization_details
        for name in grant.credential_identifiers
    }
    if isinstance(data.credential_identifier, str):
        if (found := granted.get(data.credential_identifier)) is None:
            raise InvalidRequest("unknown_credential_identifier", "the access token is not for this identifier")
        return found
    known = {grant.credential_configuration_id for grant in claims.authorization_details}
    if data.credential_configuration_id not in known:
        raise InvalidRequest("unknown_credential_configuration", "the access token is not for this configuration")
    if granted:
        raise InvalidRequest(
            "invalid_credential_request", "the access token names credential_identifiers: one of them is to be named"
        )
    return str(data.credential_configuration_id)


def _sealing(told: dict[str, Any] | UnsetType, request: Request[Claims, Principal, State]) -> Sealing | None:
    """Say how the answer is encrypted: as the wallet wants, who said so where nobody else could have put a key in."""
    if told is UNSET:
        return None
    if (request.headers.get("content-type") or "").partition(";")[0].strip().lower() != strict.ENCRYPTED:
        raise encryption.BadParameters("they are taken within an encrypted request only")
    return encryption.parameters(told)


def _told(found: Issued | Deferred, sealing: Sealing | None) -> Response[Any]:
    told: CredentialAnswer | DeferredAnswer
    if isinstance(found, Issued):
        told, status = CredentialAnswer(list(map(IssuedCopy, found.copies)), found.notification_id), 200
    else:
        told, status = DeferredAnswer(found.transaction_id, deferral.INTERVAL_S), 202
    if sealing is None:
        return Response(told, status_code=status)
    sealed = sealing.encrypt(msgspec.json.encode(told)).encode()
    return Response(sealed, status_code=status, media_type=strict.ENCRYPTED)


@post(
    metadata.NOTIFICATION_PATH,
    operation_id="notifyIssuer",
    opt=_OPT,
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


routes: list[HTTPRouteHandler] = [give_nonce, issue_credential, collect_credential, notify]
