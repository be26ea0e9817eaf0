"""The real server on a port of this machine, and a client that speaks bytes."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import uvicorn

from app import connection

#: What a test waits for at most. Nothing here takes that long; a test that hangs says so.
PATIENCE_S = 60.0


class Seen(msgspec.Struct, frozen=True):
    """A request as it reached the application."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    client: str
    scheme: str


class Recorder:
    """Stands behind the server in place of the house: takes what comes and answers 200."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        found = Seen(scope["method"], scope["path"], tuple(scope["headers"]), body, scope["client"][0], scope["scheme"])
        self.seen.append(found)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Answered(msgspec.Struct, frozen=True):
    """What came back: every status in order, all bytes, and whether the server closed the connection."""

    statuses: list[int]
    raw: bytes
    closed: bool


@contextlib.contextmanager
def serving(application: Any, **changes: Any) -> Iterator[int]:  # noqa: ANN401  any ASGI
    """Serve as `eresidency serve` does, in a thread of its own; gives the port."""
    told = {"lifespan": "off", **connection.options(trusted_proxies="", drain_s=1), **changes}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(application, **told))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


async def speak(port: int, *parts: bytes, keeps_open: bool = False) -> Answered:
    """Send bytes and read until the server closes, or to its first answer where it is expected to stay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        raw, closed = await _read(reader, keeps_open=keeps_open)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return Answered(statuses(raw), raw, closed)


async def _read(reader: asyncio.StreamReader, *, keeps_open: bool) -> tuple[bytes, bool]:
    raw = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while part := await reader.read(65_536):
                raw += part
                if keeps_open and statuses(raw):
                    return raw, False
    except TimeoutError:
        return raw, False
    except ConnectionError:
        return raw, True
    return raw, True


def statuses(raw: bytes) -> list[int]:
    """List the statuses of the answers in `raw`."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", raw)]
