"""Builders for tests of the ledger: wallets with money in them, and the batch that moves it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from app.idempotency_key import Claim
from app.money import FIRST_LANE, Money, claim, plainly
from law.money import KZT
from law.money import Money as Amount
from wallet import account
from wallet.account import Purpose
from wallet.transfer import AccountId, Answer, Move, Post, Posted, Refused, TransferId

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)


def kzt(tenge: int) -> Amount:
    return Amount(tenge * 100, KZT)


async def opened(api: AsyncEngine, holder: UUID | None = None) -> AccountId:
    """Open a wallet for a resident, a new one unless given."""
    who = holder or ids.new()
    async with db.transaction(api, holder=who, audience="resident") as story:
        return await account.open_wallet(
            await story(), holder=who, account=ids.new(), lane=FIRST_LANE, actor=f"resident:{who}", at=AT
        )


async def bank(posting: AsyncEngine) -> AccountId:
    """Find the mirror of the bank that money comes from."""
    async with db.transaction(posting) as story:
        return await account.operator(await story(), lane=FIRST_LANE, purpose=Purpose.BANK, at=AT, label="test")


def fresh(key: str | None = None, content: object = None) -> Claim:
    return claim("test", key or str(ids.new()), content)


async def move(money: Money, *moves: Move, named: Claim | None = None) -> list[Answer]:
    """Hand the moves in as one entry and read its answers."""
    reply = await money.move(moves, lanes=[FIRST_LANE], claim=named or fresh(), render=plainly)
    return read(reply.stored.body)


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
