"""Promises to merchants end when their time is over, whatever the clock did meanwhile."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from app.cards import work
from app.house import House
from cards.payments import expiry
from cards.payments.message import Lapse
from cards.programme import term
from simulators.card_network import Network
from tests.app.cards import test_cards
from tests.app.cards.test_cards import available, forward, number, ordered, someone, swipe

network = test_cards.network


@pytest.mark.asyncio
async def test_a_promise_found_due_before_the_clock_was_set_back_ends_when_its_time_comes(
    app: Litestar, client: httpx.AsyncClient, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await someone(app)
    before = await available(client, me)
    await swipe(network, await number(client, me, await ordered(client, me)), 300)
    house: House = app.state.house
    await forward(house, term.TERMS[0].absent)
    find = expiry.due

    async def then_back(*about: Any, **bounds: Any) -> list[Lapse]:  # noqa: ANN401  as the original's
        found = await find(*about, **bounds)
        await forward(house, -term.TERMS[0].absent)
        return found

    monkeypatch.setattr(expiry, "due", then_back)
    assert await work.lapse(house) == 0
    monkeypatch.undo()
    assert await available(client, me) == before - 300

    await forward(house, term.TERMS[0].absent)
    assert await work.lapse(house) == 1
    assert await work.lapse(house) == 0
    assert await available(client, me) == before
