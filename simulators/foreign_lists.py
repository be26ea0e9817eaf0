"""An issuer abroad that publishes status lists: whatever token it was given for a path, in the form it was given in.

The signing is somebody else's: a test hands in the token. What was asked for is remembered, with what was accepted.
"""

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath

JWT, CWT = "application/statuslist+jwt", "application/statuslist+cwt"


class Published(msgspec.Struct):
    """What stands at a path: the answer's status, its kind and its bytes."""

    body: bytes
    kind: str = JWT
    status: int = 200


class ForeignLists:
    """The lists of one issuer, by the last part of their path."""

    def __init__(self) -> None:
        self.lists: dict[str, Published] = {}
        self.asked: list[tuple[str, str]] = []


def build(played: ForeignLists) -> Litestar:
    """Serve the lists of an issuer."""

    @get("/status/{name:str}")
    async def give(name: FromPath[str], request: Request[object, object, State]) -> Response[bytes]:
        played.asked.append((name, request.headers.get("accept", "")))
        found = played.lists.get(name, Published(b"", status=404))
        return Response(found.body, media_type=found.kind, status_code=found.status)

    return Litestar([give], openapi_config=None)
