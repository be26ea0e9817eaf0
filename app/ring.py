"""Keys that sign in our name and are published: the next one is known before it signs, the last one after it did.

    message.pem                     the first key
    message.20261122T120000Z.pem    signs from that instant on (real clock), and is published from the moment it exists

A key that was followed by another stays published for a while: what it signed is still under way or in a cache. Every
process looks at the folder again after a few seconds, so a rotation needs no restart: `eresidency keys rotate message`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import clock
from proof.signer import Alg, FileSigner

#: Others keep our keys for an hour (Cache-Control); a new one must have reached them before it signs.
NOTICE = timedelta(hours=2)
#: How long a key stays published after its successor began to sign.
OVERLAP = timedelta(days=7)

_LOOK_AGAIN = timedelta(seconds=5)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_STAMP = "%Y%m%dT%H%M%SZ"


class Ring:
    """The keys of one kind in a folder. It signs as its current key does, so it is a Signer (proof/signer.py)."""

    def __init__(self, folder: Path, name: str, alg: Alg, *, now: Callable[[], datetime] = clock.real) -> None:
        """Open the keys `name` of `folder`, making the first where there is none; raises signer.BadKey."""
        self._folder, self._name, self._alg, self._now = folder, name, alg, now
        FileSigner.open(folder / f"{name}.pem", alg)
        self._looked_at = _FIRST
        self._keys: list[tuple[datetime, FileSigner]] = []
        self._known: dict[Path, FileSigner] = {}

    def current(self) -> FileSigner:
        """Give the key that signs now. Whoever needs more than one thing of it asks once."""
        now = self._now()
        return [key for begins, key in self._all() if begins <= now][-1]

    def published(self) -> list[dict[str, str]]:
        """Give the public keys to believe: the current one, those to come, those followed not long ago."""
        now, keys = self._now(), self._all()
        followed = [begins for begins, _ in keys[1:]]
        gone = sum(begins + OVERLAP <= now for begins in followed)
        return [key.public_jwk for _, key in keys[gone:]]

    def ever(self) -> list[dict[str, str]]:
        """Give the public keys of all there are: for what is verified long after it was signed."""
        return [key.public_jwk for _, key in self._all()]

    def rotate(self, begins: datetime) -> FileSigner:
        """Make the key that signs from `begins` on, which is not past."""
        assert begins >= self._now(), "a key is published before it signs"
        made = FileSigner.open(self._folder / f"{self._name}.{begins.astimezone(UTC):{_STAMP}}.pem", self._alg)
        self._looked_at = _FIRST
        return made

    @property
    def kid(self) -> str:
        """The name of the current key."""
        return self.current().kid

    @property
    def alg(self) -> Alg:
        """What all of them sign with."""
        return self._alg

    @property
    def public_jwk(self) -> dict[str, str]:
        """The current public key."""
        return self.current().public_jwk

    def sign(self, message: bytes) -> bytes:
        """Sign with the current key."""
        return self.current().sign(message)

    def _all(self) -> list[tuple[datetime, FileSigner]]:
        if self._now() - self._looked_at >= _LOOK_AGAIN:
            pattern = re.compile(rf"{re.escape(self._name)}(?:\.(\d{{8}}T\d{{6}}Z))?\.pem")
            found = [(read, path) for path in self._folder.iterdir() if (read := pattern.fullmatch(path.name))]
            begins = {path: _begins(read[1]) for read, path in found}
            self._known = {path: self._known.get(path) or FileSigner.open(path, self._alg) for path in begins}
            self._keys = sorted(((begins[path], key) for path, key in self._known.items()), key=lambda each: each[0])
            self._looked_at = self._now()
        return self._keys


def _begins(stamp: str | None) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) if stamp else _FIRST
