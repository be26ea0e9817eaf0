"""One house for the tests of a module, and one application for all: what takes long to open or compose is kept."""

import contextlib
import functools

from litestar import Litestar

from app import house, main
from app.house import House
from app.settings import Settings


class Kept:
    """Opened for the first test that asks, and anew where one comes with other settings."""

    def __init__(self) -> None:
        self._open = contextlib.AsyncExitStack()
        self._told: Settings | None = None
        self._house: House | None = None

    async def house(self, settings: Settings) -> House:
        """Give the house of these settings."""
        if self._house is None or settings != self._told:
            await self.close()
            self._house = await self._open.enter_async_context(house.opened(settings))
            self._told = settings
        return self._house

    async def close(self) -> None:
        """Let go of everything: before its database is dropped."""
        self._house = None
        await self._open.aclose()


def composed(settings: Settings) -> Litestar:
    """Give the application of `settings`, composed once for all that ask the same of it: half a second of work each.

    What main.build() does not look at is read from the application's state once it has started.
    """
    looked_at = ("environment", "issuer", "body_max_bytes", "requests_per_minute")
    built = _composed(Settings(database_url="", **{name: getattr(settings, name) for name in looked_at}))
    built.state.settings = settings
    return built


_composed = functools.cache(main.build)
