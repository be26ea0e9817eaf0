"""How much one caller may ask: a quota per minute, told in every answer (draft-ietf-httpapi-ratelimit-headers-10).

Counted per subject, or per client address before sign-in, in this process; the address is the peer's, since forwarded
headers are read by the server alone and only from proxies it was told of.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import clock, problems

_WINDOW_S = 60


class Limits(ASGIMiddleware):
    """Counts requests in windows of a minute and refuses what is over the quota with 429."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, per_minute: int) -> None:
        self._quota = per_minute
        self._window = 0
        self._used: dict[str, int] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request within the quota and say what is left of it."""
        second = int(clock.real().timestamp())
        if second // _WINDOW_S != self._window:
            self._window, self._used = second // _WINDOW_S, {}
        who = _who(scope)
        used = self._used[who] = self._used.get(who, 0) + 1
        reset_s = _WINDOW_S - second % _WINDOW_S

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders(message)
                headers["RateLimit-Policy"] = f'"default";q={self._quota};w={_WINDOW_S}'
                headers["RateLimit"] = f'"default";r={max(0, self._quota - used)};t={reset_s}'
            await send(message)

        if used <= self._quota:
            await next_app(scope, receive, tell)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer = problems.problem(request, 429, "quota_exceeded", headers={"Retry-After": str(reset_s)})
        await answer.to_asgi_response(app=None, request=request)(scope, receive, tell)


def _who(scope: Scope) -> str:
    caller = scope.get("auth")
    if caller is not None:
        return str(caller.actor)
    client = scope.get("client")
    return client[0] if client else "unknown"
