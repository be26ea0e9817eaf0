"""`make demo` is a program people run again, stop with Ctrl-C, and start while another runs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simulators import proofs


class Demo:
    """The program, each time on the same installation."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self.environ = os.environ | ({"DATABASE_URL": database} if database else {})

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-m", "simulators.demo", "--folder", str(self.folder), *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.start(*arguments) as demo:
            said, _ = demo.communicate(timeout=600)
        return demo.returncode, said


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, named_database: str | None) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"), named_database)


def until_the_first_step(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if "A phone registers" in line:
            return
    raise AssertionError("it never began")


@pytest.mark.nightly
def test_ctrl_c_leaves_no_process_behind(demo: Demo) -> None:
    with demo.start() as first:
        until_the_first_step(first)
        begun = belonging_to(demo.folder)
        second, said = demo.run()
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=600)

    assert {"app.cli", "simulators.bank", "simulators.verifier"} <= begun
    assert second == 1
    assert "runs already" in said
    assert first.returncode == 128 + signal.SIGINT
    assert not belonging_to(demo.folder)


@pytest.mark.nightly
def test_a_step_that_fails_is_told_and_the_demonstration_fails_with_it(demo: Demo) -> None:
    with demo.start("--once") as running:
        until_the_first_step(running)
        end("simulators.card_network", demo.folder)
        said, _ = running.communicate(timeout=600)

    assert running.returncode == 1
    assert "card_network ended" in said
    assert "Not all went well" in said


@pytest.mark.nightly
@pytest.mark.parametrize("time", ["once", "again on what is there"])
def test_a_life_is_lived_and_proved(demo: Demo, time: str) -> None:
    code, said = demo.run("--once")

    assert code == 0, f"{time}: {said}"
    assert len(re.findall(r"holds +│", said)) == 3
    assert ", 0 unsigned rows" in said.replace("\n", " ")
    assert {claim.split()[1] for claim in (proofs.LEDGER, proofs.AUDIT, proofs.CREDENTIAL)} <= set(said.split())
    assert not belonging_to(demo.folder)


def belonging_to(folder: Path) -> set[str]:
    """Name the processes of the installation in `folder`, by the module they run; PostgreSQL by its binary."""
    return {module for module, _ in processes(folder)}


def end(module: str, folder: Path) -> None:
    for name, process in processes(folder):
        if name == module:
            process.kill()


def processes(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    place = str((folder / "postgres" / "place").resolve())
    for process in psutil.process_iter():
        try:
            command, environ = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        if environ.get("ERESIDENCY_KEYS") == str(folder / "keys") or place in " ".join(command):
            yield command[2] if "-m" in command else command[0], process
