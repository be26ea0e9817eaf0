"""`make demo` is a program people stop with Ctrl-C, and start while another runs."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-u", "-m", "simulators.demo", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "A phone registers" in line:
                break
        begun = belonging_to(folder)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=120)

    assert {"app.cli", "simulators.bank", "simulators.verifier"} <= begun
    assert second.returncode == 1
    assert "runs already" in second.stdout
    assert demo.returncode == 128 + signal.SIGINT
    assert not belonging_to(folder)


def belonging_to(folder: Path) -> set[str]:
    """Name the processes of the installation in `folder`, by the module they run; PostgreSQL by its binary."""
    found = set()
    for process in psutil.process_iter():
        try:
            command, environ = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        place = str((folder / "postgres" / "place").resolve())
        if environ.get("ERESIDENCY_KEYS") == str(folder / "keys") or place in " ".join(command):
            found.add(command[2] if "-m" in command else command[0])
    return found
