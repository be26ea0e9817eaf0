"""What every card processor lets a card do: payments, controls, secrets, disputes, whoever is at the other end."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app import clock, db, ids
from app.http import ids as public_ids
from cards.programme import verification
from law.calendar import statutory_date
from simulators.letter import DeviceKey
from simulators.portrait import grey_jpeg
from tests.app import people
from tests.processor.acts import World, card, tries
from tests.processor.worlds import Json, Ours, Theirs

pytestmark = pytest.mark.asyncio


# -- what a card may do ------------------------------------------------------------------------------------------------


async def test_what_a_payment_may_be_is_what_is_approved(world: World) -> None:
    mine = await card(world, limits={"per_payment_max_minor": 50_00})
    before = await tries(world, mine, 60_00)

    await world.sets("PATCH", mine, "", {"per_payment_max_minor": 100_00})

    assert (before, await tries(world, mine, 60_00), await tries(world, mine, 101_00)) == (False, True, False)


async def test_where_a_card_may_be_used_is_where_it_is(world: World) -> None:
    mine = await card(world)

    async def set_(**controls: Any) -> list[bool]:  # noqa: ANN401  choices
        await world.sets("PUT", mine, "/controls", {"controls": controls})
        where: list[dict[str, str]] = [{}, {"category": "5812"}, {"country": "TR"}]
        return [await tries(world, mine, 1_00, **at) for at in where]

    assert await set_() == [True, True, True]
    assert await set_(categories={"never": ["5942"]}) == [False, True, False], "the shop abroad sells books too"
    assert await set_(countries={"only": ["KZ"]}) == [True, True, False]
    trip = {"countries": ["TR"], **dict.fromkeys(("begins_on", "ends_on"), f"{statutory_date(clock.real())}")}
    await world.sets("PUT", mine, "/trips", {"trips": [trip]})
    assert await tries(world, mine, country="TR"), "on a journey"
    assert await set_() == [True, True, True]


async def test_what_the_holder_forbade_passes_once_where_they_allow_it(world: World) -> None:
    mine = await card(world)
    await world.sets("PUT", mine, "/controls", {"controls": {"countries": {"only": ["KZ"]}}})
    assert not await tries(world, mine, 30_00, country="TR")
    [declined] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments?status=declined"))["payments"]

    where = f"/v1/card-payments/{declined['id']}/allowance"
    await world.does("POST", where)
    twice = await world.says("POST", where)

    assert twice.json()["code"] == "payment_allowed_before"
    assert not await tries(world, mine, 30_01, country="TR"), "more than was asked"
    assert not await tries(world, mine, 30_00, country="TR", id="M-2002"), "somewhere else"
    assert await tries(world, mine, 30_00, country="TR")
    assert not await tries(world, mine, 30_00, country="TR"), "it was for once"


async def test_where_the_holder_travels_it_passes_for_as_long(world: World) -> None:
    mine = await card(world)
    await world.sets("PUT", mine, "/controls", {"controls": {"countries": {"only": ["KZ"]}}})
    assert not await tries(world, mine, 30_00, country="TR")
    [declined] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments?status=declined"))["payments"]
    today = statutory_date(clock.real())

    where = f"/v1/card-payments/{declined['id']}/allowance"
    late = await world.says("POST", where, {"until": f"{today + timedelta(days=93)}"})
    given = await world.does("POST", where, {"until": f"{today + timedelta(days=7)}"})

    assert declined["allow"] == {"countries": "TR"}
    assert (late.json()["code"], given["until"]) == ("no_such_time", f"{today + timedelta(days=7)}")
    assert [await tries(world, mine, 50_00, country="TR") for _ in range(2)] == [True, True]
    assert not await tries(world, mine, 1_00, country="DE")
    await world.does("POST", where, {"until": f"{today + timedelta(days=9)}"})
    [trip] = (await world.reads(mine))["trips"]
    assert trip == {"countries": ["TR"], "begins_on": f"{today}", "ends_on": f"{today + timedelta(days=9)}"}


async def test_a_kind_of_shop_that_stripe_itself_stops_is_not_allowed_once_there(world: World) -> None:
    mine = await card(world)
    assert await tries(world, mine, 1_00)
    [seen] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments"))["payments"]
    kind = seen["merchant"]["category"]
    await world.sets("PUT", mine, "/controls", {"controls": {"categories": {"never": [kind]}}})
    assert not await tries(world, mine, 30_00)
    [declined] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments?status=declined"))["payments"]

    allowed = await world.says("POST", f"/v1/card-payments/{declined['id']}/allowance")

    assert declined["allow"] == {"categories": kind}
    if isinstance(world, Ours):
        assert allowed.is_success, allowed.text
    else:
        assert allowed.json()["code"] == "not_at_this_processor"
    assert await tries(world, mine, 30_00) is isinstance(world, Ours)


async def test_nobody_allows_the_payment_of_somebody_else(world: World) -> None:
    mine = await card(world)
    await world.sets("PUT", mine, "/controls", {"controls": {"countries": {"only": ["KZ"]}}})
    await tries(world, mine, 30_00, country="TR")
    [declined] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments?status=declined"))["payments"]
    [other] = await people.residents(world.app, 1, start=ids.new().int % 10**9)

    where = f"/v1/card-payments/{declined['id']}/allowance"
    answer = await world.client.post(where, headers=people.keyed(other.access_token))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not await tries(world, mine, 30_00, country="TR")


# -- what nobody between may read --------------------------------------------------------------------------------------


async def test_a_pin_is_what_the_holder_sealed(world: World) -> None:
    mine = await card(world)
    sealed = await world.sealed(mine, "5927")

    said = await world.does("POST", f"/v1/cards/{mine['id']}/pin", {"letter": sealed})
    unblocked = await world.says("POST", f"/v1/cards/{mine['id']}/pin/unblocking")

    assert said["standing"] == ("ok" if isinstance(world, Ours) else "elsewhere")
    assert await world.does("GET", f"/v1/cards/{mine['id']}/pin") == said
    assert not await world.knows(mine, "5926")
    assert await world.knows(mine, "5927")
    assert unblocked.json()["code"] == ("pin_not_blocked" if isinstance(world, Ours) else "not_at_this_processor")


async def test_the_number_is_shown_by_who_has_it(world: World) -> None:
    mine = await card(world)
    look = {"device_key": DeviceKey().public}
    session = {"nonce": f"ephkn_{ids.new().hex}"}

    ours = await world.says("POST", f"/v1/cards/{mine['id']}/reveals", look)
    theirs = await world.says("POST", f"/v1/cards/{mine['id']}/sessions", session)

    given, refused = (ours, theirs) if isinstance(world, Ours) else (theirs, ours)
    assert given.is_success, given.text
    assert refused.json()["code"] == "not_at_this_processor"
    assert f" {world.code}" in refused.json()["detail"]


async def test_a_card_in_a_wallet_is_seen_paused_and_taken_out(world: World) -> None:
    mine = await card(world)

    await world.loads(mine)
    tokens = (await world.does("GET", "/v1/card-tokens"))["tokens"]
    [loaded] = [each for each in tokens if each["card_id"] == mine["id"]]
    paused = await world.does("POST", f"/v1/card-tokens/{loaded['id']}/suspend")
    resumed = await world.does("POST", f"/v1/card-tokens/{loaded['id']}/resume")
    gone = await world.does("POST", f"/v1/card-tokens/{loaded['id']}/delete")

    states = [each["state"] for each in (loaded, paused, resumed, gone)]
    assert states == ["active", "suspended", "active", "deleted"]
    assert (loaded["card_id"], paused["paused_by"]) == (mine["id"], ["holder"])
    if isinstance(world, Theirs):
        [theirs] = [each for each in world.fake.objects.values() if each["object"] == "issuing.token"]
        assert theirs["status"] == "deleted"


# -- purchases and disputes --------------------------------------------------------------------------------------------


async def test_money_is_promised_given_up_taken_and_given_back(world: World) -> None:
    mine = await card(world)
    had, held = await world.has()

    bought = await world.pays(mine, 100_00)
    promised = await world.has()
    await world.gives_up(bought, 30_00)
    less = await world.has()
    taken = await world.takes(bought, 60_00)
    after = await world.has()
    await world.gives_back(taken, 20_00)

    assert bought.approved
    assert (promised, less, after) == ((had, held + 100_00), (had, held + 70_00), (had - 60_00, held))
    assert await world.has() == (had - 40_00, held)


async def test_nobody_spends_more_than_they_have(world: World) -> None:
    mine = await card(world)
    had, held = await world.has()

    assert not await tries(world, mine, had - held + 1)
    assert await world.has() == (had, held)


async def disputed(world: World) -> Json:
    """Buy something, and say that it was taken twice."""
    mine = await card(world)
    await world.takes(await world.pays(mine, 50_00), 50_00)
    [payment] = (await world.does("GET", f"/v1/cards/{mine['id']}/payments"))["payments"]
    wrong = {"reason": "duplicate", "amount_minor": 50_00}
    opened: Json = await world.does("POST", f"/v1/card-payments/{payment['id']}/disputes", wrong)
    return opened


async def test_a_purchase_is_disputed_once_and_says_so(world: World) -> None:
    opened = await disputed(world)
    about = f"/v1/card-payments/{opened['payment_id']}"

    handed_in = await world.does("POST", f"/v1/disputes/{opened['id']}/submission")
    another = await world.says("POST", f"{about}/disputes", {"reason": "duplicate", "amount_minor": 1_00})

    assert handed_in["state"] == "submitted"
    assert not another.is_success
    [shown] = (await world.does("GET", about))["payment"]["disputes"]
    assert (shown["id"], shown["state"], shown["amount"]["amount_minor"]) == (opened["id"], "submitted", 50_00)


async def test_a_dispute_is_taken_back_where_that_can_be_done(world: World) -> None:
    opened, other = await disputed(world), await disputed_again(world)
    await world.does("POST", f"/v1/disputes/{opened['id']}/submission")

    filed = await world.says("POST", f"/v1/disputes/{opened['id']}/withdrawal")
    draft = await world.does("POST", f"/v1/disputes/{other['id']}/withdrawal")

    assert draft["state"] == "withdrawn"
    if isinstance(world, Ours):
        assert filed.json()["state"] == "withdrawn"
    else:
        assert filed.json()["code"] == "not_at_this_processor", "at Stripe what was submitted takes its course"


async def test_files_are_taken_as_long_as_somebody_there_looks_at_them(world: World) -> None:
    opened = await disputed(world)
    where = f"/v1/disputes/{opened['id']}/evidence"
    first = await world.says("POST", where, shot(300))
    await world.does("POST", f"/v1/disputes/{opened['id']}/submission")

    later = await world.says("POST", where, shot(400))

    assert first.status_code == 201, first.text
    if isinstance(world, Ours):
        assert later.status_code == 201, later.text
    else:
        assert later.json()["code"] == "not_at_this_processor", "Stripe hears of a dispute once"


def shot(width: int) -> Json:
    """Take a picture."""
    return {"kind": "receipt", "content": base64.b64encode(grey_jpeg(width, 300)).decode()}


async def disputed_again(world: World) -> Json:
    [mine] = await world.cards()
    await world.takes(await world.pays(mine, 20_00), 20_00)
    payment = (await world.does("GET", f"/v1/cards/{mine['id']}/payments"))["payments"][0]
    wrong = {"reason": "duplicate", "amount_minor": 20_00}
    opened: Json = await world.does("POST", f"/v1/card-payments/{payment['id']}/disputes", wrong)
    return opened


# -- who it is for -----------------------------------------------------------------------------------------------------


async def test_what_changed_about_somebody_counts_when_they_say_so(world: World) -> None:
    mine = await card(world)
    named = ""
    if isinstance(world, Ours):
        await lapse(world)
        assert not await tries(world, mine)
    else:
        named = world.cardholder()["individual"]["last_name"]
        world.cardholder()["individual"] = {"first_name": "Before", "last_name": "Marriage"}

    await world.does("POST", "/v1/cards/verification")

    assert await tries(world, mine)
    if isinstance(world, Theirs):
        assert world.cardholder()["individual"]["last_name"] == named != "Marriage"


async def lapse(world: World) -> None:
    async with db.transaction(world.house.worker) as story:
        await verification.lapse(await story(), UUID(str(world.me.subject)), actor="test", at=story.now)


async def test_what_happened_is_in_the_feed(world: World) -> None:
    mine = await card(world)
    await world.turns(mine, "freeze")

    async with world.house.report.connect() as connection:
        found = await connection.exec_driver_sql(
            "SELECT kind FROM cards.event WHERE aggregate = %s ORDER BY seq", (public_ids.parse("card", mine["id"]),)
        )
        assert list(found.scalars()) == ["card.ordered", "card.activated", "card.frozen"]
