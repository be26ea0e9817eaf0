"""The status lists, public and anonymous: who fetches one says nothing about whose credential is looked at."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from app import clock, credentials, problems, status_tokens
from app.db import Story
from app.house import House
from app.http import ids
from app.problems import Problem
from residency.credential import status_list

_VARY = "Accept, Accept-Encoding"
_ACCEPTED = {status_list.MEDIA_TYPE, "application/*", "*/*"}


def _refused(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, media_type=problems.MEDIA_TYPE, generate_examples=False)


@get(
    f"{credentials.LISTS_PATH}{{list_id:str}}",
    operation_id="getStatusList",
    opt={"scope": "public", "cors": "*", "cache": f"public, max-age={status_list.TTL_S}"},
    tags=["OpenID4VCI"],
    summary="Status list",
    media_type=status_list.MEDIA_TYPE,
    responses={
        304: ResponseSpec(None, description="The caller's copy is the current one.", generate_examples=False),
        406: _refused("There is the JWT form only."),
        501: _refused("No history is kept."),
    },
)
async def get_status_list(
    list_id: FromPath[str],
    request: Request[Any, Any, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    time: Annotated[int | None, QueryParameter(description="Refused: no history is kept.")] = None,
) -> Response[bytes]:
    """Give the signed status list (draft-ietf-oauth-status-list-20): two bits for each credential, JWT."""
    if time is not None:
        raise status_tokens.HistoryNotKept
    if not _named(request.headers.get("accept", "*/*")) & _ACCEPTED:
        raise HTTPException(status_code=406)
    found = ids.parse("list", list_id)
    url = credentials.list_url(house.settings.issuer, found)
    token = await house.credentials.status_tokens.of(await story(), found, uri=url, at=clock.real())
    if token is None:
        raise ids.UnknownId("list")
    headers = {
        # Weak: another process signs the same list with other bytes.
        "ETag": f'W/"{token.tag}"',
        "Vary": _VARY,
    }
    if f'"{token.tag}"' in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if "gzip" in _named(request.headers.get("accept-encoding", "")):
        return Response(
            token.gzipped, media_type=status_list.MEDIA_TYPE, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(token.plain, media_type=status_list.MEDIA_TYPE, headers=headers)


def _named(header: str) -> set[str]:
    """List what a negotiating header names, without what it excludes by q=0."""
    found = set()
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not any(piece in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for piece in parameters):
            found.add(name)
    return found


routes: list[HTTPRouteHandler] = [get_status_list]
