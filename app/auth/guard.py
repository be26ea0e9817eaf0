"""The one guard: a route names its scope, the caller's token holds it or not."""

from collections.abc import Iterable

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from app.auth import token
from app.auth.principal import Principal
from app.auth.scopes import PUBLIC, SCOPES

_OPTIONS = {HttpMethod.OPTIONS}


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


def check(caller: Principal, scope: object) -> None:
    """Let the caller pass who holds the route's scope; raises ScopeMissing."""
    if scope not in caller.scopes:
        raise ScopeMissing(str(scope))


def only_lists_methods(handler: object) -> bool:
    """Whether this is the framework's own answer to OPTIONS: the methods of the path and nothing else."""
    return isinstance(handler, HTTPRouteHandler) and handler.http_methods == _OPTIONS
