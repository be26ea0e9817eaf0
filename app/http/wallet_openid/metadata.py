"""What the authorisation server says of itself (RFC 8414) and the keys of its access tokens (RFC 7517)."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.datastructures.headers import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app.auth import scopes
from app.house import House
from app.http.wallet_openid.token import PRE_AUTHORIZED

_ALGORITHMS = ["ES256", "EdDSA"]
_AN_HOUR = CacheControlHeader(public=True, max_age=3_600)


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 8414. `response_types_supported` is absent because there is no authorisation endpoint (OpenID4VCI 12.3)."""

    issuer: Annotated[str, Meta(examples=["https://e-residency.example"])]
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_details_types_supported: list[str]
    anonymous_access_supported: bool = msgspec.field(name="pre-authorized_grant_anonymous_access_supported")


class KeySet(msgspec.Struct, frozen=True):
    """RFC 7517."""

    keys: list[dict[str, str]]


@get(
    "/.well-known/oauth-authorization-server",
    operation_id="getAuthorizationServerMetadata",
    opt={"scope": "public", "standard": "oauth"},
    tags=["OAuth"],
    summary="Authorisation server metadata",
    cache_control=_AN_HOUR,
)
async def authorization_server(house: NamedDependency[House]) -> ServerMetadata:
    """Name the endpoints, grants, methods and algorithms."""
    issuer = house.settings.issuer
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=f"{issuer}/oauth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        scopes_supported=sorted(scopes.SCOPES),
        grant_types_supported=["refresh_token", "client_credentials", PRE_AUTHORIZED],
        token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=_ALGORITHMS,
        dpop_signing_alg_values_supported=_ALGORITHMS,
        authorization_details_types_supported=["openid_credential"],
        anonymous_access_supported=True,
    )


@get(
    "/.well-known/jwks.json",
    operation_id="getJwks",
    opt={"scope": "public", "standard": "oauth"},
    tags=["OAuth"],
    summary="Keys of the access tokens",
    cache_control=_AN_HOUR,
)
async def jwks(house: NamedDependency[House]) -> KeySet:
    """Give the public keys with which access tokens are checked."""
    return KeySet(keys=[house.door.signer.public_jwk])


routes: list[HTTPRouteHandler] = [authorization_server, jwks]
