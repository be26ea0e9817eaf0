"""The number and the PIN over HTTP: what the app does, what the network does, what neither can."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import clock, ids
from app.http import ids as public_ids
from cards.hsm import pinblock
from cards.hsm.material import Key, Material
from cards.hsm.pinblock import Format
from cards.hsm.port import Usage
from cards.programme import change
from cards.proofs import reveal
from cards.proofs.pan import Pan
from simulators import letter
from simulators.letter import DeviceKey
from tests.app import card_holders
from tests.app.card_holders import Holder, Network
from tests.app.people import bearer, residents

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Holder]:
    async with card_holders.holding(app, client) as found:
        yield found


@pytest_asyncio.fixture
async def network(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> Network:
    return await card_holders.network(app, client, tmp_path)


# -- the number --------------------------------------------------------------------------------------------------------


async def test_the_number_is_shown_once_to_one_key(holder: Holder) -> None:
    key, other = DeviceKey(), DeviceKey()
    asked = (await holder.post(f"{holder.path}/reveals", {"device_key": key.public})).json()
    number = f"/v1/card-reveals/{asked['id']}/number"

    first, second = await asyncio.gather(holder.post(number), holder.post(number))

    answers = sorted([first, second], key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["code"] == "look_spent"
    assert answers[0].headers["cache-control"] == "no-store"
    shown = key.open(answers[0].json()["jwe"])
    assert Pan(shown["pan"]).last4 == holder.card["last4"]
    assert len(shown["cvv2"]) == 3
    with pytest.raises(Exception, match=r".*"):
        other.open(answers[0].json()["jwe"])
    assert (await holder.events()).count("card.revealed") == 1


async def test_a_look_is_over_after_a_minute(holder: Holder) -> None:
    asked = (await holder.post(f"{holder.path}/reveals", {"device_key": DeviceKey().public})).json()
    look = public_ids.parse("reveal", asked["id"])
    async with holder.speaking() as story:
        db_, machine, now = await story(), await holder.machine(), clock.real()
        keys = holder.house.keys.kms
        with pytest.raises(reveal.LookSpent):
            await reveal.show(
                db_, look, hsm=machine, keys=keys, actor="", now=now + timedelta(seconds=61), at=story.now
            )
        shown = await reveal.show(
            db_, look, hsm=machine, keys=keys, actor="", now=now + timedelta(seconds=50), at=story.now
        )

    assert shown.number.last4 == holder.card["last4"]
    assert shown.number.digits not in repr(shown)


async def test_somebody_elses_look_is_no_look(holder: Holder, app: Litestar, client: httpx.AsyncClient) -> None:
    [stranger] = await residents(app, 1, start=ids.new().int % 10**9)
    asked = (await holder.post(f"{holder.path}/reveals", {"device_key": DeviceKey().public})).json()

    answer = await client.post(f"/v1/card-reveals/{asked['id']}/number", headers=bearer(stranger.access_token))

    assert (answer.status_code, answer.json()["code"]) == (409, "look_spent")


async def test_a_number_is_not_asked_for_all_day_nor_for_what_is_no_key(holder: Holder) -> None:
    bad = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
    refused = await holder.post(f"{holder.path}/reveals", {"device_key": bad})
    now, card = clock.real(), public_ids.parse("card", holder.card["id"])
    async with holder.speaking() as story:
        connection = await story()
        mine = await change.locked(connection, card)
        for _ in range(reveal.PER_DAY_MAX):
            await reveal.grant(connection, mine, "{}", look=ids.new(), now=now - timedelta(hours=23))
        with pytest.raises(reveal.TooManyLooks):
            await reveal.grant(connection, mine, "{}", look=ids.new(), now=now)
        await reveal.grant(connection, mine, "{}", look=ids.new(), now=now + timedelta(hours=2))

    assert (refused.status_code, refused.json()["code"]) == (422, "bad_device_key")


# -- the PIN -----------------------------------------------------------------------------------------------------------


async def test_a_pin_is_set_by_a_letter_and_never_told(holder: Holder) -> None:
    assert (await holder.get(f"{holder.path}/pin"))["standing"] == "not_set"

    answer = await holder.set_pin("5927")

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["standing"], told["tries_left"]) == ("ok", 3)
    assert "5927" not in answer.text.replace(told["set_at"], "")


async def test_pins_that_are_weak_and_letters_about_other_cards_are_refused(holder: Holder) -> None:
    other = public_ids.show("card", ids.new())

    assert (await holder.set_pin("1984")).json()["code"] == "weak_pin"
    assert (await holder.set_pin(holder.card["last4"])).json()["code"] == "weak_pin"
    assert (await holder.set_pin("5927", card_id=other)).json()["code"] == "bad_letter"
    answer = await holder.set_pin("592")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_letter")


async def test_the_key_of_letters_changes_and_the_last_one_still_opens(holder: Holder) -> None:
    before = (await holder.get("/v1/card-keys"))["keys"]
    made = await holder.house.card_keys.rotate(Usage.LETTERS)

    # It makes nothing until every process has had time to find it.
    assert (await holder.get("/v1/card-keys"))["keys"] == before
    machine = await holder.machine()
    machine.admit([made])
    after = (await holder.get("/v1/card-keys"))["keys"]
    assert after == [machine.letter_keys()[0], before[0]]
    written = letter.about_pin(before, holder.card["id"], "5927")
    assert (await holder.post(f"{holder.path}/pin", {"letter": written})).status_code == 200


async def test_a_pin_is_changed_at_a_terminal_by_who_knows_it(holder: Holder, network: Network) -> None:
    await holder.set_pin("5927")
    await holder.house.card_keys.enter(network.name, [b"\1" * 32, b"\2" * 32], check_value())
    key = (await holder.house.card_keys.rotate(Usage.ZONE_PIN, network.name)).value
    pan = (await holder.shown())["pan"]

    def block(pin: str) -> str:
        return pinblock.encode(Format.ISO_4, key, pin, pan).hex().upper()

    async def change(old: str, new: str) -> Any:  # noqa: ANN401  an answer
        return (await network.say("pin-changes", {"pan": pan, "old": block(old), "new": block(new)})).json()

    assert await change("5926", "8046") == {"outcome": "wrong"}
    assert await change("5927", "8046") == {"outcome": "done"}
    assert (await change("8046", "1234"))["code"] == "weak_pin"
    assert [await change("5927", "6048") for _ in range(3)] == [
        {"outcome": "wrong"},
        {"outcome": "wrong"},
        {"outcome": "blocked"},
    ]
    assert await change("8046", "6048") == {"outcome": "blocked"}

    assert (await holder.get(f"{holder.path}/pin"))["standing"] == "blocked"
    assert (await holder.post(f"{holder.path}/pin/unblocking")).json()["tries_left"] == 3
    assert (await holder.post(f"{holder.path}/pin/unblocking")).json()["code"] == "pin_not_blocked"
    assert await change("8046", "6048") == {"outcome": "done"}


async def test_many_terminals_at_once_get_three_tries(holder: Holder, network: Network) -> None:
    await holder.set_pin("5927")
    await holder.house.card_keys.enter(network.name, [b"\1" * 32, b"\2" * 32], check_value())
    key = (await holder.house.card_keys.rotate(Usage.ZONE_PIN, network.name)).value
    pan = (await holder.shown())["pan"]
    new = pinblock.encode(Format.ISO_4, key, "6048", pan).hex().upper()

    async def guess(pin: str) -> str:
        old = pinblock.encode(Format.ISO_4, key, pin, pan).hex().upper()
        return str((await network.say("pin-changes", {"pan": pan, "old": old, "new": new})).json()["outcome"])

    outcomes = await asyncio.gather(*(guess(f"{number:04d}") for number in range(5920, 5926)))

    assert sorted(outcomes) == ["blocked"] * 4 + ["wrong"] * 2
    assert await guess("5927") == "blocked"


def check_value() -> str:
    """Answer what the keepers of the two parts compare."""
    return Material(Key(Usage.ZONE_KEYS, "z", 1), "A", b"\3" * 32, clock.real()).check_value
