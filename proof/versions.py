"""Keys by their version, to which others may add while this process runs: a folder, a token of an HSM.

A newer version is looked for where one is needed: before something new is made with the newest, and where a version is
asked for that was not there before. So a rotation reaches every process without a restart and without a signal.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")


class UnknownKeyVersion(Exception):
    """No key of this version is held."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Newest(Exception):
    """The newest version is in use and can't be retired."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Versions(Generic[Key]):
    """The keys that are `known` now; `find` looks for one by its version, None where there is none (yet)."""

    def __init__(self, known: Mapping[int, Key], find: Callable[[int], Key | None]) -> None:
        """Take at least one key."""
        self._known = dict(known)
        self._find = find
        self._newest = max(self._known)

    @property
    def newest(self) -> int:
        """The highest version there is by now."""
        while (key := self._find(self._newest + 1)) is not None:
            self._newest += 1
            self._known[self._newest] = key
        return self._newest

    def of(self, version: int) -> Key:
        """Answer the key of `version`; raises UnknownKeyVersion."""
        key = self._known.get(version)
        if key is None:
            key = self._find(version)
            if key is None:
                raise UnknownKeyVersion(version)
            self._known[version] = key
        return key

    def forget(self, version: int) -> None:
        """Hold a version no longer."""
        self._known.pop(version, None)
