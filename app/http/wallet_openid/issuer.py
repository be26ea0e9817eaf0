"""What wallets and verifiers read before they meet a credential: who issues it, of what type, under which root."""

import base64
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta

from app import clock, problems
from app.credentials import entitlement
from app.db import Story
from app.house import House
from app.http import negotiation
from app.problems import Problem
from law.calendar import statutory_date
from residency.credential import metadata, pki
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
        signed = metadata.signed(told, house.credentials.authority.metadata, at=now)
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


@get(
    "/.well-known/eresidency-root.pem",
    operation_id="getCredentialRoot",
    opt=_OPT,
    tags=_TAGS,
    summary="Root certificate of the credentials",
    media_type="application/x-pem-file",
)
async def credential_root(house: NamedDependency[House]) -> bytes:
    """Give the certificate that verifiers pin; every signature on a credential or a status list leads to it."""
    return house.credentials.authority.root_pem


@get(
    "/.well-known/eresidency-root.cer",
    operation_id="getCredentialRootDer",
    opt=_OPT,
    tags=_TAGS,
    summary="Root certificate of the credentials, DER",
    media_type="application/pkix-cert",
)
async def credential_root_der(house: NamedDependency[House]) -> bytes:
    """Give the root in the form that readers of mdocs import (ISO 18013-5 Annex B)."""
    return house.credentials.authority.root_der


@get(
    pki.CRL_PATH,
    operation_id="getCredentialRevocations",
    opt={"scope": "public", "cors": "*", "cache": "public, max-age=300"},
    tags=_TAGS,
    summary="Revoked signers, DER",
    media_type="application/pkix-crl",
    responses={
        404: ResponseSpec(
            Problem,
            description="There is none: the root's key is elsewhere.",
            media_type=problems.MEDIA_TYPE,
            generate_examples=False,
        )
    },
)
async def credential_revocations(house: NamedDependency[House]) -> bytes:
    """Give the list of leaves that the root does not vouch for any more (RFC 5280 section 5)."""
    if (told := house.credentials.authority.crl) is None:
        raise HTTPException(status_code=404)
    return told


routes: list[HTTPRouteHandler] = [
    credential_issuer,
    jwt_vc_issuer,
    credential_type,
    resident_id_type,
    credential_root,
    credential_root_der,
    credential_revocations,
]
