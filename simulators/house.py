"""An installation as processes: PostgreSQL, the API, the worker and the outside world, started and stopped together.

Everything of one installation lies in one folder: cluster, keys, ports, logs. Opened again, it goes on where it was.
Children run in sessions of their own, so Ctrl-C reaches only us and we stop them in order; if we are killed ourselves,
the next opening ends what we left, by the pids noted in the folder. PostgreSQL is a daemon of app/embedded.py; with
DATABASE_URL set it is somebody else's, who starts and stops it, and the installation lives in the database named there.
"""

import contextlib
import fcntl
import http.client
import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import psutil

START_WITHIN_S = 240.0  # fourteen start at once, perhaps on one core beside others
STOP_WITHIN_S = 30.0  # the API drains for 25


class Busy(Exception):
    """Another process runs the installation in this folder."""


class Ended(Exception):
    """A program ended though nobody asked it to; carries its name and the end of its log."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name} ended: {said}")
        self.name = name
        self.said = said


class DidNotStart(Exception):
    """A program ended or stayed silent; carries its name and the end of its log."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name} did not start: {said}")
        self.name = name
        self.said = said


class Program(NamedTuple):
    """A child process: a module of Python, whether it listens, and the path that answers when it is ready.

    In its arguments, `{api}` stands for where the program `api` listens, and `{folder}` for the house's folder. `lines`
    are what else it listens on, by names of their own: what comes there is no web.
    """

    module: str
    arguments: tuple[str, ...] = ()
    listens: bool = True
    ready: str = "/health/ready"
    lines: tuple[str, ...] = ()


class House:
    """One installation. Use it as a context: at the end every process it started is gone.

    `settings` are what every program of it is told by its environment, over the house's own. `database_url` is the
    owner's of a database on a server of somebody else, by default DATABASE_URL.
    """

    def __init__(self, folder: Path, programs: Mapping[str, Program], *, database_url: str | None = None) -> None:
        self.folder = folder.absolute()
        self.programs = programs
        self.settings: dict[str, str] = {}
        self._ports: dict[str, int] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._held = contextlib.ExitStack()
        self._database_url = database_url or os.environ.get("DATABASE_URL", "")
        self._upgraded = False
        #: Whether PostgreSQL is ours to start, stop and kill.
        self.owns_database = not self._database_url

    def __enter__(self) -> Self:
        """Take the folder for ourselves and end what a killed predecessor left. Raises Busy."""
        for part in ("log", "keys"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self._held.enter_context(_locked(self.folder / "lock"))
        self._end_leftovers()
        return self

    def __exit__(self, *failure: object) -> None:
        """Stop everything; a second Ctrl-C must not leave half of it running."""
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for name in reversed(list(self._children)):
                self.stop(name)
            self.stop_database()
        finally:
            signal.signal(signal.SIGINT, previous)
            self._held.close()

    # -- addresses and settings ----------------------------------------------------------------------------------------

    def url(self, name: str) -> str:
        """Where a program listens; the same at every opening unless somebody else took the port meanwhile.

        Within one opening it never changes: others were told, and one that is being killed still holds its port.
        """
        if name not in self._ports:
            noted = self.folder / "ports.json"
            ports: dict[str, int] = json.loads(noted.read_text()) if noted.exists() else {}
            if name not in ports or not _is_free(ports[name]):
                ports[name] = _free_port()
                noted.write_text(json.dumps(ports, indent=1))
            self._ports[name] = ports[name]
        return f"http://127.0.0.1:{self._ports[name]}"

    def environ(self) -> dict[str, str]:
        """Build the settings every program of the house is started with."""
        # The roles belong to the server, so whoever runs it may have given them a password (app/settings.py role_word).
        kept = {"ERESIDENCY_ROLE_PASSWORD"}
        own = {name: text for name, text in os.environ.items() if name in kept or not name.startswith("ERESIDENCY_")}
        return own | {
            "ERESIDENCY_ENVIRONMENT": "demo",
            "ERESIDENCY_DATABASE_URL": self._database_url,
            "ERESIDENCY_KEYS": str(self.folder / "keys"),
            **self.settings,
        }

    def _write_environment(self) -> None:
        """Write our settings down for a shell: who tests from outside mints tokens with them (docs/testing.md)."""
        told = {name: value for name, value in self.environ().items() if name.startswith("ERESIDENCY_")}
        lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(told.items()))
        file = self.folder / "environment"
        file.touch(mode=0o600)
        file.write_text(lines)

    # -- programs ------------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start programs side by side and wait until each is ready. Raises DidNotStart."""
        self.spawn(*names)
        self.await_ready(*names)

    def spawn(self, *names: str) -> None:
        """Start programs without waiting for them."""
        for name in names:
            self._spawn(name)
        self._note()

    def await_ready(self, *names: str) -> None:
        """Wait until programs that were spawned are ready. Raises DidNotStart."""
        deadline = time.monotonic() + START_WITHIN_S
        for name in names:
            program = self.programs[name]
            while program.listens and not _answers(self.url(name) + program.ready):
                if not self.is_running(name) or time.monotonic() > deadline:
                    raise DidNotStart(name, self.said(name))
                time.sleep(0.05)

    def _spawn(self, name: str) -> None:
        program = self.programs[name]
        address = self.url(name) if program.listens else None
        port = ["--port", address.rpartition(":")[2]] if address else []
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", program.module, *map(self._filled, program.arguments), *port],
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _filled(self, argument: str) -> str:
        places = [name for name, program in self.programs.items() if program.listens]
        for name in (*places, *itertools.chain(*(program.lines for program in self.programs.values()))):
            argument = argument.replace(f"{{{name}}}", self.url(name))
        return argument.replace("{folder}", str(self.folder))

    def run(self, module: str, *arguments: str) -> str:
        """Run a program to its end and return what it printed. Raises DidNotStart."""
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env=self.environ(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DidNotStart(f"{module} {' '.join(arguments)}", done.stderr[-2000:])
        return done.stdout

    def stop(self, name: str) -> None:
        """Ask a program to end, and end it if it does not."""
        child = self._children.pop(name, None)
        if child is not None:
            child.terminate()
            try:
                child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            self._note()

    def kill(self, name: str) -> None:
        """End a program as a power cut would."""
        child = self._children.pop(name)
        child.kill()
        child.wait()
        self._note()

    def check(self) -> None:
        """Raise Ended for the first program that isn't there any more."""
        for name in self.programs:
            if not self.is_running(name):
                raise Ended(name, self.said(name, characters=500).strip() or "without a word")

    def is_running(self, name: str) -> bool:
        """Whether a program we started still lives."""
        return name in self._children and self._children[name].poll() is None

    def said(self, name: str, characters: int = 2_000) -> str:
        """Return the end of a program's log."""
        log = self.folder / "log" / f"{name}.log"
        return log.read_text(errors="replace")[-characters:] if log.exists() else ""

    def token(self, role: str, name: str) -> str:
        """Return a token that the operator minted for somebody of this name; it is good for an hour."""
        if (role, name) not in self._tokens:
            minted = json.loads(self.run("app.cli", "token", "mint", "--role", role, "--name", name))
            self._tokens[role, name] = minted["access_token"]
        return self._tokens[role, name]

    # -- database ------------------------------------------------------------------------------------------------------

    def start_database(self) -> None:
        """Start or adopt PostgreSQL and bring the schema up to date, once for each opening of the house."""
        if self.owns_database:
            self._database_url = self.run("app.embedded", "start", str(self.folder / "postgres")).strip()
        self._write_environment()
        if not self._upgraded:
            self.run("app.cli", "db", "upgrade")
            self._upgraded = True

    def stop_database(self) -> None:
        """Stop PostgreSQL, if it is ours."""
        if self.owns_database:
            self.run("app.embedded", "stop", str(self.folder / "postgres"))

    def kill_database(self) -> None:
        """End PostgreSQL's postmaster as a power cut would; its backends notice and follow."""
        assert self.owns_database, "this server serves others too"
        self._postmaster().kill()

    def database_is_running(self) -> bool:
        """Whether PostgreSQL lives; one that isn't ours is its operator's concern."""
        if not self.owns_database:
            return True
        try:
            return bool(self._postmaster().status() != psutil.STATUS_ZOMBIE)
        except (OSError, psutil.Error):
            return False

    def _postmaster(self) -> psutil.Process:
        pid_file = self.folder / "postgres" / "place" / "data" / "postmaster.pid"
        return psutil.Process(int(pid_file.read_text().splitlines()[0]))

    # -- leftovers -----------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        """Note who runs. A pid alone proves nothing later, so the start of the process is noted with it."""
        noted = {}
        for name, child in self._children.items():
            with contextlib.suppress(psutil.Error):
                noted[name] = [child.pid, psutil.Process(child.pid).create_time()]
        (self.folder / "pids.json").write_text(json.dumps(noted, indent=1))

    def _end_leftovers(self) -> None:
        noted = self.folder / "pids.json"
        for pid, born in (json.loads(noted.read_text()) if noted.exists() else {}).values():
            with contextlib.suppress(psutil.Error):
                left = psutil.Process(pid)
                if left.create_time() == born:
                    left.kill()
                    left.wait(STOP_WITHIN_S)
        noted.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(str(path.parent)) from error
        yield


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", parts.path)
            return connection.getresponse().status == HTTPStatus.OK
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    # Nobody answers; last connections that are still closing do not matter, servers bind over them.
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
