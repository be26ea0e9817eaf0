"""Promises to merchants end when their time is over, whatever the clock did meanwhile; so do loans, with the day."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from app.cards import work
from app.house import House
from cards.payments import expiry
from cards.payments.message import Lapse
from cards.programme import term
from law import calendar
from simulators.card_network import Network
from simulators.purchase import Step
from tests.app.cards import test_cards
from tests.app.cards.test_cards import available, forward, number, ordered, someone, swipe
from tests.partners import outside

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


@pytest.mark.asyncio
async def test_what_was_lent_is_asked_back_at_midnight_in_kazakhstan(
    app: Litestar, client: httpx.AsyncClient, network: Network
) -> None:
    me = await someone(app)
    has = await available(client, me)
    card = await ordered(client, me)
    bought = await swipe(network, await number(client, me, card), 300)

    await network.clear(bought, Step(amount_minor=(has + 200) * 100))

    [lent] = await outside.rows(app.state.house, _LENT, holder=me.subject)
    tomorrow = calendar.statutory_date(lent.at) + timedelta(days=1)
    assert (lent.short_minor, lent.due_at) == (200_00, calendar.day_starts(tomorrow))


_LENT = """
SELECT element.at, element.short_minor, loan.due_at FROM cards.loan JOIN cards.payment ON payment.id = loan.payment
JOIN cards.element ON element.lane = loan.lane AND element.payment = loan.payment AND element.short_minor > 0
WHERE payment.holder = :holder
"""
