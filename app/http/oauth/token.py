"""The token endpoint (RFC 6749, RFC 9449, OpenID4VCI).

    authorization_code    a wallet the resident approved, with PKCE                 app/http/oauth/wallet_token.py
    pre-authorized_code   a wallet fetches a credential the resident offered it     app/http/oauth/wallet_token.py
    refresh_token         the app, or a wallet, renews its session                  app/auth/refresh.py
    client_credentials    partners, regulators, services with private_key_jwt       app/auth/client.py

Every token is bound to the key of the DPoP proof that came with the request. Refusals are returned, not raised: what
they store (a reuse, a wrong try) is committed with the answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from app import clock
from app.auth import client, refresh, session, token
from app.auth.door import Door
from app.db import Story
from app.house import House
from app.http.oauth import answer, wallet_token
from app.http.oauth import form as form_
from app.http.oauth.answer import Grant, Proved, TokenAnswer
from app.http.oauth.form import Form, FormOperation, Unacceptable

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
_EXAMPLE = {"grant_type": "refresh_token", "refresh_token": answer.REFRESH_TOKEN}


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
        certificate, now = _certificate(request, house.door), clock.real()
        attested = await form_.attested(request, story, form, house.door, now)
        given = await grant(story, house.door, form, Proved(jkt, certificate, attested), now)
    except Unacceptable as refused:
        return refused.response()
    return Response(given, headers=form_.HEADERS)


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
    instance = by.attested.instance if by.attested else None
    rotated = await refresh.rotate(
        story, form_.needed(form, "refresh_token"), refresh.Asked(by.jkt, now, asked, instance)
    )
    if isinstance(rotated, refresh.Denied):
        raise Unacceptable(rotated.error, rotated.reason)
    if rotated.wallet is not None:
        return wallet_token.renewed(door, rotated, now, asked=asked)
    return answer.answer(door, rotated.session, now, scopes=asked, refresh_token=rotated.text)


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
    return answer.answer(door, opened, now, certificate=by.certificate)


_GRANTS: dict[str, Grant] = {
    "authorization_code": wallet_token.authorized,
    "refresh_token": _refresh,
    "client_credentials": _client,
    wallet_token.PRE_AUTHORIZED: wallet_token.pre_authorized,
}

routes: list[HTTPRouteHandler] = [issue_token]
