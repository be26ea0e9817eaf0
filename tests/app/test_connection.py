"""What is no request, or two: one answer, the connection closed, and never a second request executed.

Against the real server, over a socket.
"""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import connection
from tests.app.serving import PATIENCE_S, Recorder, serving, speak

pytestmark = pytest.mark.asyncio

HOST = b"Host: house\r\n"
#: What is behind a body that ends earlier for one reader than for another.
SMUGGLED = b"POST /smuggled HTTP/1.1\r\nHost: house\r\nContent-Length: 0\r\n\r\n"


def post(head: bytes, body: bytes = b"", *, version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /first " + version + b"\r\n" + HOST + head + b"\r\n" + body


SMUGGLING = {
    "length and chunks": post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunks and length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked twice": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked, then identity": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED),
    "identity, then chunked": post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "nearly chunked": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked behind a tab": post(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked before HTTP/1.1": post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED, version=b"HTTP/1.0"),
    "two lengths": post(b"Content-Length: 0\r\nContent-Length: 62\r\n", SMUGGLED),
    "the same length twice": post(b"Content-Length: 0\r\nContent-Length: 0\r\n", SMUGGLED),
    "a list of lengths": post(b"Content-Length: 0, 0\r\n", SMUGGLED),
    "a length with a sign": post(b"Content-Length: +0\r\n", SMUGGLED),
    "a negative length": post(b"Content-Length: -1\r\n", SMUGGLED),
    "a length in hexadecimal": post(b"Content-Length: 0x0\r\n", SMUGGLED),
    "a length beyond 64 bits": post(b"Content-Length: 18446744073709551616\r\n", SMUGGLED),
    "a space before the colon": post(b"Content-Length : 0\r\n", SMUGGLED),
    "a folded field": post(b"X-Note: a\r\n Content-Length: 62\r\n", SMUGGLED),
    "line feeds alone": post(b"X: 1\r\n").replace(b"\r\n", b"\n") + SMUGGLED,
    "a line feed in the head": post(b"X: 1\nContent-Length: 62\r\n", SMUGGLED),
    "a carriage return in a value": post(b"X: 1\rContent-Length: 62\r\n", SMUGGLED),
    "a NUL in a value": post(b"X: a\x00b\r\n", SMUGGLED),
    "a NUL in a name": post(b"X\x00: a\r\n", SMUGGLED),
    "a field without a name": post(b": a\r\n", SMUGGLED),
    "a head that begins with a space": b"POST /first HTTP/1.1\r\n X: 1\r\n" + HOST + b"\r\n" + SMUGGLED,
    "a chunk size that is none": post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + SMUGGLED),
    "a chunk size beyond 64 bits": post(b"Transfer-Encoding: chunked\r\n", b"1" + b"0" * 16 + b"\r\n" + SMUGGLED),
    "a chunk longer than it says": post(b"Transfer-Encoding: chunked\r\n", b"1\r\nab\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk that ends with a line feed": post(b"Transfer-Encoding: chunked\r\n", b"1\na\n0\n\n" + SMUGGLED),
    "an extension with a line feed": post(b"Transfer-Encoding: chunked\r\n", b"0;a\n\r\n\r\n" + SMUGGLED),
    "no host": b"POST /first HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two hosts": post(b"Host: other\r\n", SMUGGLED),
    "HTTP/0.9": b"GET /first\r\n" + SMUGGLED,
    "HTTP/2.0": post(b"", SMUGGLED, version=b"HTTP/2.0"),
    "HTTP/1.2": post(b"", SMUGGLED, version=b"HTTP/1.2"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "an authority for a path": b"CONNECT house:443 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
    "a method of no standard": b"BREW /first HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
    "a space in the path": b"POST /first /second HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
    "bytes of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SMUGGLED,
}
TOO_LARGE = {
    "an address": (b"GET /" + b"a" * connection.URL_BYTES_MAX + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a query": (b"GET /?" + b"a" * connection.URL_BYTES_MAX + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a field": (post(b"X: " + b"a" * connection.HEAD_BYTES_MAX + b"\r\n"), 431),
    "fields": (post(b"X: a\r\n" * connection.HEADERS_MAX), 431),
    "a field that never ends": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 4 * connection.HEAD_BYTES_MAX, 431),
    "an address that never ends": (b"GET /" + b"a" * 4 * connection.HEAD_BYTES_MAX, 414),
}


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def port(recorder: Recorder) -> Iterator[int]:
    with serving(recorder) as found:
        yield found


@pytest.fixture
def behind(recorder: Recorder) -> Recorder:
    recorder.seen.clear()
    return recorder


@pytest.mark.parametrize("raw", SMUGGLING.values(), ids=SMUGGLING)
async def test_what_two_readers_would_read_differently_is_refused_and_nothing_behind_it_is_done(
    behind: Recorder, port: int, raw: bytes
) -> None:
    answered = await speak(port, raw)

    assert behind.seen == []
    assert answered.statuses == [400]
    assert answered.closed
    assert problem(answered.raw)["code"] == "invalid_request"


async def test_the_corpus_catches_a_server_that_lets_such_things_pass(behind: Recorder) -> None:
    """A server without our checks executes, or mistakes, what the table holds."""
    ours = {"HTTP/2.0", "chunked before HTTP/1.1", "identity, then chunked", "no host", "two hosts"}
    passed = set()
    with serving(behind, http=HttpToolsProtocol) as port:
        for name in ours:
            behind.seen.clear()
            await speak(port, SMUGGLING[name], keeps_open=True)
            passed |= {name} if behind.seen else set()

    assert passed == ours


@pytest.mark.parametrize(("raw", "status"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_head_has_a_size(behind: Recorder, port: int, raw: bytes, status: int) -> None:
    answered = await speak(port, raw)

    assert (behind.seen, answered.statuses, answered.closed) == ([], [status], True)
    assert problem(answered.raw)["status"] == status


@pytest.mark.parametrize(("https", "told"), [(True, 1), (False, 0)])
async def test_what_is_no_request_is_held_to_https_where_the_issuer_is(
    behind: Recorder, *, https: bool, told: int
) -> None:
    with serving(behind, **connection.options(trusted_proxies="", drain_s=1, https=https)) as port:
        answered = await speak(port, b"NO REQUEST AT ALL\r\n\r\n")

    assert (behind.seen, answered.statuses) == ([], [400])
    assert answered.raw.count(b"\r\nstrict-transport-security: max-age=63072000; includeSubDomains\r\n") == told


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET /first HTTP/1.1\r\nHost: house\r\n\r\n", id="nothing odd"),
        pytest.param(b"GET http://elsewhere/first HTTP/1.1\r\nHost: house\r\n\r\n", id="absolute form"),
        pytest.param(b"\r\n\r\nGET /first HTTP/1.1\r\nHost: house\r\n\r\n", id="empty lines before"),
        pytest.param(b"GET  /first HTTP/1.1\r\nHost: house\r\n\r\n", id="two spaces in the first line"),
        pytest.param(post(b"Content-Length: 2\r\n", b"ab"), id="a body"),
        pytest.param(post(b"Transfer-Encoding: chunked\r\n", b"2;note=1\r\nab\r\n0\r\n\r\n"), id="chunks"),
        pytest.param(post(b"Transfer-Encoding: CHUNKED\r\n", b"2\r\nab\r\n0\r\n\r\n"), id="chunks in capitals"),
    ],
)
async def test_what_is_one_request_is_done_once_and_the_next_one_is_in_step(
    behind: Recorder, port: int, raw: bytes
) -> None:
    answered = await speak(port, raw, b"GET /second HTTP/1.1\r\nHost: house\r\nConnection: close\r\n\r\n")

    assert [seen.path for seen in behind.seen] == ["/first", "/second"]
    assert answered.statuses == [200, 200]


async def test_nothing_is_done_behind_a_request_that_closes(behind: Recorder, port: int) -> None:
    answered = await speak(port, b"GET /first HTTP/1.1\r\nHost: house\r\nConnection: close\r\n\r\n" + SMUGGLED)

    assert ([seen.path for seen in behind.seen], answered.statuses) == (["/first"], [200])


@pytest.mark.parametrize("offered", [b"websocket", b"h2c"])
async def test_nobody_is_upgraded_and_what_follows_an_upgrade_is_not_read(
    behind: Recorder, port: int, offered: bytes
) -> None:
    upgrade = b"GET /first HTTP/1.1\r\nHost: house\r\nConnection: Upgrade\r\nUpgrade: " + offered + b"\r\n\r\n"

    answered = await speak(port, upgrade + SMUGGLED, SMUGGLED)

    assert ([seen.path for seen in behind.seen], answered.statuses) == (["/first"], [200])


async def test_fields_behind_a_body_are_not_fields_of_the_head(behind: Recorder, port: int) -> None:
    body = b"2\r\nab\r\n0\r\nAuthorization: DPoP stolen\r\nHost: other\r\n\r\n"
    closing = b"Transfer-Encoding: chunked\r\nConnection: close\r\n"

    await speak(port, post(closing), body)

    [seen] = behind.seen
    assert {name for name, _ in seen.headers} == {b"host", b"transfer-encoding", b"connection"}


async def test_a_request_that_goes_wrong_behind_a_good_one_is_never_its_answer(port: int) -> None:
    answered = await speak(port, post(b"Content-Length: 0\r\n") + b"\x00garbage\r\n\r\n")

    assert answered.statuses == []
    assert answered.closed


async def test_whoever_sends_a_head_too_slowly_is_told_and_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.1)

    begun, silent = await asyncio.gather(speak(port, b"GET / HTTP/1.1\r\nX: "), speak(port))

    assert (begun.statuses, begun.closed) == ([408], True)
    assert (silent.raw, silent.closed) == (b"", True)


async def test_a_head_is_timed_from_its_beginning_and_not_from_its_last_byte(
    behind: Recorder, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drip() -> None:
        while True:
            writer.write(b"\r\n")
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    raw = await asyncio.wait_for(reader.read(), PATIENCE_S)
    dripping.cancel()
    writer.close()

    assert raw.startswith(b"HTTP/1.1 408")
    assert behind.seen == []


@pytest.mark.parametrize(
    ("trusted", "seen_from", "scheme"),
    [("", "127.0.0.1", "http"), ("10.1.2.3", "127.0.0.1", "http"), ("127.0.0.0/8", "203.0.113.7", "https")],
)
async def test_forwarded_fields_are_believed_from_configured_proxies_only(
    trusted: str, seen_from: str, scheme: str
) -> None:
    behind, forwarded = Recorder(), b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
    more = b"Forwarded: for=198.51.100.9;proto=https;host=evil\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 198.51.100.9\r\n"
    with serving(behind, **connection.options(trusted_proxies=trusted, drain_s=1)) as port:
        await speak(port, post(forwarded + more + b"Connection: close\r\n"))

    [seen] = behind.seen
    assert (seen.client, seen.scheme) == (seen_from, scheme)
    assert dict(seen.headers)[b"host"] == b"house"


@pytest.mark.parametrize("text", ["*", "proxy.example", "10.0.0.1,*", "10.0.0.1/8"])
async def test_proxies_are_named_by_their_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        connection.proxies(text)


async def test_what_a_fault_holds_is_written_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    async def broken(scope: object, receive: object, send: object) -> None:  # noqa: ARG001  ASGI
        raise ValueError("ERIKA MUSTERMANN")

    with serving(broken) as port:
        answered = await speak(port, b"GET / HTTP/1.1\r\nHost: house\r\n\r\n")

    assert answered.statuses == [500]
    assert b"ERIKA" not in answered.raw
    assert b"server:" not in answered.raw.lower()
    written = capfd.readouterr()
    assert "ERIKA" not in written.out + written.err


def problem(raw: bytes) -> dict[str, object]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"server:" not in head.lower()
    found: dict[str, object] = msgspec.json.decode(body)
    return found
