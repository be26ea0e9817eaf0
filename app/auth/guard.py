"""The one guard: a route names its scope, the caller's token holds it or not."""

from collections.abc import Iterable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from app.auth import token
from app.auth.scopes import PUBLIC, SCOPES

#: Under this name authenticate.py leaves, in the state of the request, why the caller was not recognised.
REFUSAL = "auth.refusal"


class ScopeMissing(Exception):
    """The caller is known, but the token does not hold `scope`."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope
        text = f'{token.challenge("insufficient_scope", "the token does not hold the scope")}, scope="{scope}"'
        self.headers = {"WWW-Authenticate": text}


class OpenRoute(Exception):
    """A route names no scope, or one that is in no table: the application does not start with it."""

    def __init__(self, route: str, scope: object) -> None:
        super().__init__(f"{route} has the scope {scope!r}; see app/auth/scopes.py")


def check_routes(routes: Iterable[HTTPRouteHandler]) -> None:
    """Refuse to start with a route nobody decided about; raises OpenRoute."""
    for handler in routes:
        scope = handler.opt.get("scope")
        if scope != PUBLIC and scope not in SCOPES:
            raise OpenRoute(handler.handler_name, scope)


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let the caller pass who holds the route's scope; raises ScopeMissing, or why there is no caller."""
    scope = handler.opt.get("scope")
    if scope == PUBLIC or _only_lists_methods(handler):
        return
    caller = connection.scope["auth"]
    if caller is None:
        raise connection.scope["state"].get(REFUSAL, token.Missing())
    if scope not in caller.scopes:
        raise ScopeMissing(str(scope))


def _only_lists_methods(handler: BaseRouteHandler) -> bool:
    # Litestar answers OPTIONS itself, with the methods of the path and nothing else.
    return isinstance(handler, HTTPRouteHandler) and handler.http_methods == {HttpMethod.OPTIONS}
