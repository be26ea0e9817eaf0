"""What wallets and verifiers read before they meet a credential: who issues it, of what type, under which root."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app.house import House
from residency.credential import metadata

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
    batch_credential_issuance: dict[str, int]
    display: list[dict[str, str]]
    credential_configurations_supported: dict[str, Json]


class SignerKeys(msgspec.Struct, frozen=True):
    """SD-JWT VC section 4.2."""

    issuer: Annotated[str, Meta(examples=["https://id.example"])]
    jwks: dict[str, list[dict[str, str]]]


class TypeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """SD-JWT VC section 5.2."""

    vct: Annotated[str, Meta(examples=[metadata.vct("https://id.example")])]
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
async def credential_issuer(house: NamedDependency[House]) -> IssuerMetadata:
    """Describe the issuer, its endpoints and what it issues (OpenID4VCI 1.0 section 12.2)."""
    told = metadata.issuer(house.settings.issuer)
    return msgspec.convert(told, IssuerMetadata)


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
    metadata.TYPE_PATH,
    operation_id="getCredentialType",
    opt=_OPT,
    tags=_TAGS,
    summary="Type metadata of the e-resident credential",
)
async def credential_type(house: NamedDependency[House]) -> TypeMetadata:
    """Describe the claims of the e-resident credential, in three languages (SD-JWT VC section 5)."""
    told = metadata.credential_type(house.settings.issuer)
    return msgspec.convert(told, TypeMetadata)


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


routes: list[HTTPRouteHandler] = [credential_issuer, jwt_vc_issuer, credential_type, credential_root]
