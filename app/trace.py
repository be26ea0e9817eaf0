"""The trace of a request: W3C Trace Context in, the same trace id in logs, problems and calls we make."""

import contextvars
import re
import secrets

_HEADER = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_current: contextvars.ContextVar[str | None] = contextvars.ContextVar("trace_id", default=None)


def begin(traceparent: str | None) -> str:
    """Continue the caller's trace, or start one where the header is absent or malformed; answers the trace id."""
    match = _HEADER.match(traceparent or "")
    trace_id = match.group(1) if match else secrets.token_hex(16)
    _current.set(trace_id)
    return trace_id


def trace_id() -> str:
    """Name the trace this code runs in, begun here where nobody has begun one."""
    return _current.get() or begin(None)


def traceparent() -> str:
    """Write the header for a call we make within this trace."""
    return f"00-{trace_id()}-{secrets.token_hex(8)}-01"
