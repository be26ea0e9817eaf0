"""Every deed that the passkey confirms, over HTTP: what was signed is what is done, once, and nothing else.

`survey` is one list of attacks, run against each deed; the controls plant a defect and show that the survey sees it.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import ids
from app.auth import stepup
from app.auth.confirmed import Confirmations
from app.auth.operations import OPERATIONS
from app.settings import Settings
from cards.proofs import challenge
from simulators.passkey import challenge_of
from tests.app.deeds import ADDRESS, DEEDS, Actor, Deed, Json
from tests.app.people import residents
from tests.partners import outside
from tests.partners.investors import investor

pytestmark = pytest.mark.asyncio

AT_ONCE = 20
_ROOMS = frozenset({"transfer", "card", "card_token", "invest"})


@pytest_asyncio.fixture
async def actor(app: Litestar, settings: Settings, tmp_path: Path) -> AsyncIterator[Actor]:
    """Give a resident whom no other test knows, with money, a limited card and two people to pay."""
    async with outside.bank(app, tmp_path / "bank"), investor(app, settings, ids.new().int % 10**9) as mine:
        notice = await mine.phone.get("/v1/cards/notice")
        limits = {"per_payment_max_minor": 100_00, "per_day_max_minor": 900_00}
        card = await mine.phone.post("/v1/cards", {"accepted_notice": notice["version"], "limits": limits})
        yield Actor(mine, card, await residents(app, 2), app)


async def survey(app: Litestar, actor: Actor, operation: str) -> list[str]:
    """Try everything against one deed; names what was not as it should be."""
    prepare, effect = DEEDS[operation]
    faults = []

    async def refused(what: str, deed: Deed, step_up: Json | None, code: str) -> None:
        before = await actor.done(app)
        answer = await deed.ask(step_up)
        if answer.status_code != 403 or answer.json()["code"] != code or await actor.done(app) != before:
            faults.append(what)

    await refused("without", await prepare(actor), None, "step_up_required")
    for line in (await prepare(actor)).shown:
        deed = await prepare(actor)
        other = deed.shown | {line: _other(deed.shown[line])}
        await refused(line, deed, await actor.mine.phone.step_up(operation, other), "step_up_mismatch")
    for part in ("nonce", "text_version", "operation"):
        deed = await prepare(actor)
        await refused(part, deed, await _signed_other(actor, deed, part), "step_up_not_signed")
    deed = await prepare(actor)
    step_up = await actor.mine.phone.step_up(operation, deed.shown)
    before = await actor.done(app)
    answer = await deed.ask(step_up)
    if not answer.is_success or await actor.done(app) != _after(before, effect):
        faults.append(f"not done: {answer.text}")
    again = await deed.ask(step_up)
    if again.is_success != deed.repeats or await actor.done(app) != _after(before, effect):
        faults.append("done again")
    return faults


async def race(app: Litestar, actor: Actor, operation: str) -> bool:
    """Use one confirmation many times at once; says whether the deed was done once."""
    prepare, effect = DEEDS[operation]
    deed = await prepare(actor)
    step_up = await actor.mine.phone.step_up(operation, deed.shown)
    before = await actor.done(app)

    answers = await asyncio.gather(*(deed.ask(step_up) for _ in range(AT_ONCE)))

    assert {answer.status_code // 100 for answer in answers} <= {2, 4}, [answer.text for answer in answers]
    well = sum(answer.is_success for answer in answers)
    return (well == 1 or deed.repeats) and await actor.done(app) == _after(before, effect)


@pytest.mark.parametrize("operation", DEEDS)
async def test_what_was_confirmed_is_what_is_done_once(
    app: Litestar, actor: Actor, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each line that is tampered with is a question of a shop; how many there may be, test_card_challenges.py says.
    monkeypatch.setattr(challenge, "UNAGREED_MAX", 1_000)

    assert await survey(app, actor, operation) == []
    assert await race(app, actor, operation)


async def test_the_survey_sees_a_comparison_that_is_left_out(
    app: Litestar, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepup, "_compare", lambda *_: None)

    faults = await survey(app, actor, "transfer.send")

    assert {"payee", "amount_minor", "currency", "idempotency_key"} <= set(faults)


async def test_the_survey_sees_a_confirmation_that_is_not_used_up(
    app: Litestar, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: Confirmations) -> None:
        """Write nothing."""

    monkeypatch.setattr(Confirmations, "write", forget)

    assert "done again" in await survey(app, actor, "card.reveal")
    assert not await race(app, actor, "card.reveal")


@pytest.mark.parametrize("state", ["ordered", "shipped"])
async def test_where_the_heir_of_a_card_is_sent_is_confirmed_where_it_is_another_place(
    actor: Actor, state: str
) -> None:
    card = await actor.plastic(state)
    elsewhere = ADDRESS | {"lines": ["Hauptstr. 1"]}
    where = f"/v1/cards/{card['id']}/replacement"

    async def replaces(**more: Json) -> httpx.Response:
        return await actor.mine.phone.call("POST", where, body={"reason": "damaged", "address": ADDRESS, **more})

    shown = {"card": card["last4"], "card_id": card["id"], "address": "ANNA SCHMIDT, Hauptstr. 1, 10117 Berlin, DE"}
    here = shown | {"address": "ANNA SCHMIDT, Unter den Linden 5, 10117 Berlin, DE"}
    refused = [
        await replaces(address=elsewhere),
        await replaces(address=elsewhere, step_up=await actor.mine.phone.step_up("card.address", here)),
    ]
    confirmed = await replaces(address=elsewhere, step_up=await actor.mine.phone.step_up("card.address", shown))

    assert [answer.json()["code"] for answer in refused] == ["step_up_required", "step_up_mismatch"]
    assert confirmed.is_success, confirmed.text


async def test_the_heir_of_a_card_goes_where_the_card_went_without_the_passkey(actor: Actor) -> None:
    card = await actor.plastic("ordered")

    answer = await actor.mine.phone.call(
        "POST", f"/v1/cards/{card['id']}/replacement", body={"reason": "damaged", "address": ADDRESS}
    )

    assert answer.is_success, answer.text


async def test_every_deed_of_these_rooms_is_surveyed() -> None:
    rooms = {operation for operation in OPERATIONS if operation.split(".")[0] in _ROOMS}
    assert rooms == set(DEEDS)


def _other(value: str | int) -> str | int:
    return value + 1 if isinstance(value, int) else f"{value[:-1]}{'0' if value[-1] != '0' else '1'}"


def _after(before: Json, effect: Json) -> Json:
    return {name: count + effect.get(name, int(name == "confirmations")) for name, count in before.items()}


async def _signed_other(actor: Actor, deed: Deed, part: str) -> Json:
    """Sign as a phone that was shown another nonce, text or operation."""
    phone = actor.mine.phone
    begun = await phone.post("/v1/auth/step-ups", {"operation": deed.operation, "shown": deed.shown})
    other = challenge_of(begun | {part: "other"})
    return {"id": begun["id"], "credential": phone.sign(begun["options"] | {"challenge": other})}
