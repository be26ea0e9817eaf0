"""A resident sees what counts against the limits of a card."""

import httpx
import pytest
from litestar import Litestar

from app.http import ids
from app.money import Money
from cards.card import Limits
from cards.payments.message import Operation
from tests.app.people import bearer, token
from tests.cards import made
from tests.cards.made import question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def test_a_resident_sees_what_is_spent_and_left(
    app: Litestar, client: httpx.AsyncClient, engines: Engines
) -> None:
    money = Money(engines.posting)
    card = await made.spender(engines, money, 10_000, Limits(per_day=kzt(1_000), per_month=kzt(9_000)))
    path = f"/v1/cards/{ids.show('card', card.id)}/spending"
    mine = bearer(await token(app, "resident", of=card.holder))
    unused = (await client.get(path, headers=mine)).json()["periods"]

    asked = question(card, 300)
    await tell(money, asked, question(card, 100, operation=Operation.CASH), taken_back(card, 50, asked.lifecycle))
    day, week, month, year = (await client.get(path, headers=mine)).json()["periods"]
    other = await client.get(path, headers=bearer(await token(app, "resident", of=made.card().holder)))

    assert [each["spent"]["amount_minor"] for each in unused] == [0] * 4
    cash = day["cash"]["amount_minor"]
    assert cash > 100_00  # with our fee
    assert day["spent"]["amount_minor"] == 250_00 + cash
    assert day["left"]["amount_minor"] == 750_00 - cash
    assert (day["payments"], day["withdrawals"]) == (2, 1)
    assert (week["limit"], week["left"], year["limit"]) == (None, None, None)
    assert month["limit"] == {"amount_minor": 9_000_00, "currency": "KZT"}
    assert [each["begins_at"][11:] for each in (day, week, month, year)] == ["19:00:00Z"] * 4
    assert other.status_code == 404
