"""Wallets over HTTP: a network asks, the house decides, the holder shows a code, pauses and empties them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from tests.app import card_holders, card_numbers
from tests.app.card_holders import SHOP, Holder, Network

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Holder]:
    async with card_holders.holding(app, client) as found:
        yield found


@pytest_asyncio.fixture
async def network(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> Network:
    return await card_holders.network(app, client, tmp_path)


async def test_a_young_card_goes_into_a_wallet_by_a_code_from_the_app(holder: Holder, network: Network) -> None:
    number = await holder.shown()

    asked = await network.provision(number["pan"], cvv2=number["cvv2"])

    assert (asked["decision"], asked["state"], asked["reasons"]) == ("otp", "requested", ["young_card"])
    [mine] = await holder.tokens()
    code = (await holder.post(f"/v1/card-tokens/{mine['id']}/code")).json()["code"]
    reference = network.references[-1]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert await network.activate(reference, wrong) == {"state": "requested", "wrong": "wrong"}
    assert await network.activate(reference, code) == {"state": "active", "wrong": None}
    assert (await holder.post(f"/v1/card-tokens/{mine['id']}/code")).json()["code"] == "token_state"


async def test_three_wrong_codes_end_the_request(holder: Holder, network: Network) -> None:
    number = await holder.shown()
    await network.provision(number["pan"], cvv2=number["cvv2"])
    [mine] = await holder.tokens()
    code = (await holder.post(f"/v1/card-tokens/{mine['id']}/code")).json()["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    answers = [(await network.activate(network.references[-1], wrong))["wrong"] for _ in range(3)]

    assert answers == ["wrong", "wrong", "no_tries_left"]
    assert (await network.activate(network.references[-1], code))["wrong"] == "no_tries_left"


async def test_a_holder_pauses_resumes_and_empties_a_wallet(holder: Holder, network: Network) -> None:
    mine = await _active(holder, network)

    async def do(act: str) -> str:
        answer = (await holder.post(f"/v1/card-tokens/{mine}/{act}")).json()
        return str(answer.get("state") or answer["code"])

    assert [await do(act) for act in ("suspend", "suspend", "resume", "delete", "resume")] == [
        "suspended",
        "token_state",
        "active",
        "deleted",
        "token_state",
    ]
    kinds = [kind for kind in await holder.events() if kind.startswith("card_token.")]
    assert kinds == [
        "card_token.requested",
        "card_token.activated",
        "card_token.suspended",
        "card_token.activated",
        "card_token.deleted",
    ]


async def test_a_wallet_that_asks_again_gets_the_same_answer(holder: Holder, network: Network) -> None:
    number = await holder.shown()
    first = await network.provision(number["pan"], reference="DNI-1")
    assert await network.provision(number["pan"], reference="DNI-1") == first
    assert len(await holder.tokens()) == 1


async def test_somebody_who_keeps_trying_is_declined(holder: Holder, network: Network) -> None:
    number = await holder.shown()

    answers = [await network.provision(number["pan"]) for _ in range(6)]

    assert [each["decision"] for each in answers] == ["otp"] * 5 + ["decline"]
    assert "too_many" in answers[-1]["reasons"]


async def test_a_wallet_pays_where_it_may_and_while_it_may(holder: Holder, network: Network) -> None:
    mine = await _active(holder, network)
    number = await holder.shown()
    paid = network.pay_with(network.references[-1])
    behind = network.card(paid)
    assert behind is not None
    assert network.card(paid) is None  # a cryptogram is good once

    phone = await holder.phone(number)

    async def pay(channel: str, reference: str = behind.reference) -> object:
        return await network.pay(number, 100_00, channel, token=reference, chip=card_holders.held_to(phone, 100_00))

    assert behind.pan == number["pan"]
    assert await pay("token") is None
    # Its name is no secret: without a cryptogram it is nothing.
    assert await network.pay(number, 100_00, "token", token=behind.reference) == "not_proved"
    assert await network.pay(number, 100_00, "contactless", token=behind.reference) == "not_proved"
    assert await pay("recurring") == "token_elsewhere"
    assert await pay("token", "DNI-of-nobody") == "token_not_active"
    assert await network.pay(number, 100_00, "token") == "not_proved"
    await holder.post(f"/v1/card-tokens/{mine}/suspend")
    assert await pay("token") == "token_not_active"
    # Each lifts their own pause: a phone that is found again is no word of the holder's.
    assert await network.turn(behind.reference, "resume") == {"state": "suspended", "wrong": None}
    assert await network.turn(behind.reference, "suspend") == {"state": "suspended", "wrong": None}
    assert (await holder.post(f"/v1/card-tokens/{mine}/resume")).json()["paused_by"] == ["network"]
    assert (await holder.post(f"/v1/card-tokens/{mine}/resume")).json()["code"] == "token_state"
    assert await pay("token") == "token_not_active"
    assert await network.turn(behind.reference, "resume") == {"state": "active", "wrong": None}
    assert await pay("token") is None


async def test_a_token_of_a_shop_pays_that_shop_alone(holder: Holder, network: Network) -> None:
    number = await holder.shown()
    device = {"kind": "shop", "device_score": 5, "account_score": 5}
    await network.provision(number["pan"], cvv2=number["cvv2"], device=device, merchant_id=SHOP["id"])
    await _confirm(holder, network)

    phone = await holder.phone(number)

    async def pay(merchant: dict[str, str], channel: str) -> object:
        chip = card_holders.held_to(phone, 100_00) if channel == "contactless" else None
        return await network.pay(number, 100_00, channel, token=network.references[-1], chip=chip, merchant=merchant)

    assert await pay(SHOP, "recurring") is None
    assert await pay({**SHOP, "id": "M-1002"}, "recurring") == "token_elsewhere"
    assert await pay(SHOP, "contactless") == "token_elsewhere"


async def test_tokens_follow_a_card_that_is_replaced(holder: Holder, network: Network) -> None:
    await _active(holder, network)
    lost = (await holder.post(f"{holder.path}/replacement", {"reason": "lost"})).json()

    [mine] = await holder.tokens()

    assert (mine["card_id"], mine["state"]) == (lost["id"], "active")
    assert "card_token.followed" in await holder.events()
    number = await card_numbers.shown(holder.client, holder.token, lost)
    chip = card_holders.held_to(await holder.phone(number), 100_00)
    assert await network.pay(number, 100_00, "token", token=network.references[-1], chip=chip) is None


async def test_tokens_end_with_their_card(holder: Holder, network: Network) -> None:
    await _active(holder, network)

    await holder.post(f"{holder.path}/close")

    assert [each["state"] for each in await holder.tokens()] == ["deleted"]


async def _active(holder: Holder, network: Network) -> str:
    number = await holder.shown()
    await network.provision(number["pan"], cvv2=number["cvv2"])
    return await _confirm(holder, network)


async def _confirm(holder: Holder, network: Network) -> str:
    [mine] = await holder.tokens()
    code = (await holder.post(f"/v1/card-tokens/{mine['id']}/code")).json()["code"]
    assert (await network.activate(network.references[-1], code))["state"] == "active"
    return str(mine["id"])
