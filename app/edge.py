"""The outermost layer: what every request passes, whether or not anything here serves it.

Begins the trace, refuses addresses that hold a NUL, tells the quota where no route did, and writes one line when the
request is answered: the route's template, never its values.
"""

import time
from typing import Any

import structlog
from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import limits, problems, trace
from app.limits import Quota


class Edge:
    """Wraps the application; `quota` counts the requests no route counted, by the caller's address."""

    def __init__(self, inside: ASGIApp, quota: Quota) -> None:
        self._inside = inside
        self._quota = quota
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and time it."""
        if scope["type"] != ScopeType.HTTP:
            await self._inside(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trace.begin(headers.get(b"traceparent", b"").decode("latin-1"))
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableScopeHeaders(message)
                if "RateLimit" not in told:
                    self._quota.count(limits.address(scope)).tell(told)
            await send(message)

        try:
            # PostgreSQL text can't hold a NUL, so nothing of ours is found under it.
            odd = "\x00" in scope["path"] or b"%00" in scope["query_string"]
            await (_refuse if odd else self._inside)(scope, receive, watch)
        finally:
            self._log.info(
                "request",
                method=scope["method"],
                route=scope.get("path_template", ""),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    request: Request[Any, Any, Any] = Request(scope, receive, send)
    answer = problems.problem(request, 400, "invalid_request")
    await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
