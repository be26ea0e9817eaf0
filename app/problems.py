"""Every error of our own operations as RFC 9457 `application/problem+json`.

A refusal is a class beside the function that raises it; app/refusals/ is the one place that says how it looks outside.
Titles and details are texts in three languages: `app/texts/<room>.toml`.
"""

import tomllib
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Meta

from app import db, language, strict, trace
from app.refusals import REFUSALS
from app.refusals.refusal import Refusal

MEDIA_TYPE = "application/problem+json"
#: Under this name the code of a problem is left in the state of its request, for the lookout and the log.
CODE = "problem.code"
_log = structlog.get_logger()


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of the input: where (JSON pointer into the body, or the parameter's name) and what."""

    detail: Annotated[str, Meta(examples=["Expected `int`, got `str`"])]
    pointer: Annotated[str | None, Meta(examples=["/amount/amount_minor"])] = None
    parameter: Annotated[str | None, Meta(examples=["limit"])] = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details. `type` and `code` are stable; `title` and `detail` speak the caller's language."""

    type: Annotated[str, Meta(description="Where the problem is described.", examples=["/problems/invalid_request"])]
    title: Annotated[str, Meta(examples=["The request can't be read"])]
    status: Annotated[int, Meta(ge=400, le=599, examples=[400])]
    code: Annotated[str, Meta(examples=["invalid_request"])]
    detail: Annotated[str, Meta(examples=["Correct the fields named in errors."])]
    trace_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    errors: list[FieldError] = []


#: What the framework refuses by status.
BY_STATUS = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "content_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    429: "quota_exceeded",
    431: "head_too_large",
    503: "overloaded",
}


@cache
def texts() -> dict[str, dict[str, tuple[str, str]]]:
    """Read every problem's (title, detail) by code and language; a code that two rooms claim is a bug."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for file in sorted(Path(__file__).with_name("texts").glob("*.toml")):
        for code, languages in tomllib.loads(file.read_text(encoding="utf-8")).items():
            assert code not in found, f"two rooms describe {code}"
            found[code] = {tag: (text[0], text[1]) for tag, text in languages.items()}
    return found


def problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    *,
    errors: list[FieldError] | None = None,
    fields: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Build the answer; a detail may name the refusal's fields."""
    request.scope["state"][CODE] = code
    tag = language.choose(request.headers.get("accept-language"))
    title, detail = texts()[code][tag]
    body = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        code=code,
        detail=detail.format_map(_Fields(fields or {})),
        trace_id=trace.trace_id(),
        errors=errors or [],
    )
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": tag, "Vary": "Accept-Language", **(headers or {})},
    )


class _Fields(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def on_refusal(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a refusal of ours."""
    known = of(error)
    errors = [FieldError(detail=fault.reason, pointer=fault.pointer) for fault in _faults(error)] or None
    headers = dict(getattr(error, "headers", {}))
    if known.retry_after_s is not None:
        headers["Retry-After"] = str(known.retry_after_s)
    return problem(request, known.status, known.code, errors=errors, fields=vars(error), headers=headers)


def _faults(error: Exception) -> Iterable[Any]:
    """Give every fault of the input that a refusal names, each with a `reason` and a `pointer`."""
    return (error,) if isinstance(error, strict.Malformed) else getattr(error, "faults", ())


def of(error: Exception) -> Refusal:
    """Look a refusal up by its class or the nearest base of it."""
    return next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework refuses: routing, methods, sizes, parameters, authentication."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status_code not in BY_STATUS:
        return on_any(request, error)
    errors = _parameters(error) if isinstance(error, ValidationException) else None
    code = BY_STATUS.get(error.status_code, "invalid_request")
    return problem(request, error.status_code, code, errors=errors, headers=dict(error.headers or {}))


def _parameters(error: ValidationException) -> list[FieldError]:
    faults = error.extra if isinstance(error.extra, list) else []
    return [
        FieldError(detail=str(fault.get("message", "")), parameter=str(fault.get("key", "")))
        for fault in faults
        if isinstance(fault, dict)
    ]


def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what nobody expected: say nothing of the inside, log the trace; "again" where the database says so."""
    error = _first(error)
    if db.passes(error):
        _log.warning("unavailable", error=type(error).__name__, sqlstate=db.sqlstate(error))
        return problem(request, 503, "overloaded", headers={"Retry-After": "1"})
    _log.error("unexpected", error=type(error).__name__, exc_info=error)
    return problem(request, 500, "internal_error")


def _first(error: Exception) -> Exception:
    """Unwrap what went wrong while a story ended, which Litestar gives as a group: what does not pass comes first."""
    while isinstance(error, ExceptionGroup):
        error = min(error.exceptions, key=db.passes)
    return error
