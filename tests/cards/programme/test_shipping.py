"""The way of a plastic card: one parcel at a time, and the card goes along."""

import pytest
import sqlalchemy

from app import db, ids
from app.money import Money
from cards import card as cards_card
from cards.card import Act, Card, Closing, Form, WrongState
from cards.programme import change, shipping
from cards.programme.shipping import Parcel, ParcelOnItsWay, State, UnknownParcel
from tests.cards import made
from tests.conftest import Engines
from tests.wallet import ledgers

pytestmark = pytest.mark.asyncio
HOME = cards_card.State


async def plastic(engines: Engines) -> Card:
    holder = ids.new()
    asked = made.asked(holder, await ledgers.opened(engines.api, holder), form=Form.PLASTIC)
    return await made.ordered(engines, asked)


async def address(engines: Engines, used: Card, sealed: bytes = b"somewhere") -> Parcel:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        card = await change.locked(await story(), used.id)
        return await shipping.address(await story(), card, ids.new(), sealed, at=made.AT)


async def carry(engines: Engines, used: Card, act: str) -> Card:
    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        card = await change.locked(connection, used.id)
        match act:
            case "ship":
                return await shipping.ship(
                    connection, card, carrier="kazpost", tracking=b"RR1", actor="officer", at=made.AT
                )
            case "deliver":
                return await shipping.deliver(connection, card, actor="officer", at=made.AT)
            case "return":
                return await shipping.take_back(connection, card, actor="officer", at=made.AT)
            case _:
                return await shipping.give_up(connection, card, actor="officer", at=made.AT)


async def latest(engines: Engines, used: Card) -> Parcel:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        found, *_ = await shipping.of_card(await story(), used.id)
    return found


async def test_a_card_is_made_sent_delivered_and_activated(engines: Engines) -> None:
    card = await plastic(engines)
    await address(engines, card)

    card = await made.act(engines, card, Act.PERSONALISE)
    card = await carry(engines, card, "ship")
    sent = await latest(engines, card)
    card = await carry(engines, card, "deliver")
    card = await made.act(engines, card, Act.ACTIVATE)

    assert (sent.state, sent.carrier, sent.tracking) == (State.SHIPPED, "kazpost", b"RR1")
    assert (card.state, (await latest(engines, card)).state) == (HOME.ACTIVE, State.DELIVERED)
    assert await made.told(engines, card.id) == [
        "card.ordered",
        "card.personalising",
        "card.shipped",
        "card.delivered",
        "card.activated",
    ]


async def test_a_card_in_use_before_the_carrier_says_so_is_delivered_all_the_same(engines: Engines) -> None:
    card = await plastic(engines)
    await address(engines, card)
    card = await carry(engines, await made.act(engines, card, Act.PERSONALISE), "ship")
    card = await made.act(engines, card, Act.ACTIVATE)

    card = await carry(engines, card, "deliver")

    assert (card.state, (await latest(engines, card)).state) == (HOME.ACTIVE, State.DELIVERED)


async def test_what_comes_back_waits_for_another_address(engines: Engines) -> None:
    card = await plastic(engines)
    first = await address(engines, card)
    card = await carry(engines, await made.act(engines, card, Act.PERSONALISE), "ship")

    with pytest.raises(ParcelOnItsWay):
        await address(engines, card)
    card = await carry(engines, card, "return")
    with pytest.raises(UnknownParcel):
        await carry(engines, card, "ship")
    second = await address(engines, card, b"elsewhere")
    card = await carry(engines, card, "ship")

    assert second.id != first.id
    assert ((await latest(engines, card)).address, card.state) == (b"elsewhere", HOME.SHIPPED)


async def test_another_address_takes_the_place_of_the_first(engines: Engines, database: str) -> None:
    card = await plastic(engines)
    first = await address(engines, card)
    second = await address(engines, card, b"elsewhere")

    assert (await latest(engines, card)).id == second.id
    async with made.owner(database) as connection:
        state = await connection.scalar(
            sqlalchemy.text("SELECT state FROM cards.parcel WHERE id = :id"), {"id": first.id}
        )
    assert state == State.CANCELLED


async def test_a_card_nobody_could_be_brought_is_closed(engines: Engines) -> None:
    card = await plastic(engines)
    await address(engines, card)

    card = await carry(engines, card, "give up")

    assert (card.closed_for, (await latest(engines, card)).state) == (Closing.UNDELIVERABLE, State.CANCELLED)


async def test_a_virtual_card_is_sent_nowhere(engines: Engines, money: Money) -> None:
    with pytest.raises(WrongState):
        await address(engines, await made.spender(engines, money, 0))


async def test_a_card_without_an_address_is_not_sent(engines: Engines) -> None:
    card = await made.act(engines, await plastic(engines), Act.PERSONALISE)

    for act in ("ship", "deliver"):
        with pytest.raises(UnknownParcel):
            await carry(engines, card, act)


async def test_who_sends_sees_what_waits(engines: Engines) -> None:
    card = await plastic(engines)
    parcel = await address(engines, card)

    async with db.transaction(engines.api, audience="officer") as story:
        found = await shipping.waiting(await story(), after=None, limit=100)
        after = await shipping.waiting(await story(), after=parcel.id, limit=100)

    assert parcel in found
    assert parcel not in after
