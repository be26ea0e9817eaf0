"""What the authorisation server says of itself (RFC 8414) and the keys of its access tokens (RFC 7517)."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.datastructures.headers import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app.auth import par, scopes
from app.auth.wallets import attested
from app.house import House
from app.http.oauth import authorize, pushed
from app.http.oauth.wallet_token import PRE_AUTHORIZED
from app.http.wallet_openid.status_lists import AGGREGATION_PATH
from app.language import Language
from residency.credential import jws

_ALGORITHMS = ["ES256", "EdDSA"]
_AN_HOUR = CacheControlHeader(public=True, max_age=3_600)


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 8414, with what RFC 9126, 9207, 9449, 9396, attestation-based client authentication and OpenID4VCI add."""

    issuer: Annotated[str, Meta(examples=["https://e-residency.example"])]
    authorization_endpoint: str
    pushed_authorization_request_endpoint: str
    require_pushed_authorization_requests: bool = True
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool = True
    ui_locales_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    client_attestation_signing_alg_values_supported: list[str]
    client_attestation_pop_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_details_types_supported: list[str]
    tls_client_certificate_bound_access_tokens: bool
    status_list_aggregation_endpoint: str
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
        authorization_endpoint=issuer + authorize.PATH,
        pushed_authorization_request_endpoint=issuer + pushed.PATH,
        token_endpoint=f"{issuer}/oauth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        scopes_supported=sorted(scopes.SCOPES.keys() | par.SCOPES.keys()),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        code_challenge_methods_supported=["S256"],
        ui_locales_supported=list(Language),
        grant_types_supported=["authorization_code", "refresh_token", "client_credentials", PRE_AUTHORIZED],
        token_endpoint_auth_methods_supported=["none", "private_key_jwt", attested.METHOD],
        token_endpoint_auth_signing_alg_values_supported=_ALGORITHMS,
        client_attestation_signing_alg_values_supported=[jws.ALGORITHM],
        client_attestation_pop_signing_alg_values_supported=[jws.ALGORITHM],
        dpop_signing_alg_values_supported=_ALGORITHMS,
        authorization_details_types_supported=["openid_credential"],
        status_list_aggregation_endpoint=issuer + AGGREGATION_PATH,
        tls_client_certificate_bound_access_tokens=house.door.proxies.header is not None,
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
    return KeySet(keys=house.door.ring.published())


@get(
    "/.well-known/http-message-signatures-directory",
    operation_id="getMessageKeys",
    opt={"scope": "public", "standard": "oauth"},
    tags=["OAuth"],
    summary="Keys of our signed messages",
    media_type="application/http-message-signatures-directory+json",
    cache_control=_AN_HOUR,
)
async def message_keys(house: NamedDependency[House]) -> KeySet:
    """Give the public keys with which our requests to partners and our signed answers are checked (RFC 9421).

    A new key stands here before it signs anything, and one that was followed for a week after: fetch the set again when
    a signature names a key that is not in it.
    """
    return KeySet(keys=house.keys.message.published())


routes: list[HTTPRouteHandler] = [authorization_server, jwks, message_keys]
