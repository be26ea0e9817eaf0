"""A card that Stripe issued in somebody's wallet: what Stripe does to it is heard, what is done here is told."""

from typing import Any

import pytest
from sqlalchemy import text

from app import db, ids, vault
from app.cards import processing, processors
from app.house import House
from cards.card import Closing
from cards.processing.command import ReplaceCard
from cards.processing.processor import Asking
from cards.proofs import token_owner
from cards.proofs.token import Act
from tests.stripe import issuing
from tests.stripe.fake import Fake
from tests.stripe.test_cards import its_time, owed, refuse, states, told
from tests.stripe.world import Spender, spender

pytestmark = pytest.mark.asyncio


async def test_a_token_is_merged_whatever_order_its_words_come_in(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    theirs = issuing.provisioned(fake, mine.reference, status="requested")
    words = []
    for status in ("active", "suspended", "active", "deleted"):
        theirs["status"] = status
        words.append(fake.tell("issuing_token.updated", theirs))

    await mine.hears(shuffled=words[::-1])
    theirs["status"] = "active"  # an older word of Stripe's own, read from a server that lags
    await mine.hears(shuffled=[fake.tell("issuing_token.updated", theirs)])

    assert await tokens(programme, mine) == [("apple_pay", "deleted", [])]


async def test_a_pause_of_the_holders_is_not_lifted_by_the_wallet(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    theirs = issuing.provisioned(fake, mine.reference)
    await mine.hears()
    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        by = Asking(db=connection, actor=f"resident:{mine.holder}", at=story.now)
        [found] = await token_owner.of_holder(connection, mine.holder, after=None, limit=2)
        await processors.of(programme, "stripe").turn_token(by, found, Act.SUSPEND)
    await told(programme)
    assert theirs["status"] == "suspended"

    theirs["status"] = "active"
    await mine.hears(shuffled=[fake.tell("issuing_token.updated", theirs)])

    assert await tokens(programme, mine) == [("apple_pay", "suspended", ["holder"])]


async def test_what_was_taken_out_of_a_wallet_here_pays_nowhere_whatever_stripe_made_of_it(
    programme: House, fake: Fake
) -> None:
    mine = await spender(programme, fake, 100_00)
    theirs = issuing.provisioned(fake, mine.reference)
    unknown = await mine.tester.pays(mine.reference, 1_00, wallet="apple_pay")
    await mine.hears()
    known = await mine.tester.pays(mine.reference, 1_00, wallet="apple_pay")

    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        by = Asking(db=connection, actor=f"resident:{mine.holder}", at=story.now)
        [found] = await token_owner.of_holder(connection, mine.holder, after=None, limit=2)
        await processors.of(programme, "stripe").turn_token(by, found, Act.DELETE)
    gone = await mine.tester.pays(mine.reference, 1_00, wallet="apple_pay")
    by_number = await mine.tester.pays(mine.reference, 1_00)

    assert theirs["status"] == "active", "the worker has told Stripe nothing yet"
    assert [each.approved for each in (unknown, known, gone, by_number)] == [True, True, False, True]


async def test_what_stripe_refuses_to_hear_of_a_token_is_told_again_until_it_does(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    theirs = issuing.provisioned(fake, mine.reference)
    await mine.hears()
    refuse(fake, "/v1/issuing/tokens/*")
    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        by = Asking(db=connection, actor=f"resident:{mine.holder}", at=story.now)
        [found] = await token_owner.of_holder(connection, mine.holder, after=None, limit=2)
        await processors.of(programme, "stripe").turn_token(by, found, Act.SUSPEND)
        await processors.of(programme, "stripe").turn_token(by, found, Act.DELETE)
    await told(programme)
    first = await owed(programme, mine, "token")

    await its_time(programme, mine)
    await told(programme)
    second = await owed(programme, mine, "token")
    fake.doors = issuing.DOORS
    await its_time(programme, mine)
    await told(programme)

    assert first is not None, "nothing waits on the line meanwhile, and this waits beside it"
    assert second is not None
    assert first < second, "each time it is asked later"
    assert (theirs["status"], await owed(programme, mine, "token")) == ("deleted", None)
    assert await states(programme, mine.holder) == ["done", "done", "refused", "refused", "refused", "done"]


async def test_what_stripe_has_done_to_a_token_by_itself_is_told_no_more(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 0)
    theirs = issuing.provisioned(fake, mine.reference)
    await mine.hears()
    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        by = Asking(db=connection, actor=f"resident:{mine.holder}", at=story.now)
        [found] = await token_owner.of_holder(connection, mine.holder, after=None, limit=2)
        await processors.of(programme, "stripe").turn_token(by, found, Act.DELETE)
    theirs["status"] = "deleted"  # whoever asks for that now is refused

    await told(programme)

    assert await states(programme, mine.holder) == ["done", "done", "done"]
    assert await owed(programme, mine, "token") is None


async def test_a_token_of_the_first_card_is_heard_of_however_often_it_was_replaced(
    programme: House, fake: Fake
) -> None:
    mine = await spender(programme, fake, 0)
    theirs = issuing.provisioned(fake, mine.reference)
    await mine.hears()
    last = mine.card
    for _ in range(2):
        made = ids.new()
        async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
            connection = await story()
            safe = await vault.of(connection, programme.keys.kms, mine.holder, story.now)
            by: dict[str, Any] = {"holder": mine.holder, "processor": "stripe", "actor": f"resident:{mine.holder}"}
            asked = ReplaceCard(card=last, made=made, why=Closing.DAMAGED)
            await processing.ask(connection, safe, asked, **by, at=story.now)
        await told(programme)
        last = made
    reference = next(each["id"] for each in fake.objects.values() if each.get("metadata") == {"card": str(last)})

    theirs.update(card=reference, status="suspended")
    await mine.hears(shuffled=[fake.tell("issuing_token.updated", theirs)])

    async with programme.report.connect() as connection:
        query = text("SELECT state FROM cards.token WHERE reference = :id")
        state = await connection.scalar(query, {"id": theirs["id"]})
    assert state == "suspended"


async def tokens(house: House, mine: Spender) -> list[tuple[str, str, list[str]]]:
    async with house.report.connect() as connection:
        rows = await connection.execute(
            text("SELECT requestor, state, paused_by FROM cards.token WHERE card = :card"), {"card": mine.card}
        )
        return [tuple(row) for row in rows]
