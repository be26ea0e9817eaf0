"""Where wallets push what they will ask for (RFC 9126); what it must hold is read in app/auth/par.py."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from app import clock
from app.auth import par
from app.db import Story
from app.house import House
from app.http.oauth import form as form_
from app.http.oauth.form import FormOperation, Unacceptable

PATH = "/oauth/par"
_EXAMPLE = {
    "client_id": "kz.example.wallet",
    "response_type": "code",
    "redirect_uri": "https://wallet.example/callback",
    "scope": "credential:e_resident_sd_jwt",
    "state": "af0ifjsldkj",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


class PushedAnswer(msgspec.Struct, frozen=True):
    """RFC 9126 section 2.2."""

    request_uri: Annotated[str, Meta(examples=[f"{par.PREFIX}6esc_11ACC5bwc014ltc14eY22c9K1Dqk3lG6vW0uY8"])]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[60])]


@dataclass
class _PushedForm(FormOperation):
    fields = ("scope", "authorization_details", "state", "dpop_jkt", "response_mode")
    required_fields = ("client_id", "response_type", "redirect_uri", "code_challenge", "code_challenge_method")
    form_example = _EXAMPLE


@post(
    PATH,
    operation_id="pushAuthorizationRequest",
    opt={"scope": "public", "standard": "oauth", "quota": "sign-in"},
    tags=["OAuth"],
    summary="Pushed authorisation request endpoint",
    status_code=201,
    operation_class=_PushedForm,
)
async def push(
    request: Request[Any, Any, State], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[PushedAnswer]:
    """Keep a wallet's request for a minute. The code it leads to is bound to the key of the DPoP proof sent here."""
    try:
        asked = await form_.read(request)
        jkt = await form_.device_key(request, house.door)
        now = clock.real()
        by = await form_.attested(request, story, asked, house.door, now)
        db = await story()
        made = await par.push(db, await par.read(db, asked, jkt, by), now)
    except Unacceptable as refused:
        return refused.response()
    except par.Denied as denied:
        return Unacceptable(denied.error, denied.reason).response()
    return Response(PushedAnswer(made, int(par.LIFETIME.total_seconds())), headers=form_.HEADERS)


routes: list[HTTPRouteHandler] = [push]
