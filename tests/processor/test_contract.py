"""What every card processor does with cards, ours and Stripe's, asked as residents ask: over the routes, by the worker.

The port is cards/processing/processor.py; `tests/processor/worlds.py` says who is at the other end.
"""

import pytest
from sqlalchemy.exc import OperationalError

from app import db, ids
from app.cards import processors
from app.http import ids as public_ids
from cards.programme import change, renewal
from residency import status
from tests.processor.acts import World, card, tries
from tests.processor.worlds import ADDRESS, Ours, Theirs

pytestmark = pytest.mark.asyncio


# -- once --------------------------------------------------------------------------------------------------------------


async def test_the_same_key_is_the_same_card(world: World) -> None:
    named = str(ids.new())

    first, again = await world.orders(named), await world.orders(named)

    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert [each["id"] for each in await world.cards()] == [first.json()["id"]]


async def test_a_key_with_other_content_is_refused_and_changes_nothing(world: World) -> None:
    mine, named = await card(world), str(ids.new())
    await world.does("POST", f"/v1/cards/{mine['id']}/freeze", **{"Idempotency-Key": named})

    other = await world.says("POST", f"/v1/cards/{mine['id']}/close", **{"Idempotency-Key": named})

    assert other.status_code == 422
    assert (await world.turns(mine, "unfreeze"))["state"] == "active"


async def test_a_lost_answer_is_asked_for_again_and_it_happened_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, named = await card(world), str(ids.new())

    silence(world, monkeypatch)
    lost = await world.says("POST", f"/v1/cards/{mine['id']}/freeze", **{"Idempotency-Key": named})
    monkeypatch.undo()
    await due(world)
    found = await world.does("POST", f"/v1/cards/{mine['id']}/freeze", **{"Idempotency-Key": named})

    assert lost.status_code == (503 if isinstance(world, Ours) else 200)
    assert found["frozen"]
    assert (await world.reads(mine))["version"] == mine["version"] + 1
    assert not await tries(world, mine)


def silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the next answer: Stripe's on its way, or that of our own database to a commit."""
    if isinstance(world, Theirs):
        world.fake.lose = 1
        return
    commit, left = db.Story.commit, [1]

    async def lost(story: db.Story) -> None:
        await commit(story)
        if left:
            left.pop()
            raise OperationalError("COMMIT", {}, ConnectionError("gone"))

    monkeypatch.setattr(db.Story, "commit", lost)


async def due(world: World) -> None:
    """Have what waits to be asked again be due."""
    async with world.house.worker.begin() as connection:
        await connection.exec_driver_sql("UPDATE cards.command SET due_at = now() WHERE due_at IS NOT NULL")
    await world.settles()


# -- the life of a card ------------------------------------------------------------------------------------------------


async def test_a_card_pays_while_it_may_be_used_and_never_again_once_it_is_closed(world: World) -> None:
    mine = await card(world)

    async def after(how: str) -> bool:
        await world.turns(mine, how)
        return await tries(world, mine)

    assert await tries(world, mine)
    assert [await after(how) for how in ("freeze", "unfreeze", "close")] == [False, True, False]
    back = await world.says("POST", f"/v1/cards/{mine['id']}/unfreeze")
    assert back.json()["code"] == "card_state"


async def test_a_card_that_is_stopped_stays_so_whoever_says_it_again(world: World) -> None:
    mine = await card(world)
    await world.turns(mine, "freeze")

    again = await world.says("POST", f"/v1/cards/{mine['id']}/freeze")

    assert again.json()["code"] == "card_state"
    assert not await tries(world, mine)


@pytest.mark.parametrize("why", ["lost", "damaged"])
async def test_a_card_is_replaced_by_one_with_another_number_on_the_same_account(world: World, why: str) -> None:
    mine = await card(world)
    await world.sets("PATCH", mine, "", {"per_payment_max_minor": 50_00})
    named = str(ids.new())

    first = await world.does(
        "POST", f"/v1/cards/{mine['id']}/replacement", {"reason": why}, **{"Idempotency-Key": named}
    )
    again = await world.does(
        "POST", f"/v1/cards/{mine['id']}/replacement", {"reason": why}, **{"Idempotency-Key": named}
    )
    heir = await world.reads(first)

    assert first == again
    assert heir["replaces"] == mine["id"]
    assert heir["limits"]["per_payment_max_minor"] == 50_00
    assert (await world.reads(mine))["closed_for"] == ("lost" if why == "lost" else "replaced")
    assert not await tries(world, mine)
    assert (await tries(world, heir), await tries(world, heir, 60_00)) == (True, False)


async def test_only_e_residents_are_given_a_card_in_the_place_of_one(world: World) -> None:
    mine = await card(world)
    await stands(world, status.Act.SUSPEND)

    refused = await world.says("POST", f"/v1/cards/{mine['id']}/replacement", {"reason": "damaged"})
    await stands(world, status.Act.RESTORE)

    assert refused.json()["code"] == "not_e_resident"
    assert (await world.reads(mine))["state"] == "active"


async def stands(world: World, act: status.Act) -> None:
    """Have an officer change what the resident is."""
    async with db.transaction(world.house.worker) as story:
        connection = await story()
        [held] = await status.of_resident(connection, world.me.subject)
        await status.change(connection, held.id, act, at=story.now, by="officer", reason_code="not_confirmed")


async def test_who_asks_twice_is_told_which_card_is_coming(world: World) -> None:
    mine, made = await card(world, form="plastic", address=ADDRESS), ids.new()
    await world.sends(mine, "submitted")
    with pytest.raises(renewal.SuccessorExists) as told:  # noqa: PT012  both are asked in one transaction
        async with db.transaction(world.house.api, holder=world.me.subject, audience="resident") as story:
            by = await processors.asking(story, f"resident:{world.me.subject}")
            known = await change.locked(by.db, public_ids.parse("card", mine["id"]))
            asked = processors.of(world.house, world.code)
            await asked.replace(by, known, renewal.Cause.DAMAGED, made=made)
            await asked.replace(by, known, renewal.Cause.DAMAGED, made=ids.new())

    assert told.value.successor == made


async def test_a_card_is_renewed_in_its_last_days_only(world: World) -> None:
    mine = await card(world)

    early = await world.says("POST", f"/v1/cards/{mine['id']}/renewal")

    assert early.json()["code"] == "card_renewal_too_early"


async def test_plastic_is_made_sent_and_activated(world: World) -> None:
    mine = await card(world, form="plastic", address=ADDRESS)
    before = mine["state"], await tries(world, mine)

    await world.sends(mine, "submitted")
    await world.sends(mine, "shipped")
    [sent] = (await world.does("GET", f"/v1/cards/{mine['id']}/parcels"))["parcels"]
    await world.sends(mine, "delivered")
    arrived = (await world.reads(mine))["state"]
    active = await world.turns(mine, "activate")

    assert before == ("ordered", False)
    assert (sent["state"], sent["address"]["city"]) == ("shipped", "Berlin")
    assert (arrived, active["state"]) == ("inactive", "active")
    assert await tries(world, mine)


async def test_plastic_that_nobody_took_comes_back(world: World) -> None:
    mine = await card(world, form="plastic", address=ADDRESS)

    for stage in ("submitted", "shipped", "returned", "returned") if isinstance(world, Theirs) else (
        "submitted", "shipped", "returned"
    ):  # fmt: skip
        await world.sends(mine, stage)

    [parcel] = (await world.does("GET", f"/v1/cards/{mine['id']}/parcels"))["parcels"]
    assert (parcel["state"], (await world.reads(mine))["state"]) == ("undeliverable", "personalising")
    again = await world.says("PUT", f"/v1/cards/{mine['id']}/address", {"address": ADDRESS | {"city": "Bonn"}})
    if isinstance(world, Ours):
        assert again.json()["state"] == "waiting"
    else:
        assert again.json()["code"] == "not_at_this_processor", "Stripe sends a card once"


async def test_plastic_goes_elsewhere_until_it_is_made(world: World) -> None:
    mine = await card(world, form="plastic", address=ADDRESS)

    sent = await world.does("PUT", f"/v1/cards/{mine['id']}/address", {"address": ADDRESS | {"city": "Bonn"}})

    assert (sent["state"], sent["address"]["city"]) == ("waiting", "Bonn")
    if isinstance(world, Theirs):
        assert world.fake.objects[world.named(mine)]["shipping"]["address"]["city"] == "Bonn"
