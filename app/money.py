"""The desk's address in this process: who moves money from a handler or the worker comes here.

path   handler or worker  ->  Money.submit()  ->  app/batch.py  ->  wallet/desk.py
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import batch, db
from app.batch import Batch, Render, Reply, Verb
from app.idempotency_key import Claim, Stored
from law.money import KZT, Currency
from wallet import account
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Answer, Hold, Move, Post

#: Where an installation with one lane books everything.
FIRST_LANE = 1


def _named(asked: Sequence[Move]) -> Iterator[UUID]:
    for move in asked:
        if isinstance(move, Post | Hold):
            yield move.debit
            yield move.credit


@batch.naming(_named)
async def moves(desk: Desk, asked: Sequence[Move]) -> Sequence[Answer]:
    """Decide plain moves, each on its own."""
    await desk.load_for(asked)
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
        self._lanes: dict[UUID, int] = {}
        self._operators: dict[tuple[int, Purpose, str, Currency], AccountId] = {}
        #: One look-up at a time: a crowd that asks for the same learns it at once, and batches keep their connections.
        self._asking = asyncio.Lock()

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
        if (known := self._homes.get(holder)) is not None:
            return known
        async with self._asking:
            if (known := self._homes.get(holder)) is None:
                async with db.transaction(self._engine) as story:
                    balance = await account.wallet(await story(), holder)
                known = self._homes[holder] = Home(balance.lane, balance.account)
        return known

    async def lanes(self, wallets: Iterable[UUID]) -> set[int]:
        """Say on which lanes accounts are; those that do not exist are on none."""
        wanted = set(wallets)
        if not all(each in self._lanes for each in wanted):
            async with self._asking:
                if unknown := {each for each in wanted if each not in self._lanes}:
                    async with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                        self._lanes |= await account.lanes_of(connection, unknown)
        return {self._lanes[each] for each in wanted if each in self._lanes}

    async def operator(
        self, purpose: Purpose, *, lane: int = FIRST_LANE, label: str = "", currency: Currency = KZT
    ) -> AccountId:
        """Give the operator's account of this purpose and currency on `lane`, opened where it is the first time."""
        place = (lane, purpose, label, currency)
        if (known := self._operators.get(place)) is not None:
            return known
        async with self._asking:
            if (known := self._operators.get(place)) is None:
                async with db.transaction(self._engine) as story:
                    known = await account.operator(
                        await story(), lane=lane, purpose=purpose, label=label, currency=currency, at=story.now
                    )
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
