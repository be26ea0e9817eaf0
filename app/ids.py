"""Identifiers: UUIDv7 (RFC 9562 section 5.7), monotonic within a process.

The 48-bit millisecond time is followed by a 12-bit counter and 62 random bits. Two processes that were forked from one
would otherwise repeat each other's randomness, so the state is thrown away in the child.
"""

import os
import secrets
import threading
import time
from uuid import UUID

_COUNTER_MAX = 0xFFF
_lock = threading.Lock()
_last_ms = 0
_counter = 0


def new() -> UUID:
    """Mint an identifier greater than every one this process minted before."""
    global _last_ms, _counter  # noqa: PLW0603  the sequence is the one state this module exists for
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, secrets.randbits(11)
        elif _counter < _COUNTER_MAX:
            _counter += 1
        else:  # the millisecond is used up (or the clock stepped back): borrow the next one
            _last_ms, _counter = _last_ms + 1, secrets.randbits(11)
        at_ms, count = _last_ms, _counter
    return UUID(int=(at_ms << 80) | (0x7 << 76) | (count << 64) | (0b10 << 62) | secrets.randbits(62))


def _after_fork() -> None:
    global _lock, _last_ms, _counter
    _lock, _last_ms, _counter = threading.Lock(), 0, 0


os.register_at_fork(after_in_child=_after_fork)
