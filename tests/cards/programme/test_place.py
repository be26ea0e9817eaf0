"""Caps: no race exceeds them, a closed card gives its place back, a lineage has one place."""

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType

import msgspec
import pytest
from sqlalchemy import text

from app import db, ids
from cards.card import Act, Card, Form
from cards.programme import order, place
from cards.programme.order import Order
from law.regime import CapReached, Caps, Regime
from tests.cards import made
from tests.conftest import Engines
from tests.planted import planted
from tests.wallet import ledgers

pytestmark = pytest.mark.asyncio

Orders = Callable[[Order, Regime], Awaitable[Card]]


async def somebody(engines: Engines, form: Form = Form.VIRTUAL) -> Order:
    holder = ids.new()
    return made.asked(holder, await ledgers.opened(engines.api, holder), form=form)


def another(request: Order, form: Form = Form.VIRTUAL) -> Order:
    return msgspec.structs.replace(request, card=ids.new(), form=form)


async def counted(engines: Engines) -> place.Taken:
    """Answer what is counted, which is what there really is."""
    async with engines.report.connect() as connection:
        row = (await connection.execute(_COUNTED)).one()
        taken = await place.taken(connection)
    assert taken == place.Taken(row.cards, row.holders)
    return taken


async def more(engines: Engines, before: place.Taken) -> tuple[int, int]:
    """Answer how many cards and holders there are more than before."""
    now = await counted(engines)
    return now.cards - before.cards, now.holders - before.holders


async def race(orders: Orders, requests: list[Order], programme: Regime) -> list[CapReached]:
    ended = await asyncio.gather(*(orders(request, programme) for request in requests), return_exceptions=True)
    assert all(isinstance(outcome, Card | CapReached) for outcome in ended), ended
    return [outcome for outcome in ended if isinstance(outcome, CapReached)]


async def test_the_caps_of_the_programme_are_never_exceeded_by_a_race(engines: Engines) -> None:
    before, requests = await counted(engines), [await somebody(engines) for _ in range(12)]
    most = before.cards + 5

    refusals = await race(lambda *asked: made.ordered(engines, *asked), requests, made.regime(cards=most))

    assert {(refused.cap, refused.most) for refused in refusals} == {("cards", most)}
    assert await more(engines, before) == (5, 5)


async def test_the_cap_of_participants_is_never_exceeded_by_a_race(engines: Engines) -> None:
    before = await counted(engines)
    most = before.holders + 3
    few = msgspec.structs.replace(made.regime(), caps=Caps(customers=most))
    people = [await somebody(engines) for _ in range(8)]
    requests = [each for request in people for each in (request, another(request))]

    refusals = await race(lambda *asked: made.ordered(engines, *asked), requests, few)

    assert {(refused.cap, refused.most) for refused in refusals} == {("customers", most)}
    assert await more(engines, before) == (6, 3)


async def test_the_cap_of_a_customer_is_never_exceeded_by_a_race(engines: Engines) -> None:
    request, few = await somebody(engines), made.regime(cards_per_customer=2)

    refusals = await race(lambda *asked: made.ordered(engines, *asked), [another(request) for _ in range(10)], few)

    assert [refused.cap for refused in refusals] == ["cards_per_customer"] * 8


async def test_a_race_would_exceed_the_cap_if_places_were_counted_without_the_lock(engines: Engines) -> None:
    """Control of the three above: a count read before the lock is waited for is an old one."""
    lax: ModuleType = planted(order, '"""An order: ', '"""An order, with a defect: ')
    vars(lax)["place"] = planted(
        place,
        "UPDATE cards.circulation SET alive = alive + 1 RETURNING alive, holders",
        "WITH old AS (SELECT alive + 1 AS alive, holders FROM cards.circulation),"
        " written AS (UPDATE cards.circulation SET alive = alive + 1) SELECT * FROM old",
    )

    async def orders(request: Order, programme: Regime) -> Card:
        async with db.transaction(engines.api, holder=request.holder.id, audience="resident") as story:
            done: Card = await lax.order(await story(), request, made.issuing(request.holder.id, programme))
            return done

    most = (await counted(engines)).cards + 5
    refusals = await race(orders, [await somebody(engines) for _ in range(12)], made.regime(cards=most))

    assert len(refusals) < 7


async def test_orders_and_closings_at_once_keep_the_count(engines: Engines) -> None:
    before, people = await counted(engines), [await somebody(engines) for _ in range(4)]
    first = [await made.ordered(engines, request) for request in people]
    second = [await made.ordered(engines, another(request)) for request in people[:2]]

    await asyncio.gather(
        *(made.act(engines, card, Act.CLOSE) for card in (*first, *second)),
        *(made.ordered(engines, another(request)) for request in people[2:]),
    )

    assert await more(engines, before) == (2, 2)


async def test_a_closed_card_gives_its_place_back(engines: Engines) -> None:
    before = await counted(engines)
    caps = Caps(customers=before.holders + 1, cards=before.cards + 1, cards_per_customer=1)
    one = msgspec.structs.replace(made.regime(), caps=caps)
    request = await somebody(engines)
    await made.act(engines, await made.ordered(engines, request, one), Act.CLOSE)

    await made.ordered(engines, another(request), one)

    assert await more(engines, before) == (1, 1)


@pytest.mark.parametrize(("once", "most"), [(True, 2), (False, 1)])
async def test_a_virtual_and_a_plastic_card_may_count_as_one_product(
    engines: Engines,
    once: bool,
    most: int,
) -> None:
    regime = made.regime(cards_per_customer=1)
    pair = msgspec.structs.replace(regime, policy=msgspec.structs.replace(regime.policy, pair_counts_once=once))
    request = await somebody(engines)
    requests = [another(request), another(request, Form.PLASTIC), another(request), another(request, Form.PLASTIC)]

    refusals = await race(lambda *asked: made.ordered(engines, *asked), requests, pair)

    assert len(requests) - len(refusals) == most


async def test_a_card_of_another_processor_takes_and_gives_back_no_place(engines: Engines, database: str) -> None:
    before, request = await counted(engines), await somebody(engines)
    card = await made.ordered(engines, request)
    async with made.owner(database) as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(_ELSEWHERE, {"card": card.id})
        await connection.execute(text("UPDATE cards.circulation SET alive = alive - 1, holders = holders - 1"))

    await made.act(engines, card, Act.CLOSE)

    assert await more(engines, before) == (0, 0)


async def test_a_place_that_was_never_taken_is_not_given_back(engines: Engines) -> None:
    before, stranger = await counted(engines), ids.new()

    async with db.transaction(engines.api, audience="service") as story:
        await place.leave(await story(), {stranger: stranger})

    assert await more(engines, before) == (0, 0)


_COUNTED = text(
    """
    SELECT count(*) AS cards, count(DISTINCT holder) AS holders FROM cards.card
    WHERE processor = 'own' AND NOT EXISTS (SELECT FROM cards.change WHERE card = card.id AND state = 'closed')
    """
)
_ELSEWHERE = text("UPDATE cards.card SET processor = 'elsewhere' WHERE id = :card")
