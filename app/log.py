"""Structured logs of which every field is on a list: what is not named here is not written.

An allow-list, because a deny-list forgets. Personal data, tokens and card numbers have no field.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from app import trace

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "trace_id", "method", "route", "status", "duration_ms", "error",
        "sqlstate", "size", "step", "exception", "kind", "state", "attempts", "placement", "message", "subscription",
        "sequence", "source", "why",
    }
)  # fmt: skip
_CAUSES_MAX = 4
_FRAMES_MAX = 12


def configure() -> None:
    """Set logging up once per process: JSON lines, UTC, allowed fields only, other people's loggers included."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            _with_frames,
            _allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(handlers=[_Others()], level=logging.WARNING, force=True)


class _Others(logging.Handler):
    """Takes what libraries log: their unformatted message, since its arguments may be anybody's data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line of ours."""
        logger = structlog.get_logger()
        logger.log(record.levelno, "library", source=record.name, why=str(record.msg), exc_info=record.exc_info)


def _with_trace(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    fields["trace_id"] = trace.trace_id()
    return fields


def _with_frames(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say what was raised and where, never its message: a database's quotes the row it refused."""
    given = fields.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        fields["exception"] = " <- ".join(_frames(error))
    return fields


def _frames(error: BaseException) -> list[str]:
    told: list[str] = []
    found: BaseException | None = error
    while found is not None and len(told) < _CAUSES_MAX:
        places = [
            f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(found.__traceback__)[-_FRAMES_MAX:]
        ]
        told.append(f"{type(found).__module__}.{type(found).__qualname__} at {' > '.join(places)}")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return told


def _allowed(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in fields.items() if name in FIELDS}
