"""The line to the outside: the one HTTP client of a process, and the one way to ask with it.

connects   to an address that was looked up once and checked (app/partners/destination.py); it is this address that is
           connected to, so a name that is answered otherwise a moment later changes nothing
asks       app/partners/json_bank.py, agencies.py, outgoing.py, all by ask(): no redirect is followed, nothing is
           unpacked, the answer is of the kind that was asked for, as large and as late as allowed

What others answer is trusted no more than what callers send (OWASP API10:2023).
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import httpcore
import httpx
import msgspec

from app import trace
from app.partners import destination
from app.partners.destination import Policy
from app.settings import Settings

LookUp = Callable[[str, int], Awaitable[list[str]]]
Place = tuple[str, int]

_PORTS = {"http": 80, "https": 443}


class Unanswered(Exception):
    """There was no answer that can be used; `trouble` says in a line what there was instead."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Answer(msgspec.Struct, frozen=True):
    """What came back, whatever its status; `body` is read only where it was asked for."""

    status: int
    headers: httpx.Headers
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether it is one of 200 to 299."""
        return self.status // 100 == 2  # noqa: PLR2004  RFC 9110, section 15.3


class Checked(httpcore.AsyncNetworkBackend):
    """Connects to the very address that was looked up and found allowed.

    `trusted` are places the operator named in the settings, inside its own network as they may be.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        trusted: frozenset[Place] = frozenset(),
        look_up: LookUp | None = None,
        beneath: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._trusted = trusted
        self._look_up = look_up or _look_up
        self._beneath = beneath or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look up, check, connect: to the first address that takes the connection. Raises destination.Forbidden."""
        if (host, port) in self._trusted:
            return await self._beneath.connect_tcp(host, port, timeout, local_address, socket_options)
        *others, last = destination.allowed(self._policy, await self._look_up(host, port), port)
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._beneath.connect_tcp(str(address), port, timeout, local_address, socket_options)
        return await self._beneath.connect_tcp(str(last), port, timeout, local_address, socket_options)


async def _look_up(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise destination.Forbidden("form") from error
    return [str(answer[4][0]) for answer in found]


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Open the line of an installation."""
    lists = (settings.agencies_url, settings.ofac_url, settings.un_url)
    own = frozenset(place(url) for url in (*lists, settings.exposure_url, settings.anchor_notary) if url)
    backend = Checked(destination.policy(local=settings.virtual), trusted=own)
    async with client(backend) as made:
        yield made


def client(backend: httpcore.AsyncNetworkBackend) -> httpx.AsyncClient:
    """Build a client over `backend`; whatever the environment says of proxies and certificates is not for us."""
    transport = httpx.AsyncHTTPTransport(verify=_authorities(), trust_env=False)
    # httpx has no argument for it, and its transport no other state of its own.
    transport._pool._network_backend = backend  # noqa: SLF001  as above
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(5.0),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "eresidency"},
        event_hooks={"request": [_traced]},
    )


def place(url: str) -> Place:
    """Say where a URL leads: host and port."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


async def ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    within_s: float,
    bytes_max: int = 0,
    kinds: frozenset[str] = frozenset(),
    body: bytes = b"",
    headers: dict[str, str],
) -> Answer:
    """Send one request and read its answer, all of it within `within_s`; raises Unanswered.

    Only a success is read, if it is of one of `kinds` (media types) and no larger than `bytes_max`; 0 reads nothing.
    """
    sent = {**headers, "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(within_s):
            request = http.build_request(method, url, content=body, headers=sent)
            answer = await http.send(request, stream=True, follow_redirects=False)
            try:
                return await _read(answer, bytes_max, kinds)
            finally:
                await answer.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, destination.Forbidden) as error:
        raise Unanswered(f"{type(error).__name__}: {error}"[:200].rstrip(": ")) from error


async def _read(answer: httpx.Response, bytes_max: int, kinds: frozenset[str]) -> Answer:
    told = Answer(answer.status_code, answer.headers)
    if not bytes_max or not told.is_success:
        return told
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Unanswered(f"answered {kind or 'something'} where {' or '.join(sorted(kinds))} was asked for"[:200])
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        # A few kilobytes can unpack to a machine's memory, and to many of them when packed twice.
        raise Unanswered("answered packed, and was asked not to")
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > bytes_max:
            raise Unanswered("answered too much")
    return msgspec.structs.replace(told, body=bytes(content))


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Read the machine's certificate authorities, once: it takes longer than everything else at the start."""
    return ssl.create_default_context()


async def _traced(request: httpx.Request) -> None:
    request.headers.setdefault("traceparent", trace.traceparent())
