"""A small past with something in every log: money in, between and on hold, an event of each room, attempts to get in.

It is relayed, signed and anchored over four minutes, the last anchor covering everything, and kept in a second place.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import sqlalchemy
from psycopg import sql
from sqlalchemy import text

import app.tables
import cards.tables
import invest.tables
import kyc.tables
import residency.credential.tables
import residency.tables
import wallet.tables
from app import anchor, clock, db, house, ids, outbox, sink
from app.auth.principal import Principal
from app.house import House
from app.money import FIRST_LANE, claim, plainly
from app.security import Kind
from app.settings import Environment, Settings
from law import calendar
from law.money import KZT, Money
from proof import journal
from residency.credential import issuing
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.issuing import Order
from residency.credential.transparency import log
from tests import postgres
from wallet import account, address, period, statement
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.transfer import (
    AccountId,
    Answer,
    Capture,
    Hold,
    HoldId,
    Move,
    Post,
    Refused,
    Release,
    Reverse,
    TransferId,
)

MINUTES = 4
_ROOMS = (
    app.tables,
    cards.tables,
    residency.credential.tables,
    invest.tables,
    kyc.tables,
    residency.tables,
    wallet.tables,
)


class Noted(msgspec.Struct, frozen=True, tag="test.noted"):
    number: int


class Past(msgspec.Struct, frozen=True):
    """The database that was written once, the public key it was signed with, and where its anchors are kept."""

    database: str
    audit_key: dict[str, str]
    kept: Path


async def write(url: str, folder: Path) -> Past:
    kept = folder / "anchors"
    settings = Settings(
        environment=Environment.TEST,
        database_url=url,
        role_password=postgres.role_password(url),
        keys=folder / "keys",
        anchor_folder=kept,
    )
    async with house.opened(settings) as opened:
        await _story(opened)
        return Past(url, opened.keys.audit.public_jwk, kept)


def unchecked(url: str) -> None:
    """Take away what keeps a superuser from writing anything at all: he can drop constraints as well."""
    with psycopg.connect(postgres.libpq(url), autocommit=True) as connection:
        found = connection.execute(
            """
            SELECT nspname, relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
            JOIN pg_namespace ON pg_namespace.oid = connamespace
            WHERE contype IN ('c', 'f') AND nspname IN ('app', 'credential', 'wallet')
            """
        ).fetchall()
        for schema, table, name in found:
            drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
            connection.execute(drop.format(sql.Identifier(schema, table), sql.Identifier(name)))


async def _story(opened: House) -> None:
    first = clock.real().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    payer, payee, bank = await _accounts(opened)

    def post(debit: AccountId, credit: AccountId, minor: int) -> Post:
        return Post(id=TransferId(ids.new()), debit=debit, credit=credit, money=Money(minor, KZT), code="test.post")

    spent, given_up, open_hold = (HoldId(ids.new()) for _ in range(3))
    spent_by = ids.new()
    await _move(opened, [post(bank, payer, 1_000_00), post(bank, payee, 500_00)])
    await _statement(opened, payer)
    await _issue(opened)
    await _minute(opened, first)
    await _move(opened, [post(payer, payee, 10_00 + n) for n in range(5)])
    await _note(opened)
    await _period(opened)
    await _minute(opened, first + timedelta(minutes=1))
    await _move(
        opened,
        [
            Hold(id=hold, debit=payer, credit=bank, money=Money(20_00, KZT), code="test.hold")
            for hold in (spent, given_up, open_hold)
        ],
    )
    await _minute(opened, first + timedelta(minutes=2))
    await _move(
        opened,
        [
            Capture(id=TransferId(spent_by), hold=spent, money=Money(15_00, KZT), code="test.capture"),
            Release(id=TransferId(ids.new()), hold=given_up, code="test.void"),
        ],
    )
    await _note(opened)
    back = Reverse(id=TransferId(ids.new()), of=TransferId(spent_by), code="test.back", money=Money(5_00, KZT))
    await _move(opened, [back])
    await _linked(opened, [post(payer, payee, 2_00), post(payee, payer, 1_00)])
    await _minute(opened, first + timedelta(minutes=3))
    while await sink.step(opened):
        pass


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
            await address.issue(
                await story(),
                account=opened_wallet,
                lane=FIRST_LANE,
                holder=holder,
                bank="999",
                actor=f"resident:{holder}",
                at=story.now,
            )
        wallets.append(opened_wallet)
    return wallets[0], wallets[1], bank


async def _period(opened: House) -> None:
    """Close a period, and think better of another one."""
    async with db.transaction(opened.api, audience="officer") as story:
        connection, today = await story(), calendar.statutory_date(story.now)
        one, other, at = "officer:1", "officer:2", story.now
        until = today - timedelta(days=9)
        closed = await period.propose(connection, period=ids.new(), until=until, actor=one, at=at)
        await period.approve(connection, closed.id, actor=other, at=at)
        proposed = await period.propose(connection, period=ids.new(), until=today, actor=one, at=at)
        await period.withdraw(connection, proposed.id, actor=one, at=at)


async def _statement(opened: House, wallet: AccountId) -> None:
    """Issue a statement of today so far."""
    async with db.transaction(opened.worker) as story:
        connection, today = await story(), calendar.statutory_date(story.now)
        holder = await connection.scalar(text("SELECT holder FROM wallet.account WHERE id = :id"), {"id": wallet})
    async with db.transaction(opened.api, holder=holder, audience="resident") as story:
        connection = await story()
        made = await statement.open_(
            connection,
            statement=ids.new(),
            code=ids.new().bytes,
            holder=holder,
            account=wallet,
            lane=FIRST_LANE,
            currency=KZT,
            period=statement.Period(today, today),
            letterhead=b"sealed",
            at=story.now,
        )
        await statement.issue(connection, made, actor=f"resident:{holder}")


async def _issue(opened: House) -> None:
    """Issue copies of two residents' credentials, each under a head of its own."""
    for copies in (3, 40):
        asked = Order(
            holder=ids.new(),
            configuration=CONFIGURATIONS["e_resident_sd_jwt"],
            device="test",
            copies=copies,
            made_at=clock.real(),
            expires_at=clock.real() + timedelta(days=1),
        )
        async with db.transaction(opened.api, holder=asked.holder, audience="resident") as story:
            connection, at = await story(), story.now
            reserved = await issuing.reserve(connection, asked, actor="test", at=at)
            signed = [f"copy.{number}~" for number in range(copies)]
            await log.append(connection, asked, reserved, signed, key="test", actor="test", at=at)
        async with db.transaction(opened.worker) as story:
            seal = opened.credentials.authority.log
            later = story.now + log.WAITS
            assert await log.merge(await story(), seal, url="test", now=later, at=clock.real()) == copies


async def _move(opened: House, moves: list[Move]) -> None:
    key = str(ids.new())
    reply = await opened.money.move(moves, lanes=[FIRST_LANE], claim=claim("test", key, key), render=plainly)
    assert b"refused" not in reply.stored.body


async def _linked(opened: House, moves: list[Move]) -> None:
    """Let moves happen together or not at all."""

    async def together(desk: Desk, groups: Sequence[list[Move]]) -> Sequence[Answer]:
        await desk.load(side for move in moves if isinstance(move, Post) for side in (move.debit, move.credit))
        [answer] = [desk.group(group[0].id, group) for group in groups]
        assert not isinstance(answer, Refused)
        return answer[:1]

    key = str(ids.new())
    await opened.money.submit(together, [moves], lanes=[FIRST_LANE], claim=claim("test", key, key), render=plainly)


async def _note(opened: House) -> None:
    """Let something happen in every room, and at the door."""
    async with db.transaction(opened.worker) as story:
        for room in _ROOMS:
            fact = journal.Fact(aggregate=ids.new(), holder=ids.new(), at=story.now, actor="test", event=Noted(7))
            await journal.append(await story(), room.event, fact)
    officer = Principal(role="officer", subject=ids.new(), scopes=frozenset(), name="")
    for kind in Kind:
        opened.watch.note(kind, code="test", operation="doAnything", who=officer, address="192.0.2.1")
    await opened.watch.write()


async def _minute(opened: House, minute: datetime) -> None:
    """End a minute: everything is relayed, signed and anchored."""
    while await outbox.step(opened):
        pass
    async with db.transaction(opened.worker) as story:
        connection = await story()
        last = (
            await connection.execute(text("SELECT position, hash FROM app.feed ORDER BY position DESC LIMIT 1"))
        ).one()
        signed = sqlalchemy.text("SELECT count(*) FROM app.tree_head WHERE position = :at")
        if not await connection.scalar(signed, {"at": last.position}):
            await outbox.sign_head(opened, connection, position=last.position, head=last.hash, now=story.now)
        assert await anchor.state(connection, opened.keys.audit, opened.settings.issuer, minute)
