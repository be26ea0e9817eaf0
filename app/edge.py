"""The outermost layer: what every request passes, whether or not anything here serves it.

Begins the trace, refuses what is odd about a request before anybody reads it, ends what takes too long, adds the
headers every answer carries, tells the quota where no route did, and writes one line when the request is answered: the
route's template, never its values. What the bytes were before they were a request, app/connection.py has looked at.

An answer is closed unless its route says otherwise, beside its path:

    opt={"cache": "public, max-age=3600"}    a success may be kept; everything else is `no-store`
    opt={"cors": "*"}                        a page of another origin may read it
    opt={"csp": "…"}                         it is a page
    before_request=edge.may_take(150)        it may take so many seconds
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app import lookout, problems, strict, trace
from app.auth import authenticate
from app.limits import Quotas

Headers = tuple[tuple[bytes, bytes], ...]

#: How long a request may take, from its first byte after the head to its answer. The database gives up before.
DEADLINE_S = 30.0
#: How long a body nobody wanted is read on, so that its sender comes to read the answer (RFC 9112, section 9.6).
_LINGER_S = 2.0
_LINGER_BYTES_MAX = 1_000_000
_CLOSED = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_SAFE: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
#: Said once or not at all: two of them would be two requests to two readers (RFC 9110, section 5.3).
_SINGLE = frozenset(
    {
        b"host", b"content-type", b"content-length", b"content-encoding", b"idempotency-key", b"if-match",
        b"webhook-id", b"webhook-timestamp",
    }
)  # fmt: skip
_EXCHANGE = "edge.exchange"
_TICK_S = 1.0
_OK_MAX = 399


def answer_headers(opt: Mapping[str, Any], *, https: bool) -> Headers:
    """Build what a success of a route with these options carries beside its own headers."""
    told = dict(_SAFE)
    told[b"content-security-policy"] = opt.get("csp", _CLOSED).encode()
    told[b"cache-control"] = opt.get("cache", "no-store").encode()
    if "cors" in opt:
        told[b"access-control-allow-origin"] = opt["cors"].encode()
        told[b"cross-origin-resource-policy"] = b"cross-origin"
    return (*told.items(), *((_HSTS,) if https else ()))


def may_take(seconds: float) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """Let a route take longer than others: `before_request=may_take(150)`."""

    async def extend(request: Request[Any, Any, Any]) -> None:
        exchange: _Exchange = request.scope["state"][_EXCHANGE]
        exchange.until = exchange.started + seconds

    return extend


class Edge:
    """Wraps the application; `quotas` counts the requests no route counted, by the caller's address.

    `methods` are those of each path: Litestar's answer to OPTIONS names the ones of a single handler.
    """

    def __init__(
        self,
        inside: ASGIApp,
        quotas: Quotas,
        *,
        https: bool,
        methods: Mapping[str, Iterable[str]] | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._inside = inside
        self._quotas = quotas
        self._allow = {path: ", ".join(sorted(found)).encode() for path, found in (methods or {}).items()}
        self._https = https
        self._watch = _Watch(deadline_s)
        self._closed = answer_headers({}, https=https)
        self._of_routes: dict[int, Headers] = {}
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and time it."""
        if scope["type"] != ScopeType.HTTP:
            await self._inside(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trace.begin(headers.get(b"traceparent", b"").decode("latin-1"))
        exchange = _Exchange(scope, receive, send, self._finish, is_whole=not _has_body(headers))
        self._watch.begin(exchange)
        try:
            await self._answered(exchange, headers)
        finally:
            self._watch.end(exchange)
            self._log.info(
                "request",
                method=scope["method"],
                route=scope.get("path_template", ""),
                status=exchange.status,
                duration_ms=round((time.perf_counter() - exchange.started) * 1000, 2),
            )

    async def _answered(self, exchange: "_Exchange", headers: dict[bytes, bytes]) -> None:
        """Have it served in time, or say why it is not."""
        try:
            if odd := _odd(exchange.scope, headers):
                await exchange.refuse(*odd)
            else:
                await self._inside(exchange.scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            # Somebody else may want the task to end too, and an answer that was begun can't be taken back.
            if not exchange.is_late or exchange.has_begun or exchange.task.uncancel():
                raise
            # What was begun may have been done: the same key finds out (docs/adr/0004-idempotency-keeps-refusals.md).
            late = (503, "outcome_unknown", {"Retry-After": "2"}) if exchange.is_whole else (408, "request_timeout", {})
            await exchange.refuse(*late)

    def _finish(self, scope: Scope, message: Any) -> None:  # noqa: ANN401  the first message of an answer
        """Add what every answer carries and this one does not say itself."""
        told = self._closed
        if message["status"] <= _OK_MAX and (handler := scope.get("route_handler")) is not None:
            told = self._of_routes.get(id(handler)) or self._learn(handler)
        asked = cast("HTTPScope", scope)
        lookout.saw(asked, message["status"])
        headers = message["headers"]
        if asked["method"] == "OPTIONS" and (allow := self._allow.get(asked.get("path_template", ""))):
            headers = [pair for pair in headers if pair[0] != b"allow"] + [(b"allow", allow)]
        said = dict(headers)
        closed = [pair for pair in told if pair[0] not in said]
        message["headers"] = [*headers, *authenticate.told(asked, self._quotas), *closed]

    def _learn(self, handler: Any) -> Headers:  # noqa: ANN401  any of Litestar's handlers
        found = self._of_routes[id(handler)] = answer_headers(handler.opt, https=self._https)
        return found


class _Exchange:
    """One request and its answer: what of the body is still out, and whether the answer has begun."""

    __slots__ = (
        "_finish", "_receive", "_send", "has_begun", "is_late", "is_whole", "scope", "started", "status", "task",
        "until",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, finish: Callable[[Scope, Any], None], *, is_whole: bool
    ) -> None:
        self.scope = scope
        self.is_whole = is_whole
        self.has_begun = False
        self.is_late = False
        task = asyncio.current_task()
        assert task is not None, "a server runs each request in a task"
        self.task = task
        self.started = self.until = time.perf_counter()
        self.status = 500
        self._receive = receive
        self._send = send
        self._finish = finish

    async def receive(self) -> Any:  # noqa: ANN401  ASGI's messages
        """Read on; raises strict.CutShort where the sender has gone."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self.is_whole:
            raise strict.CutShort
        self.is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send on; an answer does not begin before the rest of the body is out of its way."""
        if message["type"] == "http.response.start":
            self._finish(self.scope, message)
            if not (self.is_whole or await self._lingers()):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            self.status = message["status"]
            self.has_begun = True
        await self._send(message)

    async def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        """Answer with a problem in place of the application."""
        request: Request[Any, Any, Any] = Request(self.scope, self.receive, self.send)
        answer = problems.problem(request, status, code, headers=headers)
        await answer.to_asgi_response(app=None, request=request)(self.scope, self.receive, self.send)

    async def _lingers(self) -> bool:
        """Read the rest of the body away; False where it does not end soon, or was not to be sent without a word."""
        if self.is_late or any(name == b"expect" for name, _ in self.scope["headers"]):
            return False
        read = 0
        try:
            async with asyncio.timeout(_LINGER_S):
                while not self.is_whole and read < _LINGER_BYTES_MAX:
                    read += len((await self.receive()).get("body", b""))
        except (TimeoutError, strict.CutShort):
            return False
        return self.is_whole


class _Watch:
    """Ends requests whose time is over. One timer looks at all of them, since hardly any is ever late."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._tick_s = min(_TICK_S, deadline_s)
        self._running: set[_Exchange] = set()
        self._looks_on: asyncio.AbstractEventLoop | None = None

    def begin(self, exchange: _Exchange) -> None:
        """Keep an eye on a request from now on."""
        exchange.until = exchange.started + self._deadline_s
        exchange.scope.setdefault("state", {})[_EXCHANGE] = exchange
        self._running.add(exchange)
        loop = asyncio.get_running_loop()
        if self._looks_on is not loop:
            self._looks_on = loop
            loop.call_later(self._tick_s, self._look)

    def end(self, exchange: _Exchange) -> None:
        """Let it go."""
        self._running.discard(exchange)

    def _look(self) -> None:
        now = time.perf_counter()
        for exchange in self._running:
            if exchange.until <= now and not exchange.is_late:
                exchange.is_late = True
                exchange.task.cancel()
        if self._running:
            asyncio.get_running_loop().call_later(self._tick_s, self._look)
        else:
            self._looks_on = None


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _odd(scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
    """Say what about the request nobody here will read."""
    # PostgreSQL text can't hold a NUL, so nothing of ours is found under it.
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        return 400, "invalid_request"
    # Which of two would count, their readers may not agree about.
    if b"&" in scope["query_string"]:
        named = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]
        if len(set(named)) != len(named):
            return 400, "invalid_request"
    given: Any = scope["headers"]
    if len(headers) != len(given):
        said = [name for name, _ in given]
        if any(said.count(name) > 1 for name in _SINGLE & headers.keys()):
            return 400, "invalid_request"
    # A body that is packed would be unpacked before it is measured.
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return 415, "unsupported_media_type"
    return None
