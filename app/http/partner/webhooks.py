"""Where partners tell us things: proved over the raw bytes, kept, and answered before anything is done.

route      app/http/partner/webhooks.py  POST /v1/partner/{code}/webhooks   <- you are here
proves     app/partners/webhook.py       verify()
keeps      app/partners/inbox.py         keep()
acts       app/partners/inbox.py         step()    in the worker

Answers follow Standard Webhooks: 2xx is taken, everything else is not, and the body is for the sender's developer.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import clock
from app.auth import jose
from app.db import Story
from app.house import House
from app.http.wire import Wire
from app.partners import inbox, registry, webhook
from app.partners.inbox import Kept
from app.partners.registry import UnknownPartner
from app.partners.webhook import BadSignature

#: Standard Webhooks advises less than 20 kB; what is larger is not a message.
BODY_BYTES_MAX = 64 * 1024


class Taken(Wire, frozen=True):
    """The message is kept: for the first time, or it was before."""

    result: Annotated[Kept, Meta(examples=["new"])]


class NotTaken(msgspec.Struct, frozen=True):
    """The message is not taken; `error_description` is for the sender's developer."""

    error: str
    error_description: str


class WebhookKey(Wire, frozen=True):
    """A key that signs what we send, as Standard Webhooks writes it."""

    kid: Annotated[str, Meta(examples=["m1bC1…"])]
    key: Annotated[str, Meta(pattern="^whpk_", examples=["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="])]


class WebhookKeys(Wire, frozen=True):
    """Every key a receiver should believe; two while one replaces the other."""

    keys: list[WebhookKey]


@post(
    "/v1/partner/{code:str}/webhooks",
    operation_id="receiveWebhook",
    opt={"scope": "public", "standard": "webhook", "quota": "signed"},
    tags=["Partners"],
    summary="Take a signed message",
    status_code=202,
)
async def receive(
    code: FromPath[str],
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[Taken]:
    """Take a message signed by the partner `code` (Standard Webhooks, `v1a` or `v1`)."""
    body, now = await request.body(), clock.real()
    if len(body) > BODY_BYTES_MAX:
        return _refuse(413, "too_large", "a message has at most 64 KiB")
    db = await story()
    try:
        partner = await registry.find(db, code)
        await story.speak_for(partner.id)
        keys = await registry.keys(db, house.keys.kms, partner, now)
        received = webhook.verify(request.headers, body, keys=keys, now=now)
    except (UnknownPartner, BadSignature):
        # One answer for both, so that nobody learns from outside who our partners are.
        return _refuse(401, "invalid_signature", "no key of this partner signed these bytes just now")
    kept = await inbox.keep(db, house.keys.kms, partner, received, body=body, now=now)
    if kept is Kept.CONFLICTING:
        return _refuse(409, "id_reused", "another message came under this webhook-id; this one was noted, not taken")
    return Response(Taken(result=kept), status_code=202)


@get(
    "/v1/partner/webhook-keys",
    operation_id="listWebhookKeys",
    opt={"scope": "public"},
    tags=["Partners"],
    summary="Keys that sign what we send",
)
async def list_keys(house: NamedDependency[House]) -> WebhookKeys:
    """List the public keys of our own messages to partners."""
    found = [(jwk["kid"], jose.unb64(jwk["x"])) for jwk in house.keys.webhook.published()]
    return WebhookKeys(keys=[WebhookKey(kid=kid, key=webhook.show_public(raw)) for kid, raw in found])


def _refuse(status: int, error: str, description: str) -> Response[Any]:
    return Response(NotTaken(error, description), status_code=status)


routes = [receive, list_keys]
