"""The lists in force, in memory: built once in each process for each edition, asked by requests, worker and pipeline.

stores     kyc/lists/snapshot.py      replace()
holds      app/watchlist.py           Watchlist.current()     <- you are here
asks       kyc/screening/looking.py   look()

Whoever asks reads which edition is in force in their own transaction, so nobody is looked up in an old list because of
a process that did not hear of a new one. Building reads what is not known yet from the database and runs on a thread:
a second or two for whole lists, during which the others go on.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.lists import edition, snapshot
from kyc.lists.snapshot import Listed
from kyc.screening import rerun
from kyc.screening.matching import Lists
from kyc.screening.rerun import Delta

_DELTAS_MAX = 4


class Watchlist:
    """What one process holds of the lists: the newest edition it was asked for, and how earlier ones differ from it."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: Lists | None = None
        self._deltas: dict[tuple[int, int], Delta | None] = {}
        self._building = asyncio.Lock()

    async def current(self, db: AsyncConnection) -> Lists | None:
        """Give the lists in force; None where no list ever came."""
        number = await edition.number_in_force(db)
        if number == 0:
            return None
        if self._held is None or self._held.edition.number != number:
            async with self._building:
                if self._held is None or self._held.edition.number != number:
                    self._held = await self._built(db, number)
                    self._deltas.clear()
        return self._held

    async def since(self, db: AsyncConnection, before: int, now: Lists) -> Delta | None:
        """Say what changed since an edition; None where everything is to be looked at (kyc/screening/rerun.py)."""
        step = before, now.edition.number
        if step not in self._deltas:
            found = await rerun.between(db, await edition.find(db, before), now)
            if len(self._deltas) >= _DELTAS_MAX:
                self._deltas.clear()
            self._deltas[step] = found
        return self._deltas[step]

    async def _built(self, db: AsyncConnection, number: int) -> Lists:
        wanted = await edition.find(db, number)
        digests = {each for digest in wanted.parts.values() for each in await snapshot.members(db, digest)}
        kept = [each for each in self._known() if each.sha256 in digests]
        fresh = await snapshot.load(db, digests - {each.sha256 for each in kept})
        return await asyncio.to_thread(Lists.of, wanted, [*kept, *fresh])

    def _known(self) -> list[Listed]:
        return list(self._held.known.values()) if self._held else []
