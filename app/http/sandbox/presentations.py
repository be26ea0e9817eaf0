"""A verifier session for who tests wallets from outside: the same request and verdict that partners get."""

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import presentation_views
from app.http.presentation_views import AskPresentation, PresentationRequested, PresentationView

_PATH = "/v1/sandbox/presentations"
_OPT = {"scope": "service:operate"}


@post(_PATH, operation_id="sandboxAskPresentation", opt=_OPT, tags=["Sandbox"], summary="Start a verifier session")
async def ask(
    data: JSONBody[AskPresentation],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> PresentationRequested:
    """Make a request that one wallet may answer within five minutes (OpenID4VP 1.0 under HAIP 1.0).

    Takes no Idempotency-Key: a second request does no harm, and its link is not kept anywhere.
    """
    return await presentation_views.ask(data, story, house, verifier=me.actor, path=_PATH)


@get(
    f"{_PATH}/{{presentation_id:str}}",
    operation_id="sandboxReadPresentation",
    opt=_OPT,
    tags=["Sandbox"],
    summary="The verdict of a verifier session",
)
async def read(
    presentation_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    response_code: Annotated[
        str | None, QueryParameter(max_length=100, description="What the holder brought back to the redirect_uri.")
    ] = None,
) -> PresentationView:
    """Tell what the answer proves, every check by name. It is kept for an hour."""
    return await presentation_views.read(presentation_id, story, house, verifier=me.actor, response_code=response_code)


routes = [ask, read]
