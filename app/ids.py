"""Identifiers: UUIDv7 (RFC 9562 section 5.7), monotonic within a process.

The 48-bit millisecond time is followed by a 12-bit counter and 62 random bits. Two processes that were forked from one
would otherwise repeat each other's randomness, so the state is thrown away in the child.
"""

import os
import struct
import threading
import time
from collections.abc import Iterator
from uuid import UUID

_VERSION, _VARIANT = 0x7 << 12, 0b10 << 62
#: Half of the counter is left for what follows in the same millisecond.
_COUNTER_STARTS, _COUNTER_MAX = 0x7FF, 0xFFF
#: What the kernel gives at once: asking it for eight bytes costs as much as for all of these.
_POOL_BYTES = 1_024
_WORD = struct.Struct("=Q")
_lock = threading.Lock()
_last_ms = 0
_counter = 0
_words: Iterator[tuple[int]] = iter(())


def new() -> UUID:
    """Mint an identifier greater than every one this process minted before."""
    global _last_ms, _counter  # noqa: PLW0603  the sequence is the one state this module exists for
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, _random() & _COUNTER_STARTS
        elif _counter < _COUNTER_MAX:
            _counter += 1
        else:  # the millisecond is used up (or the clock stepped back): borrow the next one
            _last_ms, _counter = _last_ms + 1, _random() & _COUNTER_STARTS
        high = (_last_ms << 16) | _VERSION | _counter
        low = _VARIANT | (_random() >> 2)
    return UUID(int=high << 64 | low)


def _random() -> int:
    """Draw 64 bits of the kernel's, none of them twice."""
    global _words  # noqa: PLW0603  as above
    word = next(_words, None)
    if word is None:
        _words = _WORD.iter_unpack(os.urandom(_POOL_BYTES))
        word = next(_words)
    return word[0]


def _after_fork() -> None:
    global _lock, _last_ms, _counter, _words
    _lock, _last_ms, _counter, _words = threading.Lock(), 0, 0, iter(())


os.register_at_fork(after_in_child=_after_fork)
