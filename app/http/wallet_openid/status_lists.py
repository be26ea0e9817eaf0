"""The status lists, public and anonymous: who fetches one says nothing about whose credential is looked at."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from app import clock, problems
from app.credentials import entitlement, status_tokens
from app.db import Story
from app.house import House
from app.http import ids, negotiation
from app.problems import Problem
from residency.credential import entries, issuing, status_cwt, status_list

#: Named in the metadata of the authorization server (draft section 9.1).
AGGREGATION_PATH = "/status-lists"

_VARY = "Accept, Accept-Encoding"
_ANY = {"application/*", "*/*"}


def _refused(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, media_type=problems.MEDIA_TYPE, generate_examples=False)


@get(
    f"{entitlement.LISTS_PATH}{{list_id:str}}",
    operation_id="getStatusList",
    opt={"scope": "public", "cors": "*", "cache": f"public, max-age={status_list.TTL_S}"},
    tags=["OpenID4VCI"],
    summary="Status list",
    media_type=status_list.MEDIA_TYPE,
    responses={
        304: ResponseSpec(None, description="The caller's copy is the current one.", generate_examples=False),
        406: _refused("There are the JWT and the CWT form only."),
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
    """Give the signed status list (draft-ietf-oauth-status-list-20): two bits for each credential, as JWT or CWT."""
    if time is not None:
        raise status_tokens.HistoryNotKept
    form = _form(negotiation.named(request.headers.get("accept", "*/*")))
    found = ids.parse("list", list_id)
    url = entitlement.list_url(house.settings.issuer, found)
    token = await house.credentials.status_tokens.of(await story(), found, uri=url, at=clock.real())
    if token is None:
        raise ids.UnknownId("list")
    tag = token.tag if form is status_list.MEDIA_TYPE else f"{token.tag}-cwt"
    headers = {
        # Weak: another process signs the same list with other bytes.
        "ETag": f'W/"{tag}"',
        "Vary": _VARY,
    }
    if f'"{tag}"' in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if form is status_cwt.MEDIA_TYPE:
        return Response(token.cwt, media_type=form, headers=headers)
    if "gzip" in negotiation.named(request.headers.get("accept-encoding", "")):
        return Response(
            token.gzipped, media_type=status_list.MEDIA_TYPE, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(token.plain, media_type=status_list.MEDIA_TYPE, headers=headers)


def _form(accepted: set[str]) -> str:
    """Choose the form of a list: what is named wins over what would do as well."""
    for form in (status_list.MEDIA_TYPE, status_cwt.MEDIA_TYPE):
        if form in accepted:
            return form
    if accepted & _ANY:
        return status_list.MEDIA_TYPE
    raise HTTPException(status_code=406)


class StatusLists(msgspec.Struct, frozen=True):
    """Status List Aggregation (draft section 9)."""

    status_lists: list[str]


@get(
    AGGREGATION_PATH,
    operation_id="listStatusLists",
    opt={"scope": "public", "cors": "*", "cache": f"public, max-age={status_list.TTL_S}"},
    tags=["OpenID4VCI"],
    summary="Addresses of all status lists",
)
async def list_status_lists(story: NamedDependency[Story], house: NamedDependency[House]) -> StatusLists:
    """Name every list that a credential may refer to, so that a verifier has them before it is offline."""
    found = await entries.living(await story(), since=clock.real() - issuing.LIFE)
    return StatusLists([entitlement.list_url(house.settings.issuer, one) for one in found])


routes: list[HTTPRouteHandler] = [get_status_list, list_status_lists]
