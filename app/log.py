"""Structured logs of which every field is on a list: what is not named here is not written.

An allow-list, because a deny-list forgets. Personal data, tokens and card numbers have no field. What stands in a field
is JSON in ASCII, so no value ends the line or speaks to a terminal.

    kill -USR1 <pid>      a process says more, debug lines and those of libraries; once more: as before
"""

import json
import logging
import signal
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
        "sequence", "source", "why", "owner", "version", "order", "dispute", "act", "refusal", "file", "line", "code",
        "command", "about", "authorization", "id", "amount_minor", "business_date", "late", "arrived",
    }
)  # fmt: skip
_CAUSES_MAX = 4
_FRAMES_MAX = 12
_USUAL = (logging.INFO, logging.WARNING)  # our own lines, those of libraries
_CLOSE = (logging.DEBUG, logging.DEBUG)
_ENCODE = json.JSONEncoder(default=str).encode


def configure() -> None:
    """Set logging up once per process: JSON lines, UTC, allowed fields only, other people's loggers included."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            _with_frames,
            _allowed,
            structlog.processors.JSONRenderer(serializer=lambda fields, **_: _ENCODE(fields)),
        ]
    )
    logging.basicConfig(handlers=[_Others()], force=True)
    _say(*_USUAL)


def heed_signals() -> None:
    """Let SIGUSR1 change how much this process says, while it runs."""
    signal.signal(signal.SIGUSR1, _change)


def _change(*_: object) -> None:
    _say(*(_CLOSE if logging.root.level == _USUAL[1] else _USUAL))
    structlog.get_logger().warning("log_level", state=logging.getLevelName(logging.root.level).lower())


def _say(ours: int, others: int) -> None:
    # Loggers are bound when they are used, so those that exist follow.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ours))
    logging.root.setLevel(others)


class _Others(logging.Handler):
    """Takes what libraries log: the unformatted message, since its arguments may be anybody's data.

    A message without arguments may have been put together of such data before: only where it was said is written.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line of ours."""
        why = str(record.msg) if record.args else f"{record.module}:{record.lineno} {record.funcName}"
        structlog.get_logger().log(record.levelno, "library", source=record.name, why=why, exc_info=record.exc_info)


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
