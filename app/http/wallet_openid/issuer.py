"""What wallets and verifiers read before they meet a credential: who issues it, and of what type.

Under which roots it stands is in app/http/wallet_openid/roots.py.
"""

import base64
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app import clock
from app.credentials import entitlement
from app.db import Story
from app.house import House
from app.http import negotiation
from law.calendar import statutory_date
from residency.credential import metadata
from residency.credential.configuration import TYPE_PATHS, vct
from residency.credential.dataset import Kind
from residency.credential.wallets import encryption

#: Browser wallets read these too.
_OPT = {"scope": "public", "cors": "*", "cache": "public, max-age=3600"}
_TAGS = ["OpenID4VCI"]

Json = dict[str, Any]


class IssuerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """OpenID4VCI 1.0 section 12.2.4."""

    credential_issuer: Annotated[str, Meta(examples=["https://id.example"])]
    credential_endpoint: Annotated[str, Meta(examples=[f"https://id.example{metadata.CREDENTIAL_PATH}"])]
    nonce_endpoint: Annotated[str, Meta(examples=[f"https://id.example{metadata.NONCE_PATH}"])]
    notification_endpoint: Annotated[str, Meta(examples=[f"https://id.example{metadata.NOTIFICATION_PATH}"])]
    deferred_credential_endpoint: Annotated[str, Meta(examples=[f"https://id.example{metadata.DEFERRED_PATH}"])]
    credential_request_encryption: Json
    credential_response_encryption: Json
    batch_credential_issuance: dict[str, int]
    display: list[dict[str, str]]
    credential_configurations_supported: dict[str, Json]


class SignerKeys(msgspec.Struct, frozen=True):
    """SD-JWT VC section 4.2."""

    issuer: Annotated[str, Meta(examples=["https://id.example"])]
    jwks: dict[str, list[dict[str, str]]]


class TypeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """SD-JWT VC section 5.2."""

    vct: Annotated[str, Meta(examples=[vct("https://id.example", Kind.E_RESIDENT)])]
    name: Annotated[str, Meta(examples=["e_resident, version 1"])]
    description: str
    display: list[Json]
    claims: list[Json]


@get(
    "/.well-known/openid-credential-issuer",
    operation_id="getCredentialIssuerMetadata",
    opt=_OPT,
    tags=_TAGS,
    summary="Credential issuer metadata",
)
async def credential_issuer(
    request: Request[Any, Any, State], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[IssuerMetadata | bytes]:
    """Describe the issuer, its endpoints and what it issues (OpenID4VCI 1.0 section 12.2).

    Signed for who asks for `application/jwt`: the signature leads to the root, so what is said can't be another's.
    """
    await story()  # its clock is the law's
    now, keys = clock.real(), house.credentials.authority.nonce_key
    offered = entitlement.offered(statutory_date(story.now))
    told = metadata.issuer(house.settings.issuer, offered, encryption.published(keys, at=now))
    headers = {"Vary": "Accept"}
    if "application/jwt" in negotiation.named(request.headers.get("accept", "")):
        seal = house.credentials.authority.metadata
        signed = metadata.signed(told, seal, at=now)
        house.watch.signed("issuer_metadata", seal.signer.kid)
        return Response(signed.encode(), media_type="application/jwt", headers=headers)
    return Response(msgspec.convert(told, IssuerMetadata), headers=headers)


@get(
    "/.well-known/jwt-vc-issuer",
    operation_id="getJwtVcIssuerMetadata",
    opt=_OPT,
    tags=_TAGS,
    summary="Keys of the document signers",
)
async def jwt_vc_issuer(house: NamedDependency[House]) -> SignerKeys:
    """List the keys that sign credentials (SD-JWT VC section 4)."""
    told = metadata.jwt_vc_issuer(house.settings.issuer, house.credentials.authority.signers)
    return msgspec.convert(told, SignerKeys)


@get(
    TYPE_PATHS[Kind.E_RESIDENT],
    operation_id="getCredentialType",
    opt=_OPT,
    tags=_TAGS,
    summary="Type metadata of the e-resident credential",
)
async def credential_type(house: NamedDependency[House]) -> Response[TypeMetadata]:
    """Describe the claims of the e-resident credential, in three languages (SD-JWT VC section 5)."""
    return _type(house, Kind.E_RESIDENT)


@get(
    TYPE_PATHS[Kind.RESIDENT_ID],
    operation_id="getResidentIdType",
    opt=_OPT,
    tags=_TAGS,
    summary="Type metadata of the resident ID",
)
async def resident_id_type(house: NamedDependency[House]) -> Response[TypeMetadata]:
    """Describe the claims of the resident ID; it is issued only while its rule is in force."""
    return _type(house, Kind.RESIDENT_ID)


def _type(house: House, kind: Kind) -> Response[TypeMetadata]:
    """Tell the hash of what is told (RFC 9530), for who pins a type.

    Credentials carry no `vct#integrity`: a mended label would void every copy that is alive.
    """
    told = msgspec.convert(metadata.credential_type(house.settings.issuer, kind), TypeMetadata)
    digest = base64.b64encode(hashlib.sha256(msgspec.json.encode(told)).digest()).decode()
    return Response(told, headers={"Repr-Digest": f"sha-256=:{digest}:", "ETag": f'"{digest}"'})


routes: list[HTTPRouteHandler] = [credential_issuer, jwt_vc_issuer, credential_type, resident_id_type]
