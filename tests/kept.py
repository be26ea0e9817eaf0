"""One house for the tests of a module: what it opens, above all connections, is opened once."""

import contextlib

from app import house
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
