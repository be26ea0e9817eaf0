"""Asking the books: one message at a time, in everybody's batch, until a deadline; and knowing when they are away.

batches   app/money.py            Money.submit()   ->  app/cards/swiping.py Till.book
asks      app/network/books.py    Books.ask()      <- you are here
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
import sqlalchemy.exc
from sqlalchemy import text

from app.batch import Unavailable
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards.payments.message import Answer, NetworkMessage

_PROBE_WITHIN_S = 1.0

#: What the driver and the pool raise where the database is not to be had, or not now.
LOST = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError, psycopg.Error)


class Away(Exception):
    """The books can't be asked now. `in_vain`: this question reached them, and they may have decided it."""

    def __init__(self, *, in_vain: bool) -> None:
        super().__init__(in_vain)
        self.in_vain = in_vain


class Books:
    """The books as a line sees them. Whoever gets no answer doubts; who watches says whether they are here or gone."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.here, self.gone = asyncio.Event(), asyncio.Event()
        self.here.set()
        self._doubted = asyncio.Event()

    @property
    def away(self) -> bool:
        """Whether nobody is to ask them now."""
        return self.gone.is_set()

    @away.setter
    def away(self, gone: bool) -> None:
        now, before = (self.gone, self.here) if gone else (self.here, self.gone)
        before.clear()
        now.set()

    async def ask(self, told: NetworkMessage, until: float | None = None) -> Answer:
        """Have a message decided and booked until the loop's clock says `until`.

        Raises Away, app.batch.Overloaded, idempotency_key.Reused.
        """
        if self.away:
            raise Away(in_vain=False)
        try:
            async with asyncio.timeout_at(until):
                return await self.book(told)
        except (TimeoutError, Unavailable, *LOST) as error:
            self.doubt()
            raise Away(in_vain=True) from error

    async def book(self, told: NetworkMessage) -> Answer:
        """Have a message decided and booked, however long it takes."""
        content = [type(told).__name__, told.network, told.lifecycle, told.element, told.card, told.amount]
        named = claim(f"network:{told.network}", f"{told.lifecycle} {told.element}", content)
        reply = await self.house.money.submit(
            self.house.till.book, [told], lanes=[told.lane], claim=named, render=_render
        )
        return _ANSWER.decode(reply.stored.body)

    def doubt(self) -> None:
        """Note that somebody got no answer; who watches finds out why."""
        self._doubted.set()

    async def doubted(self, within_s: float) -> bool:
        """Wait until somebody doubts, or for so long; answers whether somebody does."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._doubted.wait(), within_s)
        doubted = self._doubted.is_set()
        self._doubted.clear()
        return doubted

    async def answer(self) -> bool:
        """Say whether the database answers at all."""
        try:
            async with asyncio.timeout(_PROBE_WITHIN_S), self.house.posting.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (TimeoutError, *LOST):
            return False
        return True


_ANSWER = msgspec.json.Decoder(Answer)
_ENCODER = msgspec.json.Encoder()


def _render(answers: Sequence[Any]) -> Stored:
    [answer] = answers
    return Stored(200, _ENCODER.encode(answer))
