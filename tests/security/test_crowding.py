"""Whoever sends what is large, deep, slow or made to be matched for long delays others by little and holds no memory.

One process of the real server; hostile callers beside one that is served. Nightly: it measures, so it wants a quiet
machine. `-s` shows the figures.
"""

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from app.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.asyncio]

MEASURED = 100
#: Beside the same measure without an attack, at the 95th of a hundred. A body of a megabyte takes some ten milliseconds
#: to be read and refused, and a process reads one at a time.
DELAY_MAX_S = 0.2
#: What a process keeps of the largest bodies it ever read at once: it is reached early and does not grow from there.
GROWS_MAX = 250_000_000
HOSTILE = 4
#: The connection was closed while something was still being sent: it was far more than is ever read.
CUT_OFF = 0
SLOW = 200

Attack = Callable[[httpx.AsyncClient], Awaitable[object]]
_LONG = "a" * 30_000


async def _megabytes() -> AsyncIterator[bytes]:
    for _ in range(200):
        yield b" " * 65_536


def posting(content: bytes) -> Attack:
    """Post to an operation that reads before it knows who calls."""
    return lambda client: client.post(
        "/v1/auth/registrations", content=content, headers={"content-type": "application/json"}
    )


ATTACKS: dict[str, Attack] = {
    "deep": posting(b"[" * 999_000),
    "many values": posting(b"[" + b"0," * 499_000 + b"0]"),
    "just as many values as are read": posting(b"[" + b"0," * 49_990 + b"0]"),
    "many fields": posting(b"{" + b",".join(b'"%d":0' % number for number in range(49_000)) + b"}"),
    "one long text": posting(b'{"a": "' + b"\\u0041" * 160_000 + b'"}'),
    "one long number": posting(b'{"a": ' + b"9" * 990_000 + b"}"),
    "ten megabytes": lambda client: client.post("/v1/auth/registrations", content=_megabytes()),
    "a language": lambda client: client.get("/nowhere", headers={"accept-language": "a-" * 15_000}),
    "languages": lambda client: client.get("/nowhere", headers={"accept-language": "a;q=0.1," * 4_000}),
    "a trace": lambda client: client.get("/nowhere", headers={"traceparent": "00-" + "0" * 30_000}),
    "a token": lambda client: client.get("/v1/me", headers={"authorization": "DPoP " + "a." * 15_000, "dpop": "a"}),
    "a proof": lambda client: client.get("/v1/me", headers={"authorization": "DPoP a.a.a", "dpop": _LONG}),
    "an id": lambda client: client.get("/v1/cards/card_" + "0" * 7_000),
    "a path": lambda client: client.get("/" + "a/" * 4_000),
    "a query": lambda client: client.get("/nowhere?" + "a=1&" * 2_000),
    "media types": lambda client: client.get("/status-lists/x", headers={"accept": "a/b;q=1," * 3_500}),
}


class Served(msgspec.Struct, frozen=True):
    """The server's process and where it listens."""

    process: psutil.Process
    port: int

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    told = {
        "ERESIDENCY_ENVIRONMENT": str(settings.environment),
        "ERESIDENCY_DATABASE_URL": settings.database_url,
        "ERESIDENCY_ROLE_PASSWORD": settings.role_password or "",
        "ERESIDENCY_KEYS": str(settings.keys),
        "ERESIDENCY_ISSUER": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, env=os.environ | told, cwd=root, stdout=subprocess.DEVNULL) as process:
        try:
            _await_ready(port)
            yield Served(psutil.Process(process.pid), port)
        finally:
            process.terminate()


def _await_ready(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success:
                return
    raise AssertionError("the API did not start")


async def delays(served: Served) -> list[float]:
    """Ask often, in a process that is asked by others too; gives the seconds of each, the longest last."""
    taken = []
    async with served.client() as client:
        for _ in range(MEASURED):
            begun = time.perf_counter()
            assert (await client.get("/health/live")).status_code == 200
            taken.append(time.perf_counter() - begun)
    return sorted(taken)


@contextlib.asynccontextmanager
async def attacked(served: Served, attack: Attack) -> AsyncIterator[list[int]]:
    """Let some attack without a pause; gives the statuses they got."""
    answered: list[int] = []

    async def go_on() -> None:
        async with served.client() as client:
            while True:
                try:
                    answer = await attack(client)
                except httpx.TransportError:
                    answered.append(CUT_OFF)
                    continue
                assert isinstance(answer, httpx.Response)
                answered.append(answer.status_code)

    hostile = [asyncio.create_task(go_on()) for _ in range(HOSTILE)]
    try:
        while len(answered) < HOSTILE:
            await asyncio.sleep(0.01)
            assert not any(each.done() for each in hostile)
        yield answered
    finally:
        for each in hostile:
            each.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)


def told(name: str, taken: list[float], grown: int) -> str:
    return (
        f"{name}: p50 {statistics.median(taken) * 1000:.1f} ms, p95 {late(taken) * 1000:.1f} ms, {grown / 1e6:+.1f} MB"
    )


def late(taken: list[float]) -> float:
    return taken[int(len(taken) * 0.95)]


async def test_whoever_attacks_delays_others_by_little(settings: Settings) -> None:
    with serving(settings) as served:
        quiet = await delays(served)
        figures, wrong = [told("quiet", quiet, 0)], []
        before = served.process.memory_info().rss
        for name, attack in ATTACKS.items():
            async with attacked(served, attack) as answered:
                taken = await delays(served)
            grown = served.process.memory_info().rss - before
            figures.append(told(name, taken, grown))
            sys.stdout.write(f"{figures[-1]}, answered {sorted(set(answered))}\n")
            if (
                late(taken) - late(quiet) > DELAY_MAX_S
                or grown > GROWS_MAX
                or not set(answered) <= {CUT_OFF, *range(400, 500)}
            ):
                wrong.append(f"{figures[-1]}, answered {sorted(set(answered))}")

    assert wrong == []


async def test_whoever_sends_slowly_delays_nobody(settings: Settings) -> None:
    """Heads that never end, and bodies: each costs a socket until its time is over."""
    with serving(settings) as served:
        quiet, before = await delays(served), served.process.memory_info().rss
        streams = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(SLOW)]
        for number, (_, writer) in enumerate(streams):
            body = b"POST /v1/auth/registrations HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
            writer.write(body if number % 2 else b"GET / HTTP/1.1\r\nX: ")
        taken = await delays(served)
        grown = served.process.memory_info().rss - before
        for _, writer in streams:
            writer.close()

    sys.stdout.write(told("slow", taken, grown) + "\n")
    assert late(taken) - late(quiet) < DELAY_MAX_S
    assert grown < GROWS_MAX


async def test_the_measure_notices_a_server_that_is_held_up() -> None:
    """The planted defect: one that reads what it is sent as a whole, and for long."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        if first.startswith(b"POST"):
            time.sleep(2 * DELAY_MAX_S)  # noqa: ASYNC251  that it holds up the others is the point
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        served = Served(psutil.Process(), server.sockets[0].getsockname()[1])
        async with attacked(served, lambda client: client.post("/")), served.client() as client:
            begun = time.perf_counter()
            await client.get("/health/live")

    assert time.perf_counter() - begun > DELAY_MAX_S
