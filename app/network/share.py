"""How much of what is left one place may promise in the books' place: no two places promise the same.

takes     app/network/snapshot.py     take()       with everything that is known, every few minutes
shares    app/network/share.py        take()       <- you are here
keeps     cards.take_share() in the database (0048): the parts that still hold never make more than the whole

A place is a folder of promises, and a process keeps it. The first has all of it; one that comes later has nothing
until what the first may still go by has ended and the first has said since that the books know all it promised, then
each has the same. One that never comes back is waited for a week.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from law.money import Money
from proof import keyfile

WHOLE = 10_000


class Part(msgspec.Struct, frozen=True):
    """A part of what is left, in ten thousandths."""

    parts: int

    def of(self, left: Money) -> Money:
        """Say how much that is, in whole units of its own; a debt is all of it."""
        return left if left.minor < 0 else Money(left.minor * self.parts // WHOLE, left.currency)


def place(folder: Path) -> UUID:
    """Name the place of a folder, the same as long as there is one."""
    return UUID(keyfile.read_or_create(folder / "place", lambda: str(ids.new()).encode()).decode())


async def take(engine: AsyncEngine, of: UUID, lasts: timedelta, *, told: bool) -> Part:
    """Take what a place may promise, for as long from now on; `told` says that the books know all it did promise."""
    async with db.transaction(engine) as story:
        parts = await (await story()).scalar(_TAKE, {"place": of, "lasts": lasts, "told": told})
    return Part(int(parts or 0))


async def give_back(engine: AsyncEngine, of: UUID, known: Path) -> None:
    """Leave it to the others, and go by what was `known` no more: it is gone before anybody may promise the same."""
    async with db.transaction(engine) as story:
        await (await story()).execute(_GIVE, {"place": of})
        # Before the commit, for nobody may hear whether that came to be.
        await asyncio.to_thread(keyfile.remove, known)


_TAKE = text("SELECT cards.take_share(:place, :lasts, :told)")
_GIVE = text("SELECT cards.give_share(:place)")
