"""The OAuth authorisation server: the token endpoint and what describes it (RFC 6749, RFC 8414, RFC 9449, OpenID4VCI).

    refresh_token         the app renews its session                                app/auth/refresh.py
    client_credentials    partners, regulators, services with private_key_jwt       app/auth/client.py
    pre-authorized_code   a wallet fetches a credential the resident offered it     app/auth/code.py

Every token is bound to the key of the DPoP proof that came with the request. Refusals are returned, not raised: what
they store (a reuse, a wrong try) is committed with the answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema
from msgspec import Meta

from app import clock
from app.auth import authenticate, client, code, dpop, refresh, scopes, session, token
from app.auth.door import Door
from app.auth.session import Session
from app.db import Story
from app.house import House

PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
_FORM = "application/x-www-form-urlencoded"
_FIELDS_MAX = 32
_FIELDS = (
    "refresh_token",
    "scope",
    "pre-authorized_code",
    "tx_code",
    "authorization_details",
    "client_assertion",
    "client_assertion_type",
    "client_id",
)
_EXAMPLE = {"grant_type": "refresh_token", "refresh_token": "AZLzwNtZcAi0eJ0lYHp2c4n5bq1mZ2pX0f3dQe8wVt6K9uRjYhGkLxTn"}
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Form = dict[str, str]
Grant = Callable[[Story, Door, Form, str, datetime], Awaitable["TokenAnswer"]]


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 6749 section 5.1."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi.c2ln"])]
    token_type: Literal["DPoP"]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[300])]
    scope: Annotated[str, Meta(examples=["cards:read cards:write wallet:read"])]
    refresh_token: Annotated[str, Meta(examples=[_EXAMPLE["refresh_token"]])] | None = None
    authorization_details: tuple[token.Grant, ...] = ()


class OAuthError(msgspec.Struct, frozen=True):
    """RFC 6749 section 5.2."""

    error: Annotated[str, Meta(examples=["invalid_grant"])]
    error_description: str


class _Unauthorised(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description

    def response(self) -> Response[Any]:
        # RFC 6749 section 5.2: descriptions are printable ASCII without quotes and backslashes.
        text = "".join(char for char in self.description if " " <= char <= "~" and char not in '"\\')
        status = 401 if self.error == "invalid_client" else 400
        return Response(OAuthError(self.error, text), status_code=status, headers=_HEADERS)


@dataclass
class _FormOperation(Operation):
    """Describes the form, which the handler reads itself: RFC 6749 wants its own errors and unknown fields ignored."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        fields = dict.fromkeys((*_FIELDS, "grant_type"), text)
        form = Schema(type=OpenAPIType.OBJECT, properties=dict(fields), required=["grant_type"], example=_EXAMPLE)
        self.request_body = RequestBody(content={_FORM: OpenAPIMediaType(schema=form)}, required=True)
        said = "RFC 9449 proof of the key that the token is to be bound to."
        self.parameters = [Parameter(name="DPoP", param_in="header", description=said, required=True, schema=text)]


@post(
    "/oauth/token",
    operation_id="issueToken",
    opt={"scope": "public", "standard": "oauth"},
    tags=["OAuth"],
    summary="Token endpoint",
    status_code=200,
    operation_class=_FormOperation,
)
async def issue_token(
    request: Request[Any, Any, State], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[TokenAnswer]:
    """Exchange a grant for an access token; see the metadata for the grants, the authentication and the algorithms."""
    try:
        form = await _form(request)
        grant = _grant(form)
        jkt = await _device_key(request, house.door)
        answer = await grant(story, house.door, form, jkt, clock.real())
    except _Unauthorised as refused:
        return refused.response()
    return Response(answer, headers=_HEADERS)


async def _form(request: Request[Any, Any, State]) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise _Unauthorised("invalid_request", f"the body is not {_FORM}")
    try:
        body = (await request.body()).decode("ascii")
        pairs = parse_qsl(body, strict_parsing=True, errors="strict", max_num_fields=_FIELDS_MAX) if body else []
    except ValueError:
        raise _Unauthorised("invalid_request", "the form can't be read") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Unauthorised("invalid_request", "a parameter is given twice")
    return form


async def _device_key(request: Request[Any, Any, State], door: Door) -> str:
    try:
        proof = authenticate.prove(door, request.scope, access_token=None)
        await door.gate.admit(None, proof)
    except (dpop.Refused, token.Refused) as refused:
        raise _Unauthorised("invalid_dpop_proof", refused.reason) from None
    return proof.thumbprint


def _grant(form: Form) -> Grant:
    if (grant := _GRANTS.get(_needed(form, "grant_type"))) is None:
        raise _Unauthorised("unsupported_grant_type", "see grant_types_supported")
    return grant


def _needed(form: Form, name: str) -> str:
    if not (value := form.get(name)):
        raise _Unauthorised("invalid_request", f"{name} is missing")
    return value


async def _refresh(story: Story, door: Door, form: Form, jkt: str, now: datetime) -> TokenAnswer:
    asked = frozenset(form.get("scope", "").split())
    rotated = await refresh.rotate(story, _needed(form, "refresh_token"), jkt, now, asked=asked)
    if isinstance(rotated, refresh.Denied):
        raise _Unauthorised(rotated.error, rotated.reason)
    return _answer(door, rotated.session, now, scopes=asked, refresh_token=rotated.text)


async def _client(story: Story, door: Door, form: Form, jkt: str, now: datetime) -> TokenAnswer:
    if form.get("client_assertion_type") != client.ASSERTION_TYPE:
        raise _Unauthorised("invalid_client", f"client_assertion_type is not {client.ASSERTION_TYPE}")
    try:
        who = await client.recognise(story, _needed(form, "client_assertion"), issuer=door.issuer, now=now)
    except client.NotRecognised as refused:
        raise _Unauthorised("invalid_client", refused.reason) from None
    if form.get("client_id", who.name) != who.name:
        raise _Unauthorised("invalid_client", "client_id is not that of the assertion")
    held = scopes.held_by(who.role)
    asked = frozenset(form.get("scope", "").split()) or held
    if not asked <= held:
        raise _Unauthorised("invalid_scope", f"may hold {' '.join(sorted(held))}")
    opened = await session.begin(
        await story(),
        who,
        opened_by="client",
        client_id=who.name,
        jkt=jkt,
        scopes=asked,
        at=now,
        lasts=token.LIFETIME,  # no refresh token: the client's key is always at hand
    )
    return _answer(door, opened, now)


async def _code(story: Story, door: Door, form: Form, jkt: str, now: datetime) -> TokenAnswer:
    asked = _configurations(form)
    redeemed = await code.redeem(
        story, _needed(form, "pre-authorized_code"), tx_code=form.get("tx_code"), asked=asked, now=now
    )
    if isinstance(redeemed, code.Denied):
        raise _Unauthorised(redeemed.error, redeemed.reason)
    # One identifier for each configuration: a resident has one data set.
    grants = tuple(token.Grant(name, (name,)) for name in redeemed.configurations if name in asked or not asked)
    opened = await session.begin(
        await story(),
        redeemed.subject,
        opened_by="code",
        client_id="wallet",
        jkt=jkt,
        scopes=frozenset({"credential:issue"}),
        at=now,
        lasts=token.LIFETIME,
    )
    return _answer(door, opened, now, grants=grants, shown=grants if asked else ())


class _Detail(msgspec.Struct, frozen=True, tag="openid_credential", tag_field="type"):
    credential_configuration_id: str


def _configurations(form: Form) -> frozenset[str]:
    """Read `authorization_details`; empty when the wallet leaves the choice to the code."""
    if (text := form.get("authorization_details")) is None:
        return frozenset()
    try:
        details = msgspec.json.decode(text, type=list[_Detail])
    except msgspec.DecodeError:
        raise _Unauthorised("invalid_authorization_details", "only openid_credential, by configuration id") from None
    if not details:
        raise _Unauthorised("invalid_authorization_details", "they are empty")
    return frozenset(detail.credential_configuration_id for detail in details)


def _answer(
    door: Door,
    opened: Session,
    now: datetime,
    *,
    scopes: frozenset[str] = frozenset(),
    refresh_token: str | None = None,
    grants: tuple[token.Grant, ...] = (),
    shown: tuple[token.Grant, ...] = (),
) -> TokenAnswer:
    scope = " ".join(sorted(scopes)) or opened.scope
    access = door.access(opened, now, scope=scope, grants=grants)
    return TokenAnswer(
        access_token=access.token,
        token_type="DPoP",  # noqa: S106  the name of the scheme
        expires_in=access.expires_in,
        scope=scope,
        refresh_token=refresh_token,
        authorization_details=shown,
    )


_GRANTS: dict[str, Grant] = {
    "refresh_token": _refresh,
    "client_credentials": _client,
    PRE_AUTHORIZED: _code,
}

routes: list[HTTPRouteHandler] = [issue_token]
