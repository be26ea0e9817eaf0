"""Databases for tests: one server for all sessions, one migrated template, a copy of it in 0.1 s.

The server is the embedded one in `.data/test-postgres`, shared by all pytest processes, or that of DATABASE_URL. The
first process to come sweeps what a killed run left. Its files lie in memory where there is room: each database is more
than a thousand of them, and a file system on a disk may look long for places that were not given up a moment ago.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import sqlalchemy
from psycopg import sql

from app import embedded, migrate, settings, unprivileged
from app.embedded import Server

ROOT = Path(__file__).parent.parent

_FOLDER = ROOT / ".data" / "test-postgres"
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
_ROOM_BYTES = 4 * 1024**3  # some databases, and the log of the longest histories
_PREFIX = "eresidency_test_"
_TEMPLATE = "eresidency_template_"
_SOURCES = ("migrations", "law")  # what the revisions are made of: their statements and the dated facts they seed


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Give the owner's address of a running server."""
    if given := os.environ.get("DATABASE_URL"):
        yield settings.address(given)
        return
    _settle_in_memory()
    with embedded.shared(_FOLDER, alone=_sweep) as server:
        with _owner(server.url) as db:
            # Nobody kills this server, so no test waits for its disk. What must outlive a crash is proved on others.
            # Nobody tidies it either: its databases are gone before that pays.
            for name in ("fsync", "full_page_writes", "synchronous_commit", "wal_compression", "autovacuum"):
                db.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
            # The kernel copies files for a database by itself, at half the work or less.
            db.execute("ALTER SYSTEM SET file_copy_method = clone")
            db.execute("ALTER SYSTEM SET max_wal_size = '512MB'")
            db.execute("SELECT pg_reload_conf()")
        yield server.url


def log() -> Path | None:
    """Say where the server writes its log; None of one that is not ours."""
    return None if os.environ.get("DATABASE_URL") else _FOLDER / "place" / "server.log"


def template(server: str) -> str:
    """Return the name of the database every test starts as, migrating it if these revisions never ran here."""
    name = _TEMPLATE + _fingerprint()
    with _owner(server) as db:
        db.execute("SELECT pg_advisory_lock(hashtext('eresidency.template'))")
        if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            building = f"{_PREFIX}template"
            _drop(db, building)
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(building)))
            migrate.upgrade(_named(server, building))
            finished = "ALTER DATABASE {} RENAME TO {}"
            db.execute(sql.SQL(finished).format(sql.Identifier(building), sql.Identifier(name)))
        migrate.set_role_password(server, role_password(server))
    return name


def role_password(server: str) -> str:
    """Say what the roles log in with: the same as demo and bench say, which may run on this server now."""
    return os.environ.get("ERESIDENCY_ROLE_PASSWORD") or settings.role_word(server)


@contextlib.contextmanager
def copied(server: str, source: str) -> Iterator[str]:
    """Give the owner's address of a database of one's own, a copy of `source`."""
    name = f"{_PREFIX}{secrets.token_hex(6)}"
    with _owner(server) as db:
        # File by file: its checkpoints wait for no disk here, while a copy through the log costs four times the work.
        statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        db.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(source)))
    try:
        yield _named(server, name)
    finally:
        with _owner(server) as db:
            _drop(db, name)


def libpq(url: str) -> str:
    """Write an address as psycopg alone takes it: without the name of SQLAlchemy's driver."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def _settle_in_memory() -> None:
    """Link the server's place to a folder in memory, unless it has one or there is no room."""
    place = _FOLDER / "place"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "settling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.is_dir() or not _MEMORY.is_dir():
            return
        if min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) < _ROOM_BYTES:
            return
        # By the checkout's own name: whoever deletes `.data` finds it again.
        folder = _MEMORY / f"eresidency-test-{hashlib.sha256(bytes(ROOT)).hexdigest()[:16]}"
        account = unprivileged.account(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        account.take(folder)
        place.unlink(missing_ok=True)  # a link whose folder went with a restart of the machine
        place.symlink_to(folder)


def _sweep(server: Server) -> None:
    """Drop what killed runs left, and the templates of revisions that have changed since."""
    kept = _TEMPLATE + _fingerprint()
    with _owner(server.url) as db:
        for (name,) in db.execute("SELECT datname FROM pg_database").fetchall():
            if name != kept and name.startswith((_PREFIX, _TEMPLATE)):
                _drop(db, name)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _named(server: str, database: str) -> str:
    return sqlalchemy.make_url(server).set(database=database).render_as_string(hide_password=False)


def _owner(server: str) -> psycopg.Connection:
    return psycopg.connect(libpq(server), autocommit=True)


def _drop(db: psycopg.Connection, name: str) -> None:
    db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
