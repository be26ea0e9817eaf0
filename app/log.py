"""Structured logs of which every field is on a list: what is not named here is not written.

An allow-list, because a deny-list forgets. Personal data, tokens and card numbers have no field.
"""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import trace

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "trace_id", "method", "route", "status", "duration_ms", "role", "error",
        "sqlstate", "size", "step", "count", "exception", "environment", "position", "partner", "kind", "state",
        "attempt", "revision", "port", "reason",
    }
)  # fmt: skip


def configure() -> None:
    """Set structlog up once per process: JSON lines, UTC, allowed fields only."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            structlog.processors.format_exc_info,
            _allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _with_trace(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    fields["trace_id"] = trace.trace_id()
    return fields


def _allowed(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in fields.items() if name in FIELDS}


class Access(ASGIMiddleware):
    """Begins the request's trace and writes one line when it is answered: the route's template, never its values."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request and time it."""
        assert scope["type"] == ScopeType.HTTP, "the scopes this middleware asked for"
        headers = dict(scope["headers"])
        trace.begin(headers.get(b"traceparent", b"").decode("latin-1"))
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await next_app(scope, receive, watch)
        finally:
            self._log.info(
                "request",
                method=scope["method"],
                route=scope.get("path_template", ""),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )
