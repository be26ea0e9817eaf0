"""What the `type` of a problem leads to: its title and detail in the three languages."""

from typing import Annotated

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Meta

from app import problems
from app.http.wire import Wire


class ProblemText(Wire, frozen=True):
    """One language's words; `{names}` in a detail stand for values of the case."""

    title: Annotated[str, Meta(examples=["Not found"])]
    detail: Annotated[str, Meta(examples=["There is no such thing, or it is not yours."])]


class ProblemDescription(Wire, frozen=True):
    """A kind of problem."""

    code: Annotated[str, Meta(examples=["not_found"])]
    texts: Annotated[
        dict[str, ProblemText],
        Meta(
            description="By language.", examples=[{"en": {"title": "Not found", "detail": "There is no such thing."}}]
        ),
    ]


@get(
    "/problems/{code:str}",
    operation_id="getProblemDescription",
    opt={"scope": "public", "cors": "*", "cache": "public, max-age=3600"},
    tags=["Problems"],
    summary="What a problem means",
)
async def describe(code: FromPath[str]) -> ProblemDescription:
    """Describe a problem by its code."""
    found = problems.texts().get(code)
    if found is None:
        raise NotFoundException
    return ProblemDescription(code=code, texts={tag: ProblemText(title=t, detail=d) for tag, (t, d) in found.items()})


routes = [describe]
