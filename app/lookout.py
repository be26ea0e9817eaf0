"""The lookout: which answers matter to security, whatever form they have.

sees     app/edge.py       every answer, as its first byte leaves
judges   app/lookout.py    judge()           <- you are here
counts   app/security.py   Watch.note()
"""

from http import HTTPStatus

from litestar.handlers import HTTPRouteHandler
from litestar.types import HTTPScope

from app import limits, problems
from app.auth.principal import Principal
from app.security import Kind, Watch

#: Where one comes in, and the operations there that let somebody in.
_DOORS = ("/v1/auth/", "/oauth/")
LETS_IN = frozenset({"finishRegistration", "finishSignIn", "finishRecovery", "issueToken"})
#: Refusals of something that was signed: by a partner, a device's key, a passkey.
UNPROVED = frozenset({"unproved", "invalid_dpop_proof", "passkey_refused", "step_up_mismatch"})
#: A step of the protocol: the same request comes again, with our nonce (RFC 9449 section 8).
_PROTOCOL = frozenset({"use_dpop_nonce"})
_REFUSED: dict[int, Kind] = {
    400: Kind.MALFORMED,
    401: Kind.UNAUTHENTICATED,
    403: Kind.FORBIDDEN,
    413: Kind.MALFORMED,
    415: Kind.MALFORMED,
    429: Kind.CROWDED,
}
_STAFF = frozenset({"officer", "service"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def saw(scope: HTTPScope, status: int) -> None:
    """Count an answer where it matters to security; does nothing before the application has started."""
    watch = _watch(scope)
    if watch is None or (kind := judge(scope, status)) is None:
        return
    watch.note(
        kind,
        code=_code(scope, status),
        operation=_operation(scope),
        who=scope.get("auth"),
        address=limits.address(scope),
    )


def judge(scope: HTTPScope, status: int) -> Kind | None:
    """Say what kind of event an answer is; None for the many that are none."""
    if status < HTTPStatus.BAD_REQUEST:
        return _let(scope)
    code = _code(scope, status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _PROTOCOL:
        return None
    if code in UNPROVED or (status == HTTPStatus.UNAUTHORIZED and _signed(scope)):
        return Kind.UNPROVED
    if _at_the_door(scope) and status != HTTPStatus.TOO_MANY_REQUESTS:
        return Kind.NOT_SIGNED_IN
    if status == HTTPStatus.NOT_FOUND and _names_something(scope):
        return Kind.MISSED
    return _REFUSED.get(status)


def _let(scope: HTTPScope) -> Kind | None:
    if scope["method"] in _SAFE:
        return None
    if _operation(scope) in LETS_IN:
        return Kind.SIGNED_IN
    caller: Principal | None = scope.get("auth")
    return Kind.ADMINISTERED if caller is not None and caller.role in _STAFF else None


def _at_the_door(scope: HTTPScope) -> bool:
    return scope["method"] not in _SAFE and scope.get("path_template", "").startswith(_DOORS)


def _names_something(scope: HTTPScope) -> bool:
    """Whether somebody who signed in asked for a thing by its id: what is another's is answered as what never was."""
    return scope.get("auth") is not None and "{" in scope.get("path_template", "")


def _signed(scope: HTTPScope) -> bool:
    """Whether the route is one of partners who sign their messages."""
    handler = scope.get("route_handler")
    opt = getattr(handler, "opt", {})
    return bool(opt.get("signed") or opt.get("standard") == "webhook")


def _operation(scope: HTTPScope) -> str:
    handler = scope.get("route_handler")
    return str(handler.operation_id or "") if isinstance(handler, HTTPRouteHandler) else ""


def _code(scope: HTTPScope, status: int) -> str:
    # Endpoints of a standard answer in its form and leave no code.
    return str(scope["state"].get(problems.CODE, status))


def _watch(scope: HTTPScope) -> Watch | None:
    house = getattr(scope["litestar_app"].state, "house", None)
    return None if house is None else house.watch
