"""A small past: two residents, money in, between and on hold, relayed and signed. Tests tamper with it and undo it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row

from app import db, house, ids, outbox
from app.house import House
from app.money import FIRST_LANE, claim, plainly
from app.settings import Environment, Settings
from app.verify.finding import Connection
from law.money import KZT, Money
from tests import postgres
from wallet import account
from wallet.account import Purpose
from wallet.transfer import AccountId, Capture, Hold, HoldId, Move, Post, Release, TransferId


class Past(msgspec.Struct, frozen=True):
    """The database that was written once, and the public key its heads are signed with."""

    database: str
    audit_key: dict[str, str]


@pytest.fixture(scope="module")
def past(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with postgres.copied(server, template) as url:
        yield Past(url, asyncio.run(_write(url, tmp_path_factory.mktemp("keys"))))


@pytest.fixture
def books(past: Past) -> Iterator[Connection]:
    """Open a transaction of a superuser whom no trigger stops; what it tampers with is undone at the end."""
    address = past.database.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(address, options="-c session_replication_role=replica", row_factory=dict_row) as connection:
        yield connection
        connection.rollback()


def tamper(books: Connection, *statements: str) -> None:
    for statement in statements:
        assert books.execute(statement.encode()).rowcount != 0, "a tampering that touches nothing"


async def _write(url: str, keys: Path) -> dict[str, str]:
    word = postgres.role_password(url)
    settings = Settings(environment=Environment.TEST, database_url=url, role_password=word, keys=keys)
    async with house.opened(settings) as opened:
        await _story(opened)
        return opened.keys.audit.public_jwk


async def _story(opened: House) -> None:
    payer, payee, bank = await _accounts(opened)

    def post(debit: AccountId, credit: AccountId, minor: int) -> Post:
        return Post(id=TransferId(ids.new()), debit=debit, credit=credit, money=Money(minor, KZT), code="test.post")

    spent, given_up, open_hold = (HoldId(ids.new()) for _ in range(3))
    await _move(opened, [post(bank, payer, 1_000_00), post(bank, payee, 500_00)])
    await _relay(opened)
    await _move(opened, [post(payer, payee, 10_00 + n) for n in range(5)])
    await _move(
        opened,
        [
            Hold(id=hold, debit=payer, credit=bank, money=Money(20_00, KZT), code="test.hold")
            for hold in (spent, given_up, open_hold)
        ],
    )
    await _move(
        opened,
        [
            Capture(id=TransferId(ids.new()), hold=spent, money=Money(15_00, KZT), code="test.capture"),
            Release(id=TransferId(ids.new()), hold=given_up, code="test.void"),
        ],
    )
    await _relay(opened)


async def _accounts(opened: House) -> tuple[AccountId, AccountId, AccountId]:
    async with db.transaction(opened.worker) as story:
        bank = await account.operator(
            await story(), lane=FIRST_LANE, purpose=Purpose.BANK, at=story.now, label="demo-altai"
        )
    wallets = []
    for _ in range(2):
        holder = ids.new()
        async with db.transaction(opened.api, holder=holder, audience="resident") as story:
            opened_wallet = await account.open_wallet(
                await story(),
                holder=holder,
                account=ids.new(),
                lane=FIRST_LANE,
                actor=f"resident:{holder}",
                at=story.now,
            )
        wallets.append(opened_wallet)
    return wallets[0], wallets[1], bank


async def _move(opened: House, moves: list[Move]) -> None:
    key = str(ids.new())
    reply = await opened.money.move(moves, lanes=[FIRST_LANE], claim=claim("test", key, key), render=plainly)
    assert b"refused" not in reply.stored.body


async def _relay(opened: House) -> None:
    while await outbox.step(opened):
        pass
    async with db.transaction(opened.worker) as story:
        last = (
            await (await story()).execute(
                sqlalchemy.text("SELECT position, hash FROM app.feed ORDER BY position DESC LIMIT 1")
            )
        ).one()
        signed = await (await story()).scalar(
            sqlalchemy.text("SELECT count(*) FROM app.tree_head WHERE position = :at"), {"at": last.position}
        )
        if not signed:
            await outbox.sign_head(opened, await story(), position=last.position, head=last.hash, now=story.now)
