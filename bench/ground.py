"""Where measurements happen: a migrated database of their own on the embedded server, or on that of DATABASE_URL."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import sqlalchemy
from psycopg import sql

from app import embedded, migrate, settings, wheel
from app.settings import Environment, Settings

_FOLDER = Path(".data/bench/postgres")


class Ground(msgspec.Struct, frozen=True):
    """What a group may use. `settings.database_url` is the owner's; peers may log in with it, the house does not."""

    settings: Settings

    @property
    def address(self) -> str:
        """The database in libpq's form, for psycopg, psql and pgbench."""
        return self.settings.database_url.replace("postgresql+psycopg:", "postgresql:", 1)

    @property
    def pgbench(self) -> Path:
        """PostgreSQL's own load generator, the peer of what happens in one statement or transaction."""
        return wheel.binaries() / "pgbench"


@contextlib.contextmanager
def prepared() -> Iterator[Ground]:
    """Make the ground and clear it away."""
    given = os.environ.get("DATABASE_URL")
    server = settings.address(given) if given else embedded.start(_FOLDER).url
    password = os.environ.get("ERESIDENCY_ROLE_PASSWORD") or settings.role_word(server)
    try:
        with _migrated(server, password) as place:
            yield place
    finally:
        if given is None:
            embedded.stop(_FOLDER)


@contextlib.contextmanager
def beside(other: Ground) -> Iterator[Ground]:
    """Make a second ground on the server of the first."""
    assert other.settings.role_password is not None
    with _migrated(other.settings.database_url, other.settings.role_password) as place:
        yield place


@contextlib.contextmanager
def _migrated(server: str, password: str) -> Iterator[Ground]:
    name = f"eresidency_bench_{secrets.token_hex(4)}"
    url = sqlalchemy.make_url(server).set(database=name).render_as_string(hide_password=False)
    try:
        _tell(server, "CREATE DATABASE {}", name)
        with tempfile.TemporaryDirectory() as keys:
            migrate.upgrade(url, role_password=password)
            yield Ground(
                Settings(environment=Environment.TEST, database_url=url, role_password=password, keys=Path(keys))
            )
    finally:
        _tell(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def told(given: Settings) -> str:
    """Write down for another process what it needs of the settings; they hold a password, and this is a test's."""
    of_ground = (given.database_url, given.role_password, str(given.keys), given.requests_per_minute)
    return msgspec.json.encode(of_ground).decode()


def settings_of(said: str) -> Settings:
    """Read what `told` wrote."""
    database_url, role_password, keys, requests_per_minute = msgspec.json.decode(said)
    return Settings(
        environment=Environment.TEST,
        database_url=database_url,
        role_password=role_password,
        keys=Path(keys),
        requests_per_minute=requests_per_minute,
    )


def _tell(server: str, statement: str, name: str) -> None:
    with psycopg.connect(server.replace("postgresql+psycopg:", "postgresql:", 1), autocommit=True) as db:
        db.execute(sql.SQL(statement).format(sql.Identifier(name)))
