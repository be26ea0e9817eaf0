"""What others answer is bounded, typed and not believed: asked over sockets, of a server that does everything wrong."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from app.partners import destination, line

pytestmark = pytest.mark.asyncio

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
KINDS = frozenset({"application/json"})
#: For who never comes to an end, and for all others: a machine that has much to do is slow with both.
SOON_S, WITHIN_S = 0.3, 30.0
BYTES_MAX = 64 * 1024
JSON = b"Content-Type: application/json\r\n"


def says(head: bytes, body: bytes = b"", status: bytes = b"200 OK") -> Behaviour:
    async def say(writer: asyncio.StreamWriter) -> None:
        length = b"" if b"Transfer-Encoding" in head else b"Content-Length: %d\r\n" % len(body)
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + head + length + b"\r\n" + body)

    return say


def endlessly(head: bytes, part: bytes, pause_s: float = 0.0) -> Behaviour:
    async def go_on(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return go_on


async def silent(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 100\r\n\r\n{")


BOMB = gzip.compress(gzip.compress(b" " * 50_000_000))
CHUNKS = b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
#: How it behaves, and what is made of it.
MISBEHAVING: dict[str, tuple[Behaviour, str]] = {
    "says nothing": (silent, "TimeoutError"),
    "drips its head": (endlessly(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n", 0.01), "TimeoutError"),
    "drips its body": (endlessly(CHUNKS, b"1\r\n \r\n", 0.01), "TimeoutError"),
    "begins again and again": (endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01), "TimeoutError"),
    "never ends": (endlessly(CHUNKS, b"10000\r\n" + b" " * 65_536 + b"\r\n"), "answered too much"),
    "has an endless head": (endlessly(b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 4096 + b"\r\n"), "RemoteProtocolError"),
    "says too much": (says(JSON, b" " * (BYTES_MAX + 1)), "answered too much"),
    "sends a bomb": (says(JSON + b"Content-Encoding: gzip, gzip\r\n", BOMB), "answered packed"),
    "packs unasked": (says(JSON + b"Content-Encoding: gzip\r\n", gzip.compress(b"{}")), "answered packed"),
    "sends a page": (says(b"Content-Type: text/html\r\n", b"<html>"), "answered text/html"),
    "sends XML": (says(b"Content-Type: application/xml\r\n", b"<a/>"), "answered application/xml"),
    "does not say what it sends": (says(b"", b"{}"), "answered something"),
    "hangs up": (hangs_up, "RemoteProtocolError"),
    "speaks something else": (says(b"", b"", b"abc"), "RemoteProtocolError"),
    "speaks two lengths": (says(JSON + b"Content-Length: 5\r\n", b"{}"), "RemoteProtocolError"),
}


class Server:
    """Answers on a port of this machine, as it is told."""

    def __init__(self) -> None:
        self.behaves: Behaviour = silent
        self.heard: list[bytes] = []

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            async with asyncio.timeout(WITHIN_S):
                await self.behaves(writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def other() -> AsyncIterator[tuple[Server, str]]:
    played = Server()
    async with await asyncio.start_server(played.meet, "127.0.0.1", 0) as server:
        yield played, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def ask(url: str, within_s: float = WITHIN_S) -> line.Answer:
    async with line.client(line.Checked(destination.LOCAL)) as http:
        return await line.ask(http, "GET", url, within_s=within_s, bytes_max=BYTES_MAX, kinds=KINDS, headers={})


@pytest.mark.parametrize(("behaves", "trouble"), MISBEHAVING.values(), ids=MISBEHAVING)
async def test_who_misbehaves_is_as_good_as_silent(other: tuple[Server, str], behaves: Behaviour, trouble: str) -> None:
    server, url = other
    server.behaves = behaves
    tracemalloc.start()
    try:
        with pytest.raises(line.Unanswered) as nothing:
            await asyncio.wait_for(ask(url, SOON_S if trouble == "TimeoutError" else WITHIN_S), WITHIN_S)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert nothing.value.trouble.startswith(trouble)
    assert most < 8_000_000


async def test_a_client_without_these_bounds_unpacks_the_bomb(other: tuple[Server, str]) -> None:
    """The planted defect: what httpx does by itself with the same answer."""
    server, url = other
    server.behaves = MISBEHAVING["sends a bomb"][0]
    async with line.client(line.Checked(destination.LOCAL)) as http:
        content = (await http.get(url)).content

    assert len(content) == 50_000_000


@pytest.mark.parametrize(
    "status", [b"301 Moved Permanently", b"302 Found", b"307 Temporary Redirect", b"308 Permanent"]
)
async def test_a_redirect_is_an_answer_and_not_an_order(other: tuple[Server, str], status: bytes) -> None:
    server, url = other
    server.behaves = says(b"Location: " + url.encode() + b"inside\r\n", status=status)

    answer = await ask(url)

    assert (answer.status, answer.is_success, answer.body) == (int(status[:3]), False, b"")
    assert len(server.heard) == 1


async def test_what_is_right_is_read(other: tuple[Server, str]) -> None:
    server, url = other
    server.behaves = says(b'Content-Type: application/json; charset=utf-8\r\nETag: "1"\r\n', b'{"a":1}')

    answer = await ask(url)

    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b'{"a":1}', '"1"')


async def test_a_request_says_no_more_of_us_than_it_must(other: tuple[Server, str]) -> None:
    server, url = other
    server.behaves = says(JSON, b"{}")

    await ask(url)

    sent = dict(field.split(b": ", 1) for field in server.heard[0].lower().split(b"\r\n")[1:] if field)
    assert sent.keys() == {b"host", b"accept", b"accept-encoding", b"connection", b"user-agent", b"traceparent"}
    assert (sent[b"user-agent"], sent[b"accept-encoding"]) == (b"eresidency", b"identity")


async def test_a_body_nobody_asked_for_is_not_read(other: tuple[Server, str]) -> None:
    server, url = other
    server.behaves = endlessly(CHUNKS, b"10000\r\n" + b" " * 65_536 + b"\r\n")
    async with line.client(line.Checked(destination.LOCAL)) as http:
        answer = await line.ask(http, "POST", url, within_s=5, body=b"{}", headers={})

    assert (answer.status, answer.body) == (200, b"")


async def test_an_address_that_is_none_is_no_fault_of_ours() -> None:
    async with line.client(line.Checked(destination.PRODUCTION)) as http:
        for url in ("http://[", "nonsense", "http://a b/", "http://127.0.0.1:99999/"):
            with pytest.raises(line.Unanswered):
                await line.ask(http, "GET", url, within_s=1, headers={})
