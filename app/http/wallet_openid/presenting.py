"""Where a wallet fetches what a verifier asks and posts its answer (OpenID4VP 1.0, request_uri and direct_post.jwt)."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath
from msgspec import Meta

from app import clock, problems
from app.credentials import presentations
from app.db import Story
from app.house import House
from app.http import ids
from app.http.oauth import form as form_
from app.http.oauth.form import FORM, HEADERS, Unacceptable
from app.problems import Problem
from residency.credential.presenting import asking

_OPT = {"scope": "public", "standard": "openid4vp", "cors": "*", "quota": "token"}
_TAGS = ["OpenID4VP"]
_WALLET_NONCE_MAX = 512


def _refused(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, media_type=problems.MEDIA_TYPE, generate_examples=False)


_OVER = {404: _refused("There is no such request."), 410: _refused("It was answered, declined, or is too old.")}


class Heard(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenID4VP 1.0 section 8.2: where the holder goes now, where the verifier wants them back."""

    redirect_uri: Annotated[str, Meta(examples=["https://bank.example/done?response_code=AZL"])] | None = None


def _form(*fields: str) -> type[Operation]:
    text = Schema(type=OpenAPIType.STRING)
    schema = Schema(type=OpenAPIType.OBJECT, properties=dict.fromkeys(fields, text), example={fields[0]: "eyJ"})

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=schema)}, required=True)

    return Described


@get(
    f"{presentations.REQUESTS_PATH}{{presentation_id:str}}",
    operation_id="getPresentationRequest",
    opt=_OPT,
    tags=_TAGS,
    summary="Request object",
    media_type=asking.MEDIA_TYPE,
    responses=_OVER,
)
async def get_request(
    presentation_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[bytes]:
    """Give the signed request; 404 when it is over."""
    return await _request(presentation_id, story, house, None)


@post(
    f"{presentations.REQUESTS_PATH}{{presentation_id:str}}",
    operation_id="postPresentationRequest",
    opt=_OPT,
    tags=_TAGS,
    summary="Request object for a wallet that sends a nonce",
    media_type=asking.MEDIA_TYPE,
    status_code=200,
    responses=_OVER,
    operation_class=_form("wallet_nonce", "wallet_metadata"),
)
async def post_request(
    presentation_id: FromPath[str],
    request: Request[Any, Any, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[bytes]:
    """Give the signed request with the wallet's nonce in it (section 5.10)."""
    try:
        nonce = (await form_.read(request)).get("wallet_nonce")
    except Unacceptable as refused:
        return refused.response()
    if nonce is not None and len(nonce) > _WALLET_NONCE_MAX:
        return Unacceptable("invalid_request", "wallet_nonce is too long").response()
    return await _request(presentation_id, story, house, nonce)


async def _request(presentation_id: str, story: Story, house: House, nonce: str | None) -> Response[bytes]:
    found = ids.parse("presentation", presentation_id)
    signed = await presentations.request(
        await story(), house.keys.kms, house.credentials, found, now=clock.real(), wallet_nonce=nonce
    )
    house.watch.signed("presentation_request", house.credentials.authority.requests.signer.kid)
    return Response(signed.encode(), media_type=asking.MEDIA_TYPE, headers=HEADERS)


@post(
    f"{presentations.RESPONSES_PATH}{{presentation_id:str}}",
    operation_id="answerPresentation",
    opt=_OPT,
    tags=_TAGS,
    summary="Response endpoint",
    status_code=200,
    responses=_OVER,
    operation_class=_form("response", "error", "state"),
)
async def answer(
    presentation_id: FromPath[str],
    request: Request[Any, Any, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> Response[Heard]:
    """Take a wallet's answer, or hear that there will be none. What it proves is told only who asked.

    An error comes in clear or encrypted, with the state of the request (section 8.5).
    """
    found, kms, now = ids.parse("presentation", presentation_id), house.keys.kms, clock.real()
    try:
        sent, db = await form_.read(request, bytes_max=presentations.RESPONSE_BYTES_MAX), await story()
        if (error := sent.get("error")) is not None:
            back = await presentations.decline(db, kms, found, error, state=sent.get("state"), now=now)
        else:
            response, by = form_.needed(sent, "response"), house.credentials
            back = await presentations.hear(db, kms, by, found, response, now=now, law_at=story.now)
    except Unacceptable as refused:
        return refused.response()
    except presentations.BadResponse as error:
        return Unacceptable("invalid_request", error.reason).response()
    return Response(Heard(back), headers=HEADERS)


routes: list[HTTPRouteHandler] = [get_request, post_request, answer]
