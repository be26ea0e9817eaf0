"""The relay: everything that happened gets one place in the feed, in order, linked and signed."""

import asyncio
from uuid import UUID

import msgspec
import pytest
import sqlalchemy
from sqlalchemy import pool, text

from app import db, ids, outbox
from app.house import House
from proof import chain, journal, signer
from tests.wallet.ledgers import AT, fresh, funded, kzt, move, opened, post
from wallet import tables

pytestmark = pytest.mark.asyncio


class Noted(msgspec.Struct, frozen=True, tag="test.noted"):
    number: int


async def note(house: House, aggregate: UUID, *numbers: int, holder: UUID | None = None) -> None:
    async with db.transaction(house.worker) as story:
        facts = [
            journal.Fact(aggregate=aggregate, holder=holder, at=AT, actor="test", event=Noted(number))
            for number in numbers
        ]
        await journal.append(await story(), tables.event, *facts)


async def relayed(house: House) -> int:
    total = 0
    while found := await outbox.step(house):
        total += found
    return total


async def feed(house: House) -> list[outbox.Item]:
    async with house.report.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM app.feed ORDER BY position"))).mappings()
        names = outbox.Item.__struct_fields__
        return [
            outbox.Item(**{name: row[name] for name in names if name != "hash"}, hash=row["hash"].hex()) for row in rows
        ]


async def test_events_of_one_thing_keep_their_order_and_positions_have_no_gap(house: House) -> None:
    thing, other = ids.new(), ids.new()
    await note(house, thing, 1, 2)
    await relayed(house)
    await note(house, other, 10)
    await note(house, thing, 3)

    await relayed(house)

    found = await feed(house)
    assert [item.position for item in found] == list(range(1, len(found) + 1))
    mine = [item for item in found if item.aggregate == thing]
    assert [(item.version, item.body["number"]) for item in mine] == [(1, 1), (2, 2), (3, 3)]
    assert {item.kind for item in mine} == {"test.noted"}


async def test_what_was_rolled_back_leaves_no_place_behind(house: House) -> None:
    await relayed(house)
    before = len(await feed(house))

    async def fails() -> None:
        async with db.transaction(house.worker) as story:
            fact = journal.Fact(aggregate=ids.new(), at=AT, actor="test", event=Noted(1))
            await journal.append(await story(), tables.event, fact)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    await note(house, ids.new(), 2)
    await relayed(house)

    found = await feed(house)
    assert len(found) == before + 1
    assert found[-1].position == before + 1


async def test_of_two_relays_one_works_and_nothing_is_relayed_twice(house: House) -> None:
    things = [ids.new() for _ in range(30)]
    for thing in things:
        await note(house, thing, 1)

    await asyncio.gather(*(relayed(house) for _ in range(4)))
    await relayed(house)

    found = [item.aggregate for item in await feed(house)]
    assert sorted(aggregate for aggregate in found if aggregate in things) == sorted(things)


async def test_a_transfer_shows_in_the_feeds_of_both_sides(house: House) -> None:
    payer_holder, payee_holder = ids.new(), ids.new()
    payer, payee = await opened(house.api, payer_holder), await opened(house.api, payee_holder)
    [source] = await funded(house.api, house.posting, house.money, [50])
    await move(house.money, post(source, payer, kzt(20)))
    await move(house.money, post(payer, payee, kzt(5)), named=fresh())

    await relayed(house)

    found = [item for item in await feed(house) if item.source == "ledger"]
    assert [item.body["side"] for item in found if item.holder == payer_holder] == ["credit", "debit"]
    assert [item.body["amount_minor"] for item in found if item.holder == payee_holder] == [5_00]
    assert [item.version for item in found if item.aggregate == payer] == [1, 2]


async def test_the_chain_holds_and_its_head_is_signed(house: House) -> None:
    await note(house, ids.new(), 1, 2, 3)
    await relayed(house)

    found = await feed(house)
    heads = [bytes.fromhex(item.hash) for item in found]
    outbox.FEED.verify(outbox.FEED.genesis, [outbox.entry(item) for item in found], heads)
    async with house.report.connect() as connection:
        head = (await connection.execute(text("SELECT * FROM app.tree_head ORDER BY position DESC LIMIT 1"))).one()
    assert head.hash == heads[head.position - 1]
    message = chain.encode("tree-head/v1", head.position, head.hash, head.at)
    assert signer.verify(house.keys.audit.public_jwk, message, head.signature)


@pytest.mark.parametrize(
    "statement", ["UPDATE app.feed SET actor = 'x'", "DELETE FROM app.feed", "TRUNCATE app.feed CASCADE"]
)
async def test_the_feed_is_only_added_to_even_by_the_owner(house: House, statement: str) -> None:

    owner = sqlalchemy.create_engine(house.settings.database_url, poolclass=pool.NullPool)
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="history is only added to"), owner.begin() as connection:
        connection.execute(text(statement))
