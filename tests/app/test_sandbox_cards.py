"""What testers do to cards: each operation of the sandbox, and what comes of it in the wallet."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from app.house import House
from app.http import ids
from tests.app.network import lines
from tests.app.people import keyed, token

pytestmark = pytest.mark.asyncio
START = 1_000_000


class Merchants:
    """Somebody who tests from outside, with a card to do it to."""

    def __init__(self, client: httpx.AsyncClient, named: str, house: House, who: lines.Cardholder) -> None:
        self._client, self._token, self._house, self._who = client, named, house, who
        self.card = ids.show("card", who.card.id)

    @classmethod
    async def with_card(cls, app: Litestar, client: httpx.AsyncClient, *, identified: bool = False) -> "Merchants":
        house: House = app.state.house
        who = await (lines.resident(house, 7_301) if identified else lines.cardholder(house))
        return cls(client, await token(app, "service"), house, who)

    async def send(self, path: str, *, key: str | None = None, **body: Any) -> httpx.Response:  # noqa: ANN401  any JSON
        headers = keyed(self._token, key)
        return await self._client.post(f"/v1/sandbox/{path}", json=body, headers=headers)

    async def post(self, path: str, *, key: str | None = None, **body: Any) -> Any:  # noqa: ANN401  any JSON
        answer = await self.send(path, key=key, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def authorizes(self, tenge: int, **more: Any) -> Any:  # noqa: ANN401  any JSON
        return await self.post("card-authorizations", card_id=self.card, amount_minor=tenge * 100, **more)

    async def goes_on(self, payment: Any, step: str, tenge: int | None = None, **more: Any) -> Any:  # noqa: ANN401  any JSON
        amount: dict[str, Any] = {} if tenge is None else {"amount_minor": tenge * 100}
        return await self.post(f"card-payments/{payment['payment_id']}/{step}", **amount, **more)

    async def spent(self) -> tuple[int, int]:
        """Say how much less the wallet owns, and how much of it is set aside."""
        owns, held = await lines.balance(self._house, self._who)
        return START - owns, held


async def test_a_payment_is_simulated_from_the_question_to_the_refund(app: Litestar, client: httpx.AsyncClient) -> None:
    them = await Merchants.with_card(app, client, identified=True)

    hotel = await them.authorizes(10_000, estimated=True, merchant={"category": "7011", "name": "Hotel"})
    assert (hotel["approved"], hotel["code"], hotel["approved_minor"]) == (True, "00", 10_000_00)
    await them.goes_on(hotel, "increments", 5_000)
    await them.goes_on(hotel, "reversals", 1_000)
    await them.goes_on(hotel, "captures", 4_000, final=False)
    assert (await them.spent())[0] == 4_000
    await them.goes_on(hotel, "captures")
    assert await them.spent() == (14_000, 0)
    await them.goes_on(hotel, "refunds", 2_000)
    assert await them.spent() == (12_000, 0)


async def test_what_nobody_asked_for_is_simulated_too(app: Litestar, client: httpx.AsyncClient) -> None:
    them = await Merchants.with_card(app, client)
    about: dict[str, Any] = {"card_id": them.card, "amount_minor": 3_000_00}

    assert (await them.post("card-captures", **about))["approved"]
    assert (await them.post("card-refunds", **about))["approved"]
    assert await them.spent() == (0, 0)
    assert (await them.post("card-advices", **about))["approved"]
    assert await them.spent() == (0, 3_000)
    asked = await them.post("card-balance-inquiries", card_id=them.card)
    assert (asked["approved"], asked["available_minor"]) == (True, (START - 3_000) * 100)
    await them.post("card-captures", card_id=them.card, amount_minor=START * 100)
    asked = await them.post("card-balance-inquiries", card_id=them.card)
    assert (asked["approved"], asked["available_minor"]) == (True, 0), "nothing is an answer"


async def test_a_promise_ends_when_a_tester_says_so_and_once(app: Litestar, client: httpx.AsyncClient) -> None:
    them = await Merchants.with_card(app, client)
    asked = await them.authorizes(1_000)

    assert (await them.goes_on(asked, "expirations"))["approved"]
    assert await them.spent() == (0, 0)
    again = await them.goes_on(asked, "expirations")
    assert (again["approved"], again["code"]) == (False, "25")
    nothing = await them.goes_on(asked, "captures")
    assert (nothing["approved"], nothing["code"]) == (False, "25")
    fuel = await them.authorizes(100, estimated=True, merchant={"category": "5542"})
    await them.goes_on(fuel, "confirmations", 40)
    await them.goes_on(fuel, "captures")
    assert await them.spent() == (40, 0)


async def test_a_refusal_says_every_reason_and_a_repeat_the_same(app: Litestar, client: httpx.AsyncClient) -> None:
    them = await Merchants.with_card(app, client)
    casino: dict[str, Any] = {"merchant": {"category": "7995"}, "key": "casino"}

    refused = await them.authorizes(START + 1, **casino)
    assert (refused["approved"], refused["code"]) == (False, "57")
    assert {"forbidden_merchant", "insufficient_funds"} <= set(refused["reasons"])
    assert await them.authorizes(START + 1, **casino) == refused
    other = await them.send("card-authorizations", key="casino", card_id=them.card, amount_minor=1)
    assert other.status_code == 422


async def test_a_card_is_put_into_a_wallet(app: Litestar, client: httpx.AsyncClient) -> None:
    them = await Merchants.with_card(app, client)

    asked = await them.post("card-tokens", card_id=them.card, device_score=5, account_score=5)

    assert asked["decision"] in {"approve", "otp"}
    assert asked["token_id"].startswith("token_")


async def test_what_is_not_there_is_not_found(app: Litestar, client: httpx.AsyncClient) -> None:
    operator = await token(app, "service")
    path = "/v1/sandbox/card-payments/payment_01M8286AAAAAAAAAAAAAAAAAAA/captures"

    assert (await client.post(path, json={}, headers=keyed(operator))).status_code == 404
