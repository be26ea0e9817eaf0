"""Builders for tests of the ledger: wallets with money in them, and the batch that moves it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app import db, ids, lane
from app.idempotency_key import Claim
from app.money import FIRST_LANE, Money, claim, plainly
from law.money import KZT, Currency
from law.money import Money as Amount
from wallet import account
from wallet.chart import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Answer, Move, Post, Posted, Refused, TransferId

#: What the database says no with, through the driver or around it.
REFUSED = (psycopg.Error, sqlalchemy.exc.DBAPIError)
AT = datetime(2026, 9, 1, 4, tzinfo=UTC)


def kzt(tenge: int) -> Amount:
    return Amount(tenge * 100, KZT)


async def opened(api: AsyncEngine, holder: UUID | None = None, *, lane: int = FIRST_LANE) -> AccountId:
    """Open a wallet for a resident, a new one unless given."""
    who = holder or ids.new()
    async with db.transaction(api, holder=who, audience="resident") as story:
        return await account.open_wallet(
            await story(), holder=who, account=ids.new(), lane=lane, actor=f"resident:{who}", at=AT
        )


async def bank(posting: AsyncEngine, *, lane: int = FIRST_LANE) -> AccountId:
    """Find the mirror of the bank that money comes from."""
    return await operator(posting, Purpose.BANK, "test", lane=lane)


async def operator(
    posting: AsyncEngine, purpose: Purpose, label: str = "", *, lane: int = FIRST_LANE, currency: Currency = KZT
) -> AccountId:
    """Find an account of the operator."""
    async with db.transaction(posting) as story:
        return await account.operator(await story(), lane=lane, purpose=purpose, at=AT, label=label, currency=currency)


async def second_lane(worker: AsyncEngine) -> int:
    """Give a lane that is not the first, added where there is none yet."""
    async with db.transaction(worker) as story:
        connection = await story()
        found = await connection.scalar(text("SELECT max(lane) FROM wallet.lane WHERE lane > 1"))
        return int(found) if found else await lane.add(connection)


async def forward(database: str, time: timedelta) -> None:
    """Move the clock of the installation."""
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE app.clock SET advanced_by = advanced_by + :time"), {"time": time})
    await engine.dispose()


def fresh(key: str | None = None, content: object = None) -> Claim:
    return claim("test", key or str(ids.new()), content)


async def move(
    money: Money, *moves: Move, named: Claim | None = None, lanes: Sequence[int] = (FIRST_LANE,)
) -> list[Answer]:
    """Hand the moves in as one entry and read its answers."""
    reply = await money.move(moves, lanes=lanes, claim=named or fresh(), render=plainly)
    return read(reply.stored.body)


async def group(money: Money, *moves: Move, lanes: Sequence[int] = (FIRST_LANE,)) -> list[Answer]:
    """Hand the moves in to happen all or not at all, and read what became of them: one answer where they did not."""

    async def together(desk: Desk, asked: Sequence[Sequence[Move]]) -> Sequence[Answer]:
        [moves] = asked
        await desk.load_for(moves)
        answer = desk.group(moves[0].id, moves)
        # A verb gives one answer for each item, and here the group is the item.
        answers.append([answer] if isinstance(answer, Refused) else [*answer])
        return [answers[-1][0]]

    answers: list[list[Answer]] = []
    await money.submit(together, [moves], lanes=lanes, claim=fresh(), render=plainly)
    return answers[-1]


def read(body: bytes) -> list[Answer]:
    return [
        msgspec.convert(value, {"posted": Posted, "refused": Refused}[kind], strict=False)
        for row in msgspec.json.decode(body)
        for kind, value in row.items()
    ]


def post(debit: AccountId, credit: AccountId, amount: Amount) -> Post:
    return Post(id=TransferId(ids.new()), debit=debit, credit=credit, money=amount, code="test")


async def funded(api: AsyncEngine, posting: AsyncEngine, money: Money, tenge: Sequence[int]) -> list[AccountId]:
    """Open a wallet for each of `tenge` and fund it."""
    source = await bank(posting)
    wallets = list(await asyncio.gather(*(opened(api) for _ in tenge)))
    answers = await move(money, *(post(source, each, kzt(sum_)) for each, sum_ in zip(wallets, tenge, strict=True)))
    assert all(isinstance(answer, Posted) for answer in answers)
    return wallets
