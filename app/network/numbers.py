"""Which card a number is, by its keyed index: many look-ups at once, and what was found is remembered.

What a number leads to never changes, so it is kept; that a number is nobody's may change any moment.
"""

import asyncio
from collections import OrderedDict
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_KEPT_MAX = 200_000
_AT_ONCE_MAX = 512


class Found(NamedTuple):
    """The card a number belongs to, its lane, its last day, and which version of the keys its codes are made with."""

    card: UUID
    lane: int
    expires_on: date
    plate_version: int


class Numbers:
    """The look-ups of this process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._kept: OrderedDict[bytes, Found] = OrderedDict()
        self._wanted: dict[bytes, asyncio.Future[Found | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    def kept(self, index: bytes) -> Found | None:
        """Answer what is remembered."""
        return self._kept.get(index)

    async def find(self, index: bytes) -> Found | None:
        """Answer which card it is, None if it is none of ours; raises what the database raises."""
        if (kept := self._kept.get(index)) is not None:
            return kept
        if index not in self._wanted:
            self._wanted[index] = asyncio.get_running_loop().create_future()
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._wanted[index])

    async def _ask(self) -> None:
        """Ask for what is wanted, again for what was wanted meanwhile."""
        try:
            while asked := [index for index, future in self._wanted.items() if not future.done()][:_AT_ONCE_MAX]:
                futures = {index: self._wanted[index] for index in asked}
                try:
                    found = await self._look(asked)
                except Exception as error:  # noqa: BLE001  whoever wants one of them hears it
                    for index, future in futures.items():
                        del self._wanted[index]
                        future.set_exception(error)
                        future.exception()  # nobody may be left to hear it
                    continue
                self._keep(found)
                for index, future in futures.items():
                    del self._wanted[index]
                    future.set_result(found.get(index))
        finally:
            self._asking = None

    async def _look(self, indexes: list[bytes]) -> dict[bytes, Found]:
        async with self._engine.connect() as db:
            rows = await db.execute(_FIND, {"indexes": indexes})
            return {bytes(row.blind): Found(*row[1:]) for row in rows}

    def _keep(self, found: dict[bytes, Found]) -> None:
        self._kept.update(found)
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)


_FIND = text(
    """
    SELECT asked.blind, card.id, card.lane, card.expires_on, found.plate_version
    FROM unnest(CAST(:indexes AS bytea[])) AS asked (blind)
    CROSS JOIN LATERAL card_vault.find(asked.blind) AS found
    JOIN cards.card ON card.id = found.card
    """
)
