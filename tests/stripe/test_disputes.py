"""A dispute of a purchase with a card that Stripe issued: submitted and decided there, and the money follows."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from app import db, dispute_errands, disputing, ids
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards.disputes import dispute as disputes
from cards.disputes import paid
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute, Wanted
from cards.disputes.life import Act, State
from cards.disputes.reason import Reason
from tests.stripe.fake import Fake
from tests.stripe.world import Spender, eur, spender
from wallet.chart import Purpose

pytestmark = pytest.mark.asyncio


async def disputed(mine: Spender, house: House) -> Dispute:
    """Buy something, say that it was somebody else, and bring that to Stripe."""
    bought = await mine.tester.pays(mine.reference, 30_00)
    await mine.tester.takes(bought.id)
    await mine.hears()
    payment = await mine.payment(bought.id)
    async with db.transaction(house.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        wanted = Wanted(id=ids.new(), reason=Reason.NOT_AUTHORIZED, amount=eur(30_00))
        paid_for = await paid.find(connection, payment.id)
        about = await disputes.open_(connection, paid_for, wanted, actor=f"resident:{mine.holder}", at=story.now)
    doing = Doing(dispute=about.id, act=Act.HAND_IN, actor=f"resident:{about.holder}")
    reply = await disputing.submit(house, about, doing, claim=claim("test", str(ids.new()), None), render=_render)
    assert reply.stored.body == b"Dispute"
    assert await dispute_errands.step(house) == 1
    return about


def _render(found: Sequence[Any]) -> Stored:
    return Stored(200, type(found[0]).__name__.encode())


async def state(house: House, about: Dispute) -> State:
    async with db.transaction(house.worker) as story:
        return (await disputes.find(await story(), about.id)).state


@pytest.mark.parametrize(("status", "ends", "has"), [("won", State.WON, 100_00), ("lost", State.REJECTED, 70_00)])
async def test_what_stripe_decides_is_decided_here_and_the_money_follows(
    programme: House, fake: Fake, status: str, ends: State, has: int
) -> None:
    mine = await spender(programme, fake, 100_00)
    before = await mine.operator(Purpose.CARD_CLEARING)
    about = await disputed(mine, programme)
    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]
    submitted = (theirs["status"], theirs["evidence"]["reason"], await state(programme, about))

    theirs["status"] = status
    for _ in range(2):
        await mine.hears(shuffled=[fake.tell("issuing_dispute.closed", theirs)])

    assert submitted == ("submitted", "no_valid_authorization", State.SUBMITTED)
    assert await state(programme, about) is ends
    assert await mine.has() == (has, 0)
    assert await mine.operator(Purpose.CARD_CLEARING) == before


async def test_a_lost_answer_is_asked_for_again_and_there_is_one_dispute(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    about = await disputed(mine, programme)

    async with programme.worker.begin() as connection:
        again = "UPDATE cards.dispute_errand SET done_at = NULL, due_at = now() WHERE dispute = :dispute"
        await connection.execute(text(again), {"dispute": about.id})
    assert await dispute_errands.step(programme) == 1

    assert len([each for each in fake.objects.values() if each["object"] == "issuing.dispute"]) == 1


async def test_what_is_won_after_its_end_here_moves_nothing(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    about = await disputed(mine, programme)
    withdrawn = Doing(dispute=about.id, act=Act.WITHDRAW, actor=f"resident:{about.holder}")
    await disputing.submit(programme, about, withdrawn, claim=claim("test", str(ids.new()), None), render=_render)
    before = await mine.operator(Purpose.CARD_CLEARING)
    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]

    theirs["status"] = "won"
    await mine.hears(shuffled=[fake.tell("issuing_dispute.closed", theirs)])

    assert await state(programme, about) is State.WITHDRAWN
    assert await mine.operator(Purpose.CARD_CLEARING) == before
