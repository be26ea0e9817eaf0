"""3-D Secure over HTTP: a shop asks, the holder agrees to what is shown, and that pays once."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.http import ids as public_ids
from cards.proofs import challenge
from tests.app import card_holders
from tests.app.card_holders import SHOP, Holder, Network

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Holder]:
    async with card_holders.holding(app, client) as found:
        yield found


@pytest_asyncio.fixture
async def network(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> Network:
    return await card_holders.network(app, client, tmp_path)


async def test_a_shop_asks_and_the_holder_agrees_to_what_is_shown(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    asked = await network.challenge(pan, 12_345_00, SHOP)
    [seen] = [each for each in await holder.challenges() if each["status"] == "asked"]

    answer = await holder.post(f"/v1/card-challenges/{seen['id']}/approval")

    assert (seen["merchant"], seen["amount_minor"], seen["currency"]) == ("Dostyk Books", 12_345_00, "KZT")
    assert answer.json()["status"] == "approved"
    result = await network.result(asked["transaction_id"], pan)
    assert (result["status"], result["eci"]) == ("approved", "05")
    assert len(base64.b64decode(result["authentication_value"])) == 20
    again = await holder.post(f"/v1/card-challenges/{seen['id']}/refusal")
    assert again.json()["code"] == "challenge_answered"


async def test_a_no_and_silence_prove_nothing(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    asked = await network.challenge(pan, 100_00, SHOP)
    assert (await network.result(asked["transaction_id"], pan))["authentication_value"] is None
    [seen] = await holder.challenges()

    await holder.post(f"/v1/card-challenges/{seen['id']}/refusal")

    result = await network.result(asked["transaction_id"], pan)
    assert (result["status"], result["eci"], result["authentication_value"]) == ("declined", "07", None)


async def test_a_yes_pays_once_that_shop_and_no_more_than_was_shown(holder: Holder, network: Network) -> None:
    number = await holder.shown()
    value = await _agreed(holder, network, number, 500_00)
    other = {**SHOP, "id": "M-1002"}

    async def pay(minor: int, value: str, **more: object) -> object:
        return await network.pay(number, minor, "ecommerce", authentication_value=value, **more)

    assert await pay(500_01, value) == "wrong_authentication"
    assert await pay(500_00, value, merchant=other) == "wrong_authentication"
    changed = base64.b64encode(base64.b64decode(value)[:-1] + b"\0").decode()
    assert changed == value or await pay(500_00, changed) == "wrong_authentication"
    assert await pay(10**9 * 100, value) == "wrong_authentication"
    assert await pay(499_00, value) is None
    assert await pay(499_00, value) == "wrong_authentication"


async def test_a_yes_that_was_not_used_for_want_of_money_can_be_used_again(holder: Holder, network: Network) -> None:
    number = await holder.shown()
    value = await _agreed(holder, network, number, 500_00)
    await holder.post(f"{holder.path}/freeze")
    assert await network.pay(number, 500_00, "ecommerce", authentication_value=value) == "card_frozen"

    await holder.post(f"{holder.path}/unfreeze")

    assert await network.pay(number, 500_00, "ecommerce", authentication_value=value) is None


async def test_a_shop_waits_ten_minutes(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    await network.challenge(pan, 100_00, SHOP)
    [seen] = await holder.challenges()
    async with holder.speaking() as story:
        asked = await challenge.find(await story(), public_ids.parse("challenge", seen["id"]))
        late = asked.expires_at
        with pytest.raises(challenge.ChallengeExpired):
            await challenge.answer(await story(), asked, approved=True, step_up=None, actor="", now=late, at=story.now)

    assert asked.expires_at - asked.asked_at == timedelta(minutes=10)
    assert asked.status(late) is challenge.Status.EXPIRED
    assert asked.status(late - timedelta(seconds=1)) is challenge.Status.ASKED


async def test_the_same_transaction_is_asked_once(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    first = await network.challenge(pan, 100_00, SHOP, transaction="ds-1")

    assert await network.challenge(pan, 100_00, SHOP, transaction="ds-1") == first
    assert (await network.challenge(pan, 100_01, SHOP, transaction="ds-1"))["code"] == "challenge_taken"


async def test_who_does_not_hold_the_card_is_not_asked(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    await holder.post(f"{holder.path}/freeze")

    assert (await network.challenge(pan, 100_00, SHOP))["code"] == "card_unusable"


async def test_who_does_not_agree_is_not_asked_for_ever(holder: Holder, network: Network) -> None:
    pan = (await holder.shown())["pan"]
    await _agreed(holder, network, {"pan": pan}, 100_00)
    asked = [await network.challenge(pan, 100_00, SHOP) for _ in range(challenge.UNAGREED_MAX)]
    assert all(each["status"] == "asked" for each in asked)

    assert (await network.challenge(pan, 100_00, SHOP))["code"] == "too_many_challenges"
    again = await network.challenge(pan, 100_00, SHOP, transaction=asked[0]["transaction_id"])
    assert again["status"] == "asked"


async def _agreed(holder: Holder, network: Network, number: dict[str, str], minor: int) -> str:
    asked = await network.challenge(number["pan"], minor, SHOP)
    [seen] = await holder.challenges()
    await holder.post(f"/v1/card-challenges/{seen['id']}/approval")
    return str((await network.result(asked["transaction_id"], number["pan"]))["authentication_value"])
