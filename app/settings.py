"""Everything an installation is told from outside, read once at start.

Each field is an environment variable `ERESIDENCY_<NAME>`; `<NAME>_FILE` names a file that holds the value instead,
which is how secrets arrive in production.
"""

import enum
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy


class Environment(enum.StrEnum):
    """Where this installation runs; only demo and test may move the clock or mint tokens."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One installation. `database_url` is the owner's, for migrations; the application logs in as its four roles.

    `role_password` is theirs. Where a demo or test does not name one it follows from the owner's (role_word).
    """

    environment: Environment = Environment.PRODUCTION
    database_url: str
    role_password: str | None = None
    issuer: str = "http://127.0.0.1:8000"
    keys: Path = Path(".data/keys")
    csca_folder: Path | None = None
    rp_id: str = "localhost"
    origins: tuple[str, ...] = ("http://localhost:8000",)
    agencies_url: str | None = None
    pool_max: int = 12
    body_max_bytes: int = 1_000_000
    drain_s: float = 25.0
    requests_per_minute: int = 6_000

    @property
    def virtual(self) -> bool:
        """Whether the clock may be moved, tokens minted and events injected."""
        return self.environment is not Environment.PRODUCTION


class BadSetting(Exception):
    """A setting is missing or can't be read; names it, never shows its value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"setting {name} is missing or unreadable")
        self.name = name


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ`; raises BadSetting."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        name = f"ERESIDENCY_{field.name.upper()}"
        text = _text(environ, name)
        if text is None and field.name == "database_url":
            text = environ.get("DATABASE_URL")
        if text is not None:
            given[field.name] = text.split(",") if field.name == "origins" else text
    try:
        told = msgspec.convert(given, Settings, strict=False, dec_hook=_hook)
        told = msgspec.structs.replace(told, database_url=address(told.database_url))
    except msgspec.ValidationError as error:
        raise BadSetting(str(error).split("`")[-2].removeprefix("$.") if "`" in str(error) else "?") from error
    if told.role_password is None and told.virtual:
        return msgspec.structs.replace(told, role_password=role_word(told.database_url))
    return told


def address(url: str) -> str:
    """Name our driver in an address of PostgreSQL as libpq and hosting providers write it (`postgres://…`)."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def role_word(database_url: str) -> str:
    """Derive the roles' password from the owner's.

    Roles belong to the server: whoever works on one, in whichever database, must not cut the others off by a word of
    their own. It is as secret as the owner's password is.
    """
    password = sqlalchemy.make_url(address(database_url)).password or ""
    return hashlib.sha256(b"eresidency roles\0" + password.encode()).hexdigest()


def _text(environ: Mapping[str, str], name: str) -> str | None:
    if file := environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadSetting(f"{name}_FILE") from error
    return environ.get(name)


def _hook(kind: type, value: object) -> object:
    return kind(value)
