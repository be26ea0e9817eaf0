"""A card that Stripe issued follows the one we have, whatever is asked of it here and whatever gets lost on the way."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from app import db, ids, vault
from app.cards import processing, processors
from app.house import House
from cards.card import Card, Closing, Form, Limits, Owner, State
from cards.processing.command import CreateCardholder, IssueCard
from cards.processing.processor import Address, Asking, Shown
from cards.programme import change
from law.money import EUR, Money
from tests.stripe import issuing
from tests.stripe.fake import Fake, Object, Refusal
from tests.stripe.test_issuer import PARCEL, person
from tests.stripe.world import Spender, opened, spender
from wallet.chart import Purpose

pytestmark = pytest.mark.asyncio


async def told(house: House) -> None:
    """Let the worker do what is due, now."""
    while await processing.step(house):
        pass


async def turn(mine: Spender, how: Any) -> Card:  # noqa: ANN401  a change of the card
    async with db.transaction(mine.house.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        before = await change.locked(connection, mine.card)
        changed = await how(connection, before, actor=f"resident:{mine.holder}", at=story.now)
    await told(mine.house)
    return changed  # type: ignore[no-any-return]  # what the verb answers


async def freeze(connection: Any, card: Card, **by: Any) -> Card:  # noqa: ANN401  passed on as it is
    return await change.freeze(connection, card, frozen=True, **by)


async def unfreeze(connection: Any, card: Card, **by: Any) -> Card:  # noqa: ANN401  passed on as it is
    return await change.freeze(connection, card, frozen=False, **by)


async def close(connection: Any, card: Card, **by: Any) -> Card:  # noqa: ANN401  passed on as it is
    return (await change.close(connection, [card], Closing.STOLEN, **by))[0]


async def limit(connection: Any, card: Card, **by: Any) -> Card:  # noqa: ANN401  passed on as it is
    return await change.limit(connection, card, Limits(per_payment=Money(12_00, EUR)), **by)


async def suspend(connection: Any, card: Card, **by: Any) -> Card:  # noqa: ANN401  passed on as it is
    await change.record_all(connection, [changed := change.suspended(card, Owner.RISK, "fraud")], **by)
    return changed.card


async def test_a_card_is_made_there_and_here(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)

    card, theirs = await mine.read(), fake.objects[mine.reference]
    assert (card.processor, card.state, card.currency) == ("stripe", State.ACTIVE, EUR)
    assert (card.last4, card.issuance_basis) == (theirs["last4"], "STRIPE-DE-TEST-1")
    assert (card.expires_on.year, card.expires_on.month) == (theirs["exp_year"], theirs["exp_month"])
    assert "betting_casino_gambling" in theirs["spending_controls"]["blocked_categories"]


async def test_what_is_done_to_a_card_here_is_done_there(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    theirs = fake.objects[mine.reference]

    seen = []
    for how in (freeze, unfreeze, suspend, limit, close):
        await turn(mine, how)
        seen.append((theirs["status"], theirs["spending_controls"]["spending_limits"][0]["amount"]))

    most = 1_000_000
    assert seen == [("inactive", most), ("active", most), ("inactive", most), ("inactive", 12_00), ("canceled", 12_00)]


@pytest.mark.parametrize(("how", "what"), [(freeze, "status"), (limit, "spending_controls"), (close, "status")])
async def test_what_stripe_refuses_to_hear_of_a_card_is_told_again_until_it_does(
    programme: House, fake: Fake, how: Callable[..., Awaitable[Card]], what: str
) -> None:
    mine = await spender(programme, fake, 0)
    theirs = fake.objects[mine.reference]
    before = theirs[what]
    refuse(fake, "/v1/issuing/cards/*")
    await turn(mine, how)
    waits = [await owed(programme, mine)]
    await its_time(programme, mine)
    await told(programme)
    waits.append(await owed(programme, mine))
    there = theirs[what]

    fake.doors = issuing.DOORS
    await its_time(programme, mine)
    await told(programme)

    assert [wait and round(wait / timedelta(minutes=1)) for wait in waits] == [1, 2]
    assert (there, await owed(programme, mine)) == (before, None)
    assert theirs[what] != before
    assert await states(programme, mine.holder) == ["done", "done", "refused", "refused", "done"]


async def test_what_stripe_has_made_of_a_card_by_itself_is_told_no_more(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    fake.objects[mine.reference]["status"] = "canceled"
    refuse(fake, "/v1/issuing/cards/*")

    await turn(mine, close)

    assert await states(programme, mine.holder) == ["done", "done", "done"]
    assert await owed(programme, mine) is None


async def owed(house: House, mine: Spender, kind: str = "card") -> timedelta | None:
    """Say in how long Stripe is to be told again of the holder's card or token."""
    async with house.report.connect() as connection:
        query = text("SELECT due_at - now() FROM cards.processor_reference WHERE kind = :kind AND holder = :holder")
        found: timedelta | None = await connection.scalar(query, {"kind": kind, "holder": mine.holder})
    return found


async def its_time(house: House, mine: Spender) -> None:
    """Let what is owed be due."""
    async with house.worker.begin() as connection:
        query = "UPDATE cards.processor_reference SET due_at = now() WHERE holder = :holder AND due_at IS NOT NULL"
        await connection.execute(text(query), {"holder": mine.holder})


async def test_an_answer_that_got_lost_is_asked_for_again_under_its_key(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    fake.lose = 1

    await turn(mine, freeze)
    [row] = await open_commands(programme)
    async with programme.worker.begin() as connection:
        await connection.execute(text("UPDATE cards.command SET due_at = now() WHERE due_at IS NOT NULL"))
    await told(programme)

    assert (row.state, row.trouble) == ("unknown", "APIConnectionError")
    assert fake.objects[mine.reference]["status"] == "inactive"
    assert await open_commands(programme) == []
    sent = [
        said for method, path, said in fake.asked if (method, path) == ("POST", f"/v1/issuing/cards/{mine.reference}")
    ]
    assert len(sent) == 1, "the second time the server knew the key"


async def test_whom_stripe_will_not_have_gets_no_card_and_nothing_waits(programme: House, fake: Fake) -> None:
    almaty = Address(line1="Abai 1", city="Almaty", postal_code="050000", country="KZ")
    holder = ids.new()
    prepaid = await opened(programme, holder, 0)
    async with db.transaction(programme.api, holder=holder, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, programme.keys.kms, holder, story.now)
        by: dict[str, Any] = {"holder": holder, "processor": "stripe", "actor": f"resident:{holder}", "at": story.now}
        await processing.ask(connection, safe, CreateCardholder(person(id=holder, address=almaty)), **by)
        await processing.ask(connection, safe, issue(holder, prepaid), **by)
    await told(programme)

    async with programme.report.connect() as connection:
        rows = await connection.execute(
            text("SELECT kind, state, reason, sealed FROM cards.command WHERE holder = :holder ORDER BY id"),
            {"holder": holder},
        )
        assert [tuple(row) for row in rows] == [
            ("create_cardholder", "refused", "not_offered", None),
            ("issue_card", "refused", "unknown_reference", None),
        ]
    assert fake.asked == []


def issue(holder: Any, account: Any) -> IssueCard:  # noqa: ANN401  ids
    return IssueCard(
        card=ids.new(),
        holder=holder,
        lane=1,
        account=account,
        form=Form.VIRTUAL,
        currency=EUR,
        limits=Limits(),
        denied=frozenset(),
        issuance_basis="STRIPE-DE-TEST-1",
        notice_version="stripe-2026-1",
        notice_language="en",
    )


async def test_what_stripe_cancels_is_closed_here_and_what_it_stops_is_asked_again(
    programme: House, fake: Fake
) -> None:
    mine = await spender(programme, fake, 0)
    theirs = fake.objects[mine.reference]

    theirs["status"] = "inactive"
    await mine.hears(shuffled=[fake.tell("issuing_card.updated", theirs)])
    await told(programme)
    assert theirs["status"] == "active", "a card that may be used here is to be used there"

    theirs["status"] = "canceled"
    await mine.hears(shuffled=[fake.tell("issuing_card.updated", theirs)])
    assert (await mine.read()).state is State.CLOSED


async def test_what_is_only_of_interest_there_is_noted(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    design = {"id": "ipd_1", "object": "issuing.personalization_design"}
    event = fake.tell("issuing_personalization_design.updated", design)

    await mine.hears(shuffled=[event])

    async with programme.report.connect() as connection:
        outcome = await connection.scalar(
            text("SELECT outcome FROM cards.processor_event WHERE event = :event"), {"event": event["id"]}
        )
    assert outcome == "noted"


async def test_of_two_first_orders_the_second_finds_who_it_is_for(programme: House, fake: Fake) -> None:
    holder = ids.new()
    prepaid = await opened(programme, holder, 0)
    async with db.transaction(programme.api, holder=holder, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, programme.keys.kms, holder, story.now)
        by: dict[str, Any] = {"holder": holder, "processor": "stripe", "actor": f"resident:{holder}", "at": story.now}
        for _ in range(2):
            await processing.ask(connection, safe, CreateCardholder(person(id=holder)), **by)
            await processing.ask(connection, safe, issue(holder, prepaid), **by)

    await told(programme)

    assert await states(programme, holder) == ["done"] * 4
    kinds = [each["object"] for each in fake.objects.values()]
    assert (kinds.count("issuing.cardholder"), kinds.count("issuing.card")) == (1, 2)


async def test_what_can_not_be_kept_holds_up_nobody_else(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = await spender(programme, fake, 0), await spender(programme, fake, 0)
    existing = vault.existing

    async def erased(connection: Any, kms: Any, holder: UUID) -> vault.Vault:  # noqa: ANN401  passed on
        if holder == mine.holder:
            raise vault.Erased
        return await existing(connection, kms, holder)

    monkeypatch.setattr(vault, "existing", erased)
    for each in (mine, other):
        await turn(each, freeze)

    assert fake.objects[other.reference]["status"] == "inactive"
    assert fake.objects[mine.reference]["status"] == "active", "nobody can write down what to ask"


async def test_who_is_told_that_a_pin_or_an_address_was_not_taken_is_its_holder(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0, form=Form.PLASTIC)
    first = await parcels_of(programme, mine)
    refuse(fake, "/v1/issuing/cards/*")

    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        by = Asking(db=connection, actor=f"resident:{mine.holder}", at=story.now)
        card = await change.locked(connection, mine.card)
        await processors.of(programme, "stripe").send_card(by, card, msgspec.structs.replace(PARCEL, city="Bonn"))
        await processors.of(programme, "stripe").set_pin(by, card, Shown("sealed"))
    await told(programme)

    assert [state for _, state in first] == ["waiting"]
    assert await parcels_of(programme, mine) == [*first, (ANY, "cancelled")], "it goes where it went"
    async with programme.report.connect() as connection:
        kinds = text("SELECT kind FROM cards.event WHERE body ->> 'card' = :card AND kind LIKE '%refused' ORDER BY seq")
        heard = list(await connection.scalars(kinds, {"card": str(mine.card)}))
    assert heard == ["card.address_refused", "card.pin_refused"]


def refuse(fake: Fake, path: str) -> None:
    """Have Stripe refuse whatever is asked there."""

    async def refused(fake: Fake, parts: list[str], params: Object) -> Object:  # noqa: ARG001  as doors are
        raise Refusal(400, "invalid_request_error", "parameter_invalid")

    fake.doors = issuing.DOORS | {("POST", path): (refused, issuing.DOORS["POST", path][1])}


async def parcels_of(house: House, mine: Spender) -> list[tuple[UUID, str]]:
    async with house.report.connect() as connection:
        query = text("SELECT id, state FROM cards.parcel WHERE card = :card ORDER BY id")
        return [(row.id, row.state) for row in await connection.execute(query, {"card": mine.card})]


async def states(house: House, holder: UUID) -> list[str]:
    async with house.report.connect() as connection:
        query = text("SELECT state FROM cards.command WHERE holder = :holder ORDER BY id")
        return list(await connection.scalars(query, {"holder": holder}))


async def test_whom_stripe_does_not_serve_sees_it_before_a_till_does(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    holder = fake.objects[mine.reference]["cardholder"]

    async def says(status: str, why: str | None) -> list[tuple[str, str]]:
        holder.update(status=status, requirements={"disabled_reason": why, "past_due": []})
        for _ in range(2):
            await mine.hears(shuffled=[fake.tell("issuing_cardholder.updated", holder)])
        return [(flag.owner, flag.reason) for flag in (await mine.read()).suspended]

    assert await says("active", "requirements.past_due") == [("processor", "requirements_past_due")]
    assert await says("blocked", None) == [("processor", "requirements_past_due")]
    assert await says("active", None) == []


async def test_money_paid_ahead_is_booked_once_however_often_it_is_told(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    before = await mine.operator(Purpose.CARD_SETTLEMENT)
    event = issuing.topped_up(fake, 1_000_00, "eur")

    await mine.hears(shuffled=[event])
    await mine.hears(shuffled=[event, fake.tell("topup.succeeded", event["data"]["object"])])

    assert await mine.operator(Purpose.CARD_SETTLEMENT) == before - 1_000_00, "what is owned is below zero"


async def open_commands(house: House) -> list[Any]:
    async with house.report.connect() as connection:
        return list(await connection.execute(text("SELECT state, trouble FROM cards.command WHERE due_at IS NOT NULL")))
