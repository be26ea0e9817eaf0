"""The outside of papers in tests: a scanner on a socket, a vendor of faces, and a house that knows both."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import msgspec
from litestar import Litestar
from litestar.types import ASGIApp

from app.house import House
from app.http import octets
from simulators import faces, scanner
from simulators.faces import Vendor
from simulators.scanner import Daemon
from tests.app.people import keyed

_VENDOR = "http://127.0.0.1:9107"


class Outside(msgspec.Struct, frozen=True):
    """Who answers, and the house that asks."""

    house: House
    daemon: Daemon
    vendor: Vendor


@contextlib.asynccontextmanager
async def answering(app: Litestar, folder: Path, *, scans: bool = True) -> AsyncIterator[Outside]:
    """Let the house know a scanner and a vendor; without `scans` nobody listens where the scanner should be."""
    daemon, vendor = Daemon(), Vendor()
    before: House = app.state.house
    socket = folder / "s"
    transport = httpx.ASGITransport(cast("ASGIApp", faces.build(vendor)))  # type: ignore[arg-type]  # ASGI is ASGI
    async with contextlib.AsyncExitStack() as open_:
        http = await open_.enter_async_context(httpx.AsyncClient(transport=transport))
        address = f"unix://{socket}"
        if scans:
            address = await open_.enter_async_context(scanner.listening(daemon, socket=socket))
        told = msgspec.structs.replace(before.settings, scanner=address, faces_url=_VENDOR)
        house = msgspec.structs.replace(before, settings=told, http=http)
        app.state.house = house
        try:
            yield Outside(house, daemon, vendor)
        finally:
            app.state.house = before


async def send(
    client: httpx.AsyncClient, token: str, content: bytes, key: str | None = None, **headers: str
) -> httpx.Response:
    """Send a file as the phone does."""
    told = {"content-type": octets.MEDIA_TYPE, "content-digest": octets.digest(content)}
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/v1/identity/files", content=content, headers={**keyed(token, key), **told, **said})
