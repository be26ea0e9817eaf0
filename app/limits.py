"""How much one caller may ask: a quota per minute, told in every answer (draft-ietf-httpapi-ratelimit-headers-10).

Counted in this process: by subject once somebody is signed in, by the sender's address before that. Partners who sign
their messages share one address with all their customers, so their routes have a quota of their own; health has none.
The address is the peer's: forwarded headers are read by the server alone and only from proxies it was told of.
"""

from typing import Any, NamedTuple

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import clock, problems

_WINDOW_S = 60
#: Messages of partners a minute: 2 000 card swipes a second through one network's address.
_SIGNED_PER_MINUTE = 120_000


class Left(NamedTuple):
    """What is left of a quota (negative: over it), and the seconds until it is whole again."""

    policy: str
    quota: int
    left: int
    reset_s: int

    def tell(self, headers: MutableScopeHeaders) -> None:
        """Write both fields of the draft."""
        headers["RateLimit-Policy"] = f'"{self.policy}";q={self.quota};w={_WINDOW_S}'
        headers["RateLimit"] = f'"{self.policy}";r={max(0, self.left)};t={self.reset_s}'


class Quota:
    """Counts in windows of a minute; what was counted is forgotten with its window."""

    def __init__(self, policy: str, per_minute: int) -> None:
        self._policy = policy
        self._per_minute = per_minute
        self._window = 0
        self._used: dict[str, int] = {}

    def count(self, who: str) -> Left:
        """Count one request of `who`."""
        second = int(clock.real().timestamp())
        if second // _WINDOW_S != self._window:
            self._window, self._used = second // _WINDOW_S, {}
        used = self._used[who] = self._used.get(who, 0) + 1
        return Left(self._policy, self._per_minute, self._per_minute - used, _WINDOW_S - second % _WINDOW_S)


class Limits(ASGIMiddleware):
    """Refuses with 429 what is over the caller's quota."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, per_minute: int) -> None:
        self._people = Quota("default", per_minute)
        self._signed = Quota("signed", max(per_minute, _SIGNED_PER_MINUTE))

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve the request within the quota and say what is left of it."""
        opt = scope["route_handler"].opt
        if opt.get("unlimited"):
            await next_app(scope, receive, send)
            return
        signed = opt.get("signed") or opt.get("standard") == "webhook"
        found = (self._signed if signed else self._people).count(_who(scope))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                found.tell(MutableScopeHeaders(message))
            await send(message)

        if found.left >= 0:
            await next_app(scope, receive, tell)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer = problems.problem(request, 429, "quota_exceeded", headers={"Retry-After": str(found.reset_s)})
        await answer.to_asgi_response(app=None, request=request)(scope, receive, tell)


def _who(scope: Scope) -> str:
    caller = scope.get("auth")
    if caller is not None:
        return str(caller.actor)
    return address(scope)


def address(scope: Scope) -> str:
    """Name the peer a request came from, where nobody is signed in."""
    client = scope.get("client")
    return client[0] if client else "unknown"
