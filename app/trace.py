"""The trace of a request: W3C Trace Context in, the same trace id in logs, problems and calls we make."""

import contextvars
import re
import secrets
from typing import NamedTuple

# A later version may say more behind the flags; version 00 may not (W3C Trace Context section 3.2).
_HEADER = re.compile(r"^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$")


class Trace(NamedTuple):
    """A trace and whether its beginner records it (`flags`, two hex digits)."""

    id: str
    flags: str


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("trace", default=None)


def begin(traceparent: str | None) -> str:
    """Continue the caller's trace, or start one where the header is absent or malformed; answers the trace id."""
    match = _HEADER.match(traceparent or "")
    if match and not (match[1] == "00" and match[4]):
        found = Trace(match[2], match[3])
    else:
        found = Trace(secrets.token_hex(16), "01")
    _current.set(found)
    return found.id


def trace_id() -> str:
    """Name the trace this code runs in, begun here where nobody has begun one."""
    found = _current.get()
    return found.id if found else begin(None)


def traceparent(of: str | None = None) -> str:
    """Write the header for a call we make within this trace, with the flags it came with; or within the trace `of`."""
    if of is not None:
        return f"00-{of}-{secrets.token_hex(8)}-01"
    found = _current.get()
    return f"00-{trace_id()}-{secrets.token_hex(8)}-{found.flags if found else '01'}"
