"""Changes of a card by its holder, and what the database refuses whoever asks."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from app import db, ids
from app.money import Money
from cards import card as cards_card
from cards.card import Act, Card, Limits, State, UnknownCard, WrongState
from cards.payments.message import Channel, Operation
from cards.programme import change
from cards.programme.permission import Choice, Controls, Trip
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def limit(engines: Engines, used: Card, limits: Limits) -> Card:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        before = await change.locked(await story(), used.id)
        return await change.limit(await story(), before, limits, actor="resident", at=made.AT)


async def test_each_change_is_a_row_and_a_fact(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    card = await made.freeze(engines, await made.freeze(engines, card), frozen=False)
    card = await limit(engines, card, Limits(per_payment=kzt(50)))
    card = await made.act(engines, card, Act.CLOSE)

    assert await made.found(engines, card) == card
    assert (card.state, card.version, card.limits) == (State.CLOSED, 6, Limits(per_payment=kzt(50)))
    assert await made.told(engines, card.id) == [
        "card.ordered",
        "card.activated",
        "card.frozen",
        "card.unfrozen",
        "card.limited",
        "card.closed",
    ]


async def test_a_closed_card_changes_no_more(engines: Engines, money: Money) -> None:
    card = await made.act(engines, await made.spender(engines, money, 0), Act.CLOSE)

    with pytest.raises(WrongState):
        await limit(engines, card, Limits())
    with pytest.raises(WrongState):
        await made.freeze(engines, card)
    with pytest.raises(WrongState):
        await control(engines, card, Controls())
    with pytest.raises(WrongState):
        await travel(engines, card)


async def test_what_a_holder_permits_is_kept_whole(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)
    controls = Controls(
        countries=Choice(only=frozenset({"KZ", "DE"})),
        channels=Choice(never=frozenset({Channel.MAGSTRIPE, Channel.MOTO})),
        operations=Choice(never=frozenset({Operation.CASH})),
    )

    card = await control(engines, card, controls)
    card = await travel(engines, card, TRIP)
    card = await limit(engines, card, Limits(per_week=kzt(7), per_month=kzt(30), per_year=kzt(365)))

    assert await made.found(engines, card) == card
    assert (card.controls, card.trips, card.version) == (controls, (TRIP,), 5)
    assert (await made.told(engines, card.id))[2:] == ["card.controlled", "card.travelling", "card.limited"]


TRIP = Trip(countries=frozenset({"FR"}), begins=made.AT.date(), ends=made.EXPIRY)


async def control(engines: Engines, used: Card, controls: Controls) -> Card:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        before = await change.locked(await story(), used.id)
        return await change.control(await story(), before, controls, actor="resident", at=made.AT)


async def travel(engines: Engines, used: Card, *trips: Trip) -> Card:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        before = await change.locked(await story(), used.id)
        return await change.travel(await story(), before, trips, actor="resident", at=made.AT)


async def test_changes_at_the_same_time_pass_one_by_one(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    ended: Sequence[object] = await asyncio.gather(
        *(made.freeze(engines, card) for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Card) for outcome in ended) == 1
    assert sum(isinstance(outcome, WrongState) for outcome in ended) == 9


async def test_a_card_of_somebody_else_does_not_exist(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    async with db.transaction(engines.api, holder=ids.new(), audience="resident") as story:
        with pytest.raises(UnknownCard):
            await change.locked(await story(), card.id)
        assert await cards_card.of_holder(await story(), card.holder, after=None, limit=9) == []


CLOSED_DOORS = [
    ("UPDATE cards.change SET state = 'active'", "permission denied"),
    ("DELETE FROM cards.card", "permission denied"),
    ("INSERT INTO cards.payment (lane) VALUES (1)", "permission denied"),
    ("INSERT INTO cards.element (lane) VALUES (1)", "permission denied"),
    ("SELECT * FROM cards.promise", "permission denied"),
]


@pytest.mark.parametrize(("statement", "why"), CLOSED_DOORS)
async def test_the_api_cannot_rewrite_a_card_nor_make_up_a_payment(engines: Engines, statement: str, why: str) -> None:
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match=why):
        await execute(engines, statement)


async def execute(engines: Engines, statement: str) -> None:
    async with db.transaction(engines.api, audience="service") as story:
        await (await story()).execute(text(statement))


@pytest.mark.parametrize("table", ["card", "change", "payment", "element"])
@pytest.mark.parametrize(
    "statement", ["UPDATE cards.{} SET holder = holder", "DELETE FROM cards.{}", "TRUNCATE cards.{} CASCADE"]
)
async def test_history_stays_as_it_is_for_the_owner_too(database: str, table: str, statement: str) -> None:
    async with made.owner(database) as connection:
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="history is only added to"):
            await connection.execute(text(statement.format(table)))


async def test_no_element_is_told_twice_whatever_the_code_does(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 10)
    [answer] = await made.tell(money, made.question(card, 5))

    with pytest.raises(sqlalchemy.exc.IntegrityError, match="source"):
        await copy_element(engines, answer.payment)


async def copy_element(engines: Engines, payment: UUID) -> None:
    async with db.transaction(engines.posting) as story:
        await (await story()).execute(_COPY, {"payment": payment})


_COPY = text(
    """
    INSERT INTO cards.element (lane, payment, number, kind, source, amount_minor, at)
    SELECT lane, payment, number + 1, kind, source, amount_minor, at FROM cards.element WHERE payment = :payment
    """
)
