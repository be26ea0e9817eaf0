"""The token endpoint (RFC 6749, RFC 9449, OpenID4VCI).

    authorization_code    a wallet the resident approved, with PKCE                 app/auth/authorization.py
    refresh_token         the app renews its session                                app/auth/refresh.py
    client_credentials    partners, regulators, services with private_key_jwt       app/auth/client.py
    pre-authorized_code   a wallet fetches a credential the resident offered it     app/auth/code.py

Every token is bound to the key of the DPoP proof that came with the request. Refusals are returned, not raised: what
they store (a reuse, a wrong try) is committed with the answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app import clock
from app.auth import authorization, client, code, par, refresh, session, token
from app.auth.door import Door
from app.auth.session import Session
from app.auth.subject import Subject
from app.db import Story
from app.house import House
from app.http.oauth import form as form_
from app.http.oauth.form import Form, FormOperation, Unacceptable

PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
_FIELDS = (
    "code",
    "redirect_uri",
    "code_verifier",
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


class Proved(NamedTuple):
    """What the caller showed to hold: the device key, and a client certificate where a proxy told of one."""

    jkt: str
    certificate: str | None


Grant = Callable[[Story, Door, Form, Proved, datetime], Awaitable["TokenAnswer"]]


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 6749 section 5.1."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi.c2ln"])]
    token_type: Literal["DPoP"]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[300])]
    scope: Annotated[str, Meta(examples=["cards:read cards:write wallet:read"])]
    refresh_token: Annotated[str, Meta(examples=[_EXAMPLE["refresh_token"]])] | None = None
    authorization_details: tuple[token.Grant, ...] = ()


@dataclass
class _TokenForm(FormOperation):
    fields = _FIELDS
    required_fields = ("grant_type",)
    form_example = _EXAMPLE


@post(
    "/oauth/token",
    operation_id="issueToken",
    opt={"scope": "public", "standard": "oauth", "quota": "token"},
    tags=["OAuth"],
    summary="Token endpoint",
    status_code=200,
    operation_class=_TokenForm,
)
async def issue_token(
    request: Request[Any, Any, State], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[TokenAnswer]:
    """Exchange a grant for an access token; see the metadata for the grants, the authentication and the algorithms."""
    try:
        form = await form_.read(request)
        grant = _grant(form)
        jkt = await form_.device_key(request, house.door)
        certificate = _certificate(request, house.door)
        answer = await grant(story, house.door, form, Proved(jkt, certificate), clock.real())
    except Unacceptable as refused:
        return refused.response()
    return Response(answer, headers=form_.HEADERS)


def _certificate(request: Request[Any, Any, State], door: Door) -> str | None:
    try:
        return door.proxies.thumbprint(request.scope)
    except token.Refused as refused:
        raise Unacceptable("invalid_client", refused.reason) from None


def _grant(form: Form) -> Grant:
    if (grant := _GRANTS.get(form_.needed(form, "grant_type"))) is None:
        raise Unacceptable("unsupported_grant_type", "see grant_types_supported")
    return grant


async def _refresh(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    asked = frozenset(form.get("scope", "").split())
    rotated = await refresh.rotate(story, form_.needed(form, "refresh_token"), by.jkt, now, asked=asked)
    if isinstance(rotated, refresh.Denied):
        raise Unacceptable(rotated.error, rotated.reason)
    return _answer(door, rotated.session, now, scopes=asked, refresh_token=rotated.text)


async def _client(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    if form.get("client_assertion_type") != client.ASSERTION_TYPE:
        raise Unacceptable("invalid_client", f"client_assertion_type is not {client.ASSERTION_TYPE}")
    try:
        machine = await client.recognise(story, form_.needed(form, "client_assertion"), issuer=door.issuer, now=now)
    except client.NotRecognised as refused:
        raise Unacceptable("invalid_client", refused.reason) from None
    who = machine.subject
    if form.get("client_id", who.name) != who.name:
        raise Unacceptable("invalid_client", "client_id is not that of the assertion")
    asked = frozenset(form.get("scope", "").split()) or machine.scopes
    if not asked <= machine.scopes:
        raise Unacceptable("invalid_scope", f"may hold {' '.join(sorted(machine.scopes))}")
    opened = await session.begin(
        await story(),
        who,
        opened_by="client",
        client_id=who.name,
        jkt=by.jkt,
        scopes=asked,
        at=now,
        lasts=token.LIFETIME,  # no refresh token: the client's key is always at hand
    )
    return _answer(door, opened, now, certificate=by.certificate)


async def _pre_authorized(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    asked = _configurations(form)
    redeemed = await code.redeem(
        story, form_.needed(form, "pre-authorized_code"), tx_code=form.get("tx_code"), asked=asked, now=now
    )
    if isinstance(redeemed, code.Denied):
        raise Unacceptable(redeemed.error, redeemed.reason)
    wanted = [name for name in redeemed.configurations if name in asked or not asked]
    opened = await _wallet_session(story, redeemed.subject, "wallet", by.jkt, now)
    grants = _grants(wanted)
    return _answer(door, opened, now, grants=grants, shown=grants if asked else ())


async def _authorized(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    for name in ("code", "redirect_uri", "code_verifier", "client_id"):
        form_.needed(form, name)
    redeemed = await authorization.redeem(story, form, by.jkt, now)
    if isinstance(redeemed, code.Denied):
        raise Unacceptable(redeemed.error, redeemed.reason)
    opened = await _wallet_session(story, redeemed.subject, redeemed.client, by.jkt, now)
    await authorization.give(await story(), redeemed, opened.id, now)
    grants = _grants(redeemed.configurations)
    return _answer(door, opened, now, grants=grants, shown=grants if redeemed.detailed else ())


async def _wallet_session(story: Story, who: Subject, wallet: str, jkt: str, now: datetime) -> Session:
    return await session.begin(
        await story(),
        who,
        opened_by="code",
        client_id=wallet,
        jkt=jkt,
        scopes=frozenset(par.SCOPES),
        at=now,
        lasts=token.LIFETIME,
    )


def _grants(configurations: Sequence[str]) -> tuple[token.Grant, ...]:
    # One identifier for each configuration: a resident has one data set.
    return tuple(token.Grant(name, (name,)) for name in configurations)


def _configurations(form: Form) -> frozenset[str]:
    """Read `authorization_details`; empty when the wallet leaves the choice to the code."""
    if (text := form.get("authorization_details")) is None:
        return frozenset()
    try:
        return par.configurations(text)
    except par.Denied as denied:
        raise Unacceptable(denied.error, denied.reason) from None


def _answer(
    door: Door,
    opened: Session,
    now: datetime,
    *,
    scopes: frozenset[str] = frozenset(),
    refresh_token: str | None = None,
    grants: tuple[token.Grant, ...] = (),
    shown: tuple[token.Grant, ...] = (),
    certificate: str | None = None,
) -> TokenAnswer:
    scope = " ".join(sorted(scopes)) or opened.scope
    access = door.access(opened, now, scope=scope, grants=grants, certificate=certificate)
    return TokenAnswer(
        access_token=access.token,
        token_type="DPoP",  # noqa: S106  the name of the scheme
        expires_in=access.expires_in,
        scope=scope,
        refresh_token=refresh_token,
        authorization_details=shown,
    )


_GRANTS: dict[str, Grant] = {
    "authorization_code": _authorized,
    "refresh_token": _refresh,
    "client_credentials": _client,
    PRE_AUTHORIZED: _pre_authorized,
}

routes: list[HTTPRouteHandler] = [issue_token]
