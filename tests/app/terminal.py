"""A command that is run in this process, as somebody types it: how it logs is taken back behind it."""

import contextlib
import logging
from collections.abc import Iterator

import structlog


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """Let a command say how this process logs, and take it back."""
    handlers, level, said = logging.root.handlers[:], logging.root.level, structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**said)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
