"""The application on a socket, in a process of its own, and a client that costs next to nothing.

    python -m bench.serving SOCKET    reads the settings from its input

The client sends requests that were written beforehand over connections that stay open, each the next one as soon as the
former is answered, and reads no more of an answer than where it ends and whether it is a refusal.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import uvicorn
import uvloop

from app import cli, connection, log, main
from app.settings import Settings
from bench import entrance, ground


class Refused(Exception):
    """The application refused a request of a measurement, which is therefore worth nothing."""


@contextlib.asynccontextmanager
async def served(settings: Settings, socket: Path) -> AsyncIterator[None]:
    """Run a worker behind `socket`, without its log."""
    arguments = (sys.executable, "-m", "bench.serving", str(socket))
    unread, told = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdout=unread, stdin=told)
    assert process.stdin is not None
    process.stdin.write(f"{ground.told(settings)}\n".encode())
    try:
        while not await _answers(socket):
            assert process.returncode is None, "it ended while starting"
        yield
    finally:
        process.terminate()
        await process.wait()


async def _answers(socket: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        await asyncio.sleep(0.05)
        return False
    writer.close()
    return True


def request(method: str, path: str, host: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Write a request as it goes over the wire."""
    told = {"Host": host, "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def per_second(sockets: list[Path], requests: Iterator[bytes], *, at_once: int, seconds: float) -> float:
    """Measure answers a second over `at_once` connections, shared out to the sockets, until time or requests end."""
    loop = asyncio.get_running_loop()
    load = _Load(requests, time.perf_counter() + seconds)
    started = time.perf_counter()
    for number in range(at_once):
        await loop.create_unix_connection(lambda: _Client(load), str(sockets[number % len(sockets)]))
    load.started(at_once)
    await load.over
    return load.answered / (time.perf_counter() - started)


async def first_answer(socket: Path, asked: bytes) -> bytes:
    """Send one request and give the head of its answer, whatever it says."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(asked)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


class _Load:
    """What the connections of one measurement share."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.requests = requests
        self.until = until
        self.answered = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = 0

    def started(self, count: int) -> None:
        self._open += count
        self._check()

    def ended(self) -> None:
        self._open -= 1
        self._check()

    def failed(self, said: bytes) -> None:
        if not self.over.done():
            self.over.set_exception(Refused(said.decode(errors="replace")))

    def _check(self) -> None:
        if self._open == 0 and not self.over.done():
            self.over.set_result(None)


class _Client(asyncio.Protocol):
    """One connection that has one request under way at any time."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._said = bytearray()
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent
        self._next()

    def data_received(self, data: bytes) -> None:
        self._said += data
        head = self._said.find(b"\r\n\r\n")
        if head < 0:
            return
        length = self._said.find(b"content-length: ") + 16
        if len(self._said) < head + 4 + int(self._said[length : self._said.find(b"\r", length)]):
            return
        if self._said[9:10] != b"2":
            self._load.failed(bytes(self._said))
            return
        self._said.clear()
        self._load.answered += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail where the server closed it: who measures closes only what was answered."""
        if not self._closing:
            self._load.failed(b"closed: " + bytes(self._said) + str(exc).encode())

    def _next(self) -> None:
        asked = next(self._load.requests, None) if time.perf_counter() < self._load.until else None
        if asked is None:
            self._closing = True
            self._transport.close()
            self._load.ended()
        else:
            self._transport.write(asked)


async def _serve(settings: Settings, socket: str) -> None:
    log.configure()
    app = main.build(settings)
    entrance.add_echoes(app)
    cli.settle()
    told = connection.options(trusted_proxies="", drain_s=settings.drain_s)
    await uvicorn.Server(uvicorn.Config(app, uds=socket, **told)).serve()


if __name__ == "__main__":
    uvloop.run(_serve(ground.settings_of(sys.stdin.readline()), sys.argv[1]))
