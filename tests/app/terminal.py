"""A command that is run in this process, as somebody types it: how it logs is taken back behind it."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from app import cli
from app.settings import Settings

#: What a fixture of a command gives: words in, exit code and what it said out.
Run = Callable[..., tuple[int, Any]]


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


def typing(
    database: str,
    settings: Settings,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Any,  # noqa: ANN401  pytest's own
) -> Callable[..., tuple[int, str, str]]:
    """Give `eresidency` as the operator of this database types it: exit code, what it said, what it complained of."""
    for name, value in {
        "ENVIRONMENT": "test",
        "DATABASE_URL": database,
        "ROLE_PASSWORD": settings.role_password or "",
        "KEYS": str(keys),
    }.items():
        monkeypatch.setenv(f"ERESIDENCY_{name}", value)

    def typed(*words: str) -> tuple[int, str, str]:
        with as_before():
            code = cli.run(words)
        said = capfd.readouterr()
        return code, said.out, said.err

    return typed
