"""Who runs PostgreSQL here: ourselves, or, as it refuses root, an unprivileged account that is already on the machine.

Nothing of anybody's is opened for that account. What it can't reach where it is, app/embedded.py puts into `refuge`.
"""

import contextlib
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

import msgspec

_NAMES = ("postgres", "nobody")
_REFUGES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108  # the folder made inside is checked before it is used


class NoAccount(Exception):
    """We are root and no unprivileged account can run the server; DATABASE_URL is the way out."""


class Account(msgspec.Struct, frozen=True):
    """An account programs are started under; without ids it is our own."""

    uid: int | None = None
    gid: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of `subprocess.run` that start a program under this account."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def take(self, path: Path) -> None:
        """Make the account the owner of `path`."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, folder: Path) -> bool:
        """Whether the account can enter `folder`, tried rather than computed from modes and ACLs."""
        return self.uid is None or self._succeeds("/bin/sh", "-c", 'cd "$1"', "sh", str(folder))

    def runs(self, program: Path) -> bool:
        """Whether the account can run `program`, its libraries included."""
        return self.uid is None or self._succeeds(str(program), "--version")

    def _succeeds(self, *command: str) -> bool:
        try:
            return subprocess.run(command, cwd="/", capture_output=True, check=False, **self.options).returncode == 0
        except PermissionError:
            return False


def account(place: Path) -> Account:
    """Choose who runs the cluster in `place`: ourselves unless we are root, then its owner. Raises NoAccount."""
    if os.geteuid() != 0:
        return Account()
    if place.exists() and (state := place.stat()).st_uid != 0:
        return Account(state.st_uid, state.st_gid)
    for name in _NAMES:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_uid, found.pw_gid)
    raise NoAccount


def refuge(who: Account) -> Path:
    """Return a folder that only root can write to and `who` can pass through. Raises NoAccount."""
    for parent in _REFUGES:
        folder = parent / "eresidency-postgresql"
        with contextlib.suppress(OSError):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o711)  # whatever the umask
            state = folder.lstat()
            roots_alone = stat.S_ISDIR(state.st_mode) and state.st_uid == 0 and not state.st_mode & 0o022
            if roots_alone and who.reaches(folder):
                return folder
    raise NoAccount
