"""Where a resident approves a wallet: a page of ours in the browser, and the three POSTs it makes, for scripts as well.

page     GET  /oauth/authorize                       shows; opens nothing, sends the browser nowhere
opens    POST /oauth/authorizations                  the pushed request, once: what is asked and what to sign
decides  POST /oauth/authorizations/{id}/approval    with the passkey's answer     app/auth/authorization.py approve()
         POST /oauth/authorizations/{id}/denial

The browser is only ever sent to the address that was registered for the wallet and pushed by it. What is wrong with a
request is shown here and told nobody else.
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from msgspec import Meta

from app import clock, language
from app.auth import authorization, passkey, stepup
from app.auth.credential import Assertion, RequestOptions
from app.auth.operations import OPERATIONS
from app.credentials import issuance
from app.db import Story
from app.house import House
from app.http import ids
from app.http.oauth import page
from app.http.wire import Wire
from residency.credential.configuration import CONFIGURATIONS

PATH = "/oauth/authorize"
_OPT = {"scope": "public", "quota": "sign-in"}
_TAGS = ["OAuth"]
_ClientId = Annotated[str, Meta(max_length=64, examples=["kz.example.wallet"])]
_RequestUri = Annotated[str, Meta(max_length=200, examples=["urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc1"])]


class OpenAuthorization(Wire, frozen=True):
    """What the wallet sent the browser with."""

    client_id: _ClientId
    request_uri: _RequestUri


class AuthorizationView(Wire, frozen=True):
    """What is asked. `options.challenge` covers exactly `shown`, as in a step-up (POST /v1/auth/step-ups)."""

    id: Annotated[str, Meta(examples=["authorization_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    operation: Annotated[str, Meta(examples=[authorization.OPERATION])]
    shown: Annotated[stepup.Shown, Meta(examples=[{"wallet": "A wallet", "credentials": "e_resident_sd_jwt"}])]
    text_version: Annotated[str, Meta(examples=["2026-11"])]
    nonce: Annotated[str, Meta(examples=["mWqGvVt4v0xZ3GkQ1cC3Sg"])]
    options: RequestOptions
    expires_at: Annotated[datetime, Meta(description="After this instant of the real clock nothing can be decided.")]


class Approve(Wire, frozen=True):
    """The passkey's answer to the challenge."""

    credential: Assertion


class Decided(Wire, frozen=True):
    """Where the browser goes now: back to the wallet, with a code or with the refusal."""

    redirect_to: Annotated[str, Meta(examples=["https://wallet.example/callback?code=AZLz…&state=af0&iss=https…"])]


@get(
    PATH,
    operation_id="showAuthorization",
    opt={**_OPT, "page": True},
    tags=_TAGS,
    summary="Authorisation endpoint: the page on which a resident approves a wallet",
    media_type="text/html",
)
async def show(
    story: NamedDependency[Story],
    client_id: Annotated[str, QueryParameter(max_length=64)] = "",
    request_uri: Annotated[str, QueryParameter(max_length=200)] = "",
    ui_locales: Annotated[str, QueryParameter(max_length=100, description="OpenID Connect Core 3.1.2.1.")] = "",
    accept_language: Annotated[str | None, HeaderParameter(name="Accept-Language")] = None,
) -> Response[bytes]:
    """Show the page. A request that was not pushed, or is over, is explained and goes nowhere."""
    tag = language.choose(",".join(ui_locales.split()) or accept_language)
    standing = await authorization.stands(await story(), client_id, request_uri, clock.real())
    return Response(
        page.asking(tag) if standing else page.over(tag),
        status_code=200 if standing else 400,
        media_type="text/html",
        headers=page.HEADERS | {"Content-Language": tag},
    )


@post(
    "/oauth/authorizations",
    operation_id="openAuthorization",
    opt=_OPT,
    tags=_TAGS,
    summary="Open a pushed request, once",
)
async def open_(
    data: JSONBody[OpenAuthorization], story: NamedDependency[Story], house: NamedDependency[House]
) -> AuthorizationView:
    """Say what a wallet asks for, and give what a passkey signs to approve exactly that."""
    opened = await authorization.open_(await story(), data.client_id, data.request_uri, clock.real())
    return AuthorizationView(
        id=ids.show("authorization", opened.id),
        operation=authorization.OPERATION,
        shown=dict(opened.shown),
        text_version=OPERATIONS[authorization.OPERATION].text_version,
        nonce=opened.nonce,
        options=passkey.request_options(house.settings, opened.challenge),
        expires_at=opened.decide_by,
    )


@post(
    "/oauth/authorizations/{authorization_id:str}/approval",
    operation_id="approveAuthorization",
    opt={**_OPT, "proof": True},
    tags=_TAGS,
    summary="Approve a wallet with the passkey",
    status_code=200,
)
async def approve(
    authorization_id: FromPath[str],
    data: JSONBody[Approve],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Decided:
    """Let the wallet fetch what was shown; for who has the status of one of the documents, or has applied for it."""
    asked = ids.parse("authorization", authorization_id)
    given = await authorization.approve(story, house.settings, asked, data.credential, clock.real())
    kinds = {CONFIGURATIONS[each].kind for each in given.configurations}
    await issuance.require_one_possible(await story(), given.subject.id, kinds, at=story.now)
    return Decided(redirect_to=given.back)


@post(
    "/oauth/authorizations/{authorization_id:str}/denial",
    operation_id="denyAuthorization",
    opt=_OPT,
    tags=_TAGS,
    summary="Send a wallet away",
    status_code=200,
)
async def deny(
    authorization_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Decided:
    """Give the wallet nothing; it hears `access_denied`."""
    asked = ids.parse("authorization", authorization_id)
    return Decided(redirect_to=await authorization.deny(await story(), house.settings, asked, clock.real()))


routes: list[HTTPRouteHandler] = [show, open_, approve, deny]
