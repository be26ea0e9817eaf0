"""Peers that live in an environment of their own below build/: they drag in what the house avoids.

Installed from bench/peers/requirements.lock, hash-checked, where a package index is reached; where not, why is told.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

_FOLDER = Path("bench/peers")
_PLACE = Path("build/peers")
_INSTALL_S, _MEASURE_S = 300, 300


class Absent(Exception):
    """The peers can't be measured here; `why` says in a line."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def measured(claims: int, portrait_bytes: int) -> dict[str, float | str]:
    """Answer what the peers do a second, by what they did; for one that failed why. Raises Absent."""
    python = _installed()
    words = [str(python), str(_FOLDER / "measure.py"), str(claims), str(portrait_bytes)]
    told = _run(words, _MEASURE_S).stdout.splitlines()[-1]
    return msgspec.json.decode(told, type=dict[str, float | str])


def _installed() -> Path:
    python, lock = _PLACE / "bin" / "python", _FOLDER / "requirements.lock"
    done = _PLACE / "installed"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        uv = str(Path(sys.executable).parent / "uv")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_PLACE)], _INSTALL_S)
        _run([uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)], _INSTALL_S)
        done.touch()
    return python


def _run(words: list[str], timeout_s: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.CalledProcessError as error:
        raise Absent(error.stderr.strip().rpartition("\n")[2] or f"exit code {error.returncode}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(str(error)) from error
