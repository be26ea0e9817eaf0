"""What Stripe made and never said: taken for ours once its key is forgotten, and cancelled where it is one too many."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import clock, db, ids, vault
from app.cards import processing
from app.house import House
from cards.card import Closing, State
from cards.processing.command import Command, CreateCardholder, ReplaceCard
from tests.stripe import issuing
from tests.stripe.fake import Fake, Object, Refusal
from tests.stripe.test_cards import issue, states, told
from tests.stripe.test_issuer import person
from tests.stripe.world import opened, spender

pytestmark = pytest.mark.asyncio

CARD, CARDHOLDER = "issuing.card", "issuing.cardholder"


@pytest.fixture(autouse=True)
def in_time(fake: Fake) -> None:
    """Have Stripe's clock go as ours: what it made is looked for by when."""
    fake.now = int(clock.real().timestamp())


async def test_who_was_made_known_there_is_known_here(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = ids.new()
    await ask(programme, holder, CreateCardholder(person(id=holder)))
    fake.lose = 1
    await told(programme)
    before = await states(programme, holder)

    await forgotten(programme, monkeypatch)

    assert (before, await states(programme, holder)) == (["unknown"], ["done"])
    [theirs] = there(fake, CARDHOLDER)
    assert await names(programme, holder) == [theirs["id"]]


async def test_a_card_that_was_made_there_is_a_card_here_and_the_only_one(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = ids.new()
    asked = issue(holder, await opened(programme, holder, 0))
    await ask(programme, holder, CreateCardholder(person(id=holder)))
    await told(programme)
    await ask(programme, holder, asked)
    fake.lose = 1
    await told(programme)
    [made] = there(fake, CARD)
    twin = issuing.again(fake, made)

    await forgotten(programme, monkeypatch)

    assert await states(programme, holder) == ["done", "done"]
    assert (made["status"], twin["status"]) == ("active", "canceled")
    assert made["id"] in await names(programme, holder)


async def test_a_card_too_many_that_stripe_does_not_cancel_is_not_forgotten(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def update(fake: Fake, parts: list[str], params: Object) -> Object:  # noqa: ARG001  as doors are
        raise Refusal(400, "invalid_request_error")

    mine = await spender(programme, fake, 0)
    await ask(programme, mine.holder, issue(mine.holder, mine.account))
    fake.lose = 1
    await told(programme)
    twin = issuing.again(fake, there(fake, CARD)[-1])
    path = ("POST", "/v1/issuing/cards/*")
    fake.doors = issuing.DOORS | {path: (update, issuing.DOORS[path][1])}

    await forgotten(programme, monkeypatch)

    assert (twin["status"], await states(programme, mine.holder)) == ("active", ["done", "done", "unknown"])


async def test_the_heir_of_a_card_is_found_by_its_own_name(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await spender(programme, fake, 0)
    heir = ids.new()
    await ask(programme, mine.holder, ReplaceCard(card=mine.card, made=heir, why=Closing.DAMAGED))
    fake.lose = 1
    await told(programme)

    await forgotten(programme, monkeypatch)

    [theirs] = [each for each in there(fake, CARD) if each["metadata"] == {"card": str(heir)}]
    assert (theirs["status"], fake.objects[mine.reference]["status"]) == ("active", "canceled")
    assert (await mine.read()).state is State.CLOSED
    assert theirs["id"] in await names(programme, mine.holder)


@pytest.mark.parametrize("ended", [True, False], ids=["cancelled there since", "never made"])
async def test_what_does_not_live_there_is_refused_and_is_made_no_more(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    mine = await spender(programme, fake, 0)
    await ask(programme, mine.holder, issue(mine.holder, mine.account))
    if ended:
        fake.lose = 1
    else:
        fake.break_ = 1
    await told(programme)
    cards = there(fake, CARD)
    for each in cards:
        each["status"] = "canceled"

    await forgotten(programme, monkeypatch)

    assert await states(programme, mine.holder) == ["done", "done", "refused"]
    assert there(fake, CARD) == cards


@pytest.mark.parametrize("status", [400, 500])
async def test_where_stripe_does_not_say_it_stays_unknown(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async def lists(fake: Fake, parts: list[str], params: Object) -> Object:  # noqa: ARG001  as doors are
        raise Refusal(status, "invalid_request_error" if status < 500 else "api_error")

    path = ("GET", "/v1/issuing/cards")
    mine = await spender(programme, fake, 0)
    await ask(programme, mine.holder, issue(mine.holder, mine.account))
    fake.lose = 1
    await told(programme)
    fake.doors = issuing.DOORS | {path: (lists, issuing.DOORS[path][1])}

    await forgotten(programme, monkeypatch)

    assert await states(programme, mine.holder) == ["done", "done", "unknown"]


async def ask(house: House, holder: UUID, asked: Command) -> None:
    """Write down what Stripe is to be asked."""
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, house.keys.kms, holder, story.now)
        by: dict[str, Any] = {"holder": holder, "processor": "stripe", "actor": f"resident:{holder}"}
        await processing.ask(connection, safe, asked, **by, at=story.now)


async def forgotten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Stripe have forgotten every key, and the worker ask what became of what it was asked."""
    monkeypatch.setattr(processing, "KEY_LASTS", timedelta())
    async with house.worker.begin() as connection:
        await connection.execute(text("UPDATE cards.command SET due_at = now() WHERE due_at IS NOT NULL"))
    await told(house)


def there(fake: Fake, kind: str) -> list[Object]:
    return [each for each in fake.objects.values() if each["object"] == kind]


async def names(house: House, holder: UUID) -> list[str]:
    """List what Stripe calls things of somebody's."""
    async with house.report.connect() as connection:
        query = text("SELECT reference FROM cards.processor_reference WHERE holder = :holder ORDER BY at, kind")
        return list(await connection.scalars(query, {"holder": holder}))
