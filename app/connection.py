"""What comes over the wire before it is a request: how long it may be, how late, and what makes two readers differ.

uvicorn reads HTTP with llhttp, which refuses most of what requests are smuggled in. What it lets pass, or waits for
without end, is refused here. Whatever is wrong, there is one answer and the connection is closed: nobody can tell where
the next request would begin.

hands on   app/edge.py   a request whose head is whole
"""

import asyncio
import ipaddress
from asyncio import TimerHandle
from typing import Any

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app import edge, problems, trace
from app.auth import certificate
from app.problems import Problem

#: How long a head may take to arrive, a connection that says nothing included. A body: edge.DEADLINE_S.
HEAD_S = 10.0
HEAD_BYTES_MAX = 32 * 1024
HEADERS_MAX = 100
URL_BYTES_MAX = 8 * 1024
_KEEP_ALIVE_S = 5

_log = structlog.get_logger()


class Unreadable(Exception):
    """This is no request we read; `status` says why. llhttp wraps it and app/connection.py answers."""


def options(*, trusted_proxies: str, drain_s: float, https: bool = False) -> dict[str, Any]:
    """Say how uvicorn serves; `https` is what the issuer is.

    Forwarded headers are believed only from `trusted_proxies`, addresses and networks.
    """
    return {
        "http": HttpsConnection if https else Connection,
        "ws": "none",
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies or None,
        "timeout_keep_alive": _KEEP_ALIVE_S,
        "timeout_graceful_shutdown": int(drain_s),
        "server_header": False,
        # Requests are logged by the edge, what uvicorn says by app/log.py: its own handlers would write out exceptions.
        "access_log": False,
        "log_config": None,
    }


def proxies(text: str) -> str:
    """Read a list of proxies to trust; raises ValueError for what is no address, as for `*`, which trusts everybody."""
    for each in filter(None, text.split(",")):
        ipaddress.ip_network(each.strip())
    return text


class Connection(HttpToolsProtocol):
    """One connection. Only what arrives in pieces costs a timer."""

    #: Of this connection: nothing that comes is listened to any more; the timer of a head that is under way.
    _deaf = False
    _timer: TimerHandle | None = None
    # Of the message that is being read: whether its head is whole, what of it was counted, why it is refused.
    _head_whole = False
    _moved = False
    _pending = 0
    _size = 0
    _hosts = 0
    _fault = 400
    _https = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Give the first request its time."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Answered as if nobody had asked to upgrade; what llhttp left of the bytes belongs to no request of ours.
            self._deaf = True
        except httptools.HttpParserError:
            self._refuse(self._fault)
        else:
            self._measure(len(data))

    def _measure(self, size: int) -> None:
        """Bound a head that has not ended yet, in bytes and in time."""
        if self._moved:
            self._stop()
        self._pending = 0 if self._moved or self._head_whole else self._pending + size
        if self._pending > HEAD_BYTES_MAX:
            self._refuse(431)
        elif not self._head_whole and self._timer is None and self._is_idle():
            self._timer = self.loop.call_later(HEAD_S, self._too_late)

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self.scope["state"][certificate.PEER] = self.client  # whatever forwarded headers will make of it
        self._size = self._hosts = 0
        self._fault = 400

    def on_url(self, url: bytes) -> None:
        """Bound the address."""
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self._fault = 414
            raise Unreadable

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the head; fields behind the body are dropped, they would pass for fields of the head."""
        if self._head_whole:
            return
        name = name.lower()
        self._size += len(name) + len(value)
        if self._size > HEAD_BYTES_MAX or len(self.headers) >= HEADERS_MAX:
            self._fault = 431
            raise Unreadable
        if name == b"host":
            self._hosts += 1
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding" and (value.lower() != b"chunked" or self.parser.get_http_version() != "1.1"):
            raise Unreadable
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand the request on; one without a host, or with two, is none (RFC 9112 section 3.2)."""
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"} or self._hosts > 1 or (version == "1.1" and self._hosts != 1):
            raise Unreadable
        super().on_headers_complete()
        self._head_whole = self._moved = True
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Be ready for the next one."""
        self._head_whole = False
        self._moved = True
        super().on_message_complete()

    def _too_late(self) -> None:
        self._timer = None
        if self._pending:
            self._refuse(408)
        else:
            self.transport.close()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int) -> None:
        """Answer once, and close; where an answer to an earlier request is under way, only close."""
        self._deaf = True
        self._stop()
        _log.info("unreadable", status=status)
        is_first_waiting = self._head_whole and not self.pipeline and not self.cycle.response_started
        if self._is_idle() or is_first_waiting:
            self.transport.write(_answer(status, https=self._https))
        self.transport.close()


class HttpsConnection(Connection):
    """One behind a proxy that speaks TLS, so its refusals hold browsers to https too."""

    _https = True


def _answer(status: int, *, https: bool) -> bytes:
    code = problems.BY_STATUS[status]
    title, detail = problems.texts()[code]["en"]
    problem = Problem(
        type=f"/problems/{code}", title=title, status=status, code=code, detail=detail, trace_id=trace.begin(None)
    )
    body = msgspec.json.encode(problem)
    headers = [
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-language", b"en"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *edge.answer_headers({}, https=https),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % pair for pair in headers) + b"\r\n" + body
