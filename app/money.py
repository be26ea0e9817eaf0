"""The desk's address in this process: who moves money from a handler or the worker comes here.

path   handler or worker  ->  Money.submit()  ->  app/batch.py  ->  wallet/desk.py
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db
from app.batch import Batch, Render, Reply, Verb
from app.idempotency_key import Claim, Stored
from wallet import account
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Answer, Capture, Hold, Move, Post, Release

#: Where an installation with one lane books everything.
FIRST_LANE = 1


async def moves(desk: Desk, asked: Sequence[Move]) -> Sequence[Answer]:
    """Decide plain moves, each on its own."""
    await desk.load_holds(move.hold for move in asked if isinstance(move, Capture | Release))
    await desk.load(side for move in asked if isinstance(move, Post | Hold) for side in (move.debit, move.credit))
    return [desk.move(move) for move in asked]


class Home(NamedTuple):
    """Where a holder's money lives; fixed for good when the wallet opens."""

    lane: int
    account: AccountId


class Money:
    """The batch of this process, and what it may remember because it never changes."""

    def __init__(self, engine: AsyncEngine, *, capacity: int = 8_192) -> None:
        self._engine = engine
        self._batch = Batch(engine, capacity=capacity)
        self._homes: dict[UUID, Home] = {}
        self._operators: dict[tuple[int, Purpose, str], AccountId] = {}

    async def submit(
        self, verb: Verb, items: Sequence[Any], *, lanes: Sequence[int], claim: Claim, render: Render
    ) -> Reply:
        """Run `verb` on `items` in the next batch over `lanes`; see app/batch.py for what it raises."""
        return await self._batch.submit(verb, items, lanes=lanes, claim=claim, render=render)

    async def move(self, asked: Sequence[Move], *, lanes: Sequence[int], claim: Claim, render: Render) -> Reply:
        """Run plain moves; a bulk of them is one queue entry."""
        return await self.submit(moves, asked, lanes=lanes, claim=claim, render=render)

    async def wallet(self, holder: UUID) -> Home:
        """Say where the money of `holder` lives; raises wallet.account.NoWallet."""
        if (known := self._homes.get(holder)) is None:
            async with db.transaction(self._engine) as story:
                balance = await account.wallet(await story(), holder)
            known = self._homes[holder] = Home(balance.lane, balance.account)
        return known

    async def operator(self, purpose: Purpose, *, lane: int = FIRST_LANE, label: str = "") -> AccountId:
        """Give the operator's tenge account of this purpose on `lane`, opened where it is the first time."""
        place = (lane, purpose, label)
        if (known := self._operators.get(place)) is None:
            async with db.transaction(self._engine) as story:
                connection = await story()
                known = await account.operator(connection, lane=lane, purpose=purpose, label=label, at=story.now)
            self._operators[place] = known
        return known

    async def drain(self) -> None:
        """Wait until everything taken in is answered."""
        await self._batch.drain()


def claim(principal: str, key: str, content: object) -> Claim:
    """Name a move that no request asked for, such as a partner's payment: equal names are the same move."""
    return Claim(principal, key, hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest())


def plainly(answers: Sequence[Answer]) -> Stored:
    """Encode answers nobody reads over HTTP."""
    return Stored(200, msgspec.json.encode([{type(answer).__name__.lower(): answer} for answer in answers]))
