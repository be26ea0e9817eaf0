"""Purchases with a card that Stripe issued: asked about in time, told about in any order; the ledger is the same."""

import asyncio
from datetime import timedelta
from typing import Literal

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock
from app.house import House
from app.http.partner import stripe as door
from app.partners.stripe_issuing import events, repair
from cards.card import Limits
from cards.payments.payment import Kind, Status
from cards.payments.reason import Reason
from tests.stripe.fake import Fake
from tests.stripe.world import eur, spender
from wallet.chart import Purpose

pytestmark = pytest.mark.asyncio


async def test_a_purchase_is_promised_while_stripe_waits_and_taken_once(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)

    bought = await mine.tester.pays(mine.reference, 30_00)
    during = await mine.has()
    await mine.hears()
    still = await mine.has()
    await mine.tester.takes(bought.id)
    await mine.hears()
    await mine.hears()  # everything again

    assert bought.request_history[0].reason == "webhook_approved"
    assert bought.metadata["payment"].startswith("payment_")
    assert during == still == (100_00, 30_00)
    assert await mine.has() == (70_00, 0)
    payment = await mine.payment(bought.id)
    assert [element.kind for element in payment.elements] == [Kind.AUTHORIZATION, Kind.CLEARING]
    assert payment.sums().status is Status.CLEARED
    assert await mine.operator(Purpose.CARD_CLEARING) == 0, "Stripe was paid out of what it was paid ahead"


async def test_cash_costs_a_share_of_it_as_it_was_asked_and_as_it_was_given(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    machine = {"category": "automated_cash_disburse", "name": "Bank", "country": "DE", "network_id": "1234567890"}

    asked = await mine.tester.pays(mine.reference, 20_00, merchant_data=machine)
    during = await mine.has()
    await mine.hears()
    await mine.tester.takes(asked.id)
    await mine.hears()

    assert asked.approved
    assert during == (100_00, 20_20), "one in a hundred; the least fee is one of tenge"
    assert await mine.has() == (79_80, 0)
    assert (await mine.payment(asked.id)).sums().fee == eur(20)


async def test_two_questions_at_once_never_promise_more_than_there_is(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)

    both = await asyncio.gather(mine.tester.pays(mine.reference, 60_00), mine.tester.pays(mine.reference, 60_00))

    assert sorted(each.approved for each in both) == [False, True]
    assert await mine.has() == (100_00, 60_00)


async def test_less_is_promised_only_to_who_can_take_less(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 20_00)

    all_or_nothing = await mine.tester.pays(mine.reference, 30_00)
    less = await mine.tester.pays(mine.reference, 30_00, is_amount_controllable=True)
    await mine.hears()

    assert (all_or_nothing.approved, all_or_nothing.request_history[0].reason) == (False, "webhook_declined")
    assert (less.approved, less.amount) == (True, 20_00)
    assert await mine.has() == (20_00, 20_00)
    assert [each.kind for each in (await mine.payment(less.id)).elements] == [Kind.AUTHORIZATION]


async def test_what_stripe_refuses_by_itself_is_a_decline_here_too(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00, Limits(per_payment=eur(50_00)))

    over = await mine.tester.pays(mine.reference, 60_00)
    await mine.hears()
    await mine.hears()

    assert over.request_history[0].reason == "spending_controls"
    [element] = (await mine.payment(over.id)).elements
    assert (element.kind, element.reasons) == (Kind.DECLINE, (Reason.FORBIDDEN_MERCHANT,))
    assert await mine.has() == (100_00, 0)


@pytest.mark.parametrize(
    ("slow", "by_default", "held"),
    [("before", False, 0), ("before", True, 30_00), ("after", False, 0), ("after", True, 30_00)],
)
async def test_whoever_decided_in_the_end_the_hold_is_what_was_promised(
    programme: House, fake: Fake, slow: Literal["before", "after"], held: int, *, by_default: bool
) -> None:
    mine = await spender(programme, fake, 100_00)
    fake.slow, fake.by_default = slow, by_default

    bought = await mine.tester.pays(mine.reference, 30_00)
    before = await mine.has()
    await mine.hears()

    assert bought.request_history[0].reason == "webhook_timeout"
    assert before == (100_00, 30_00 if slow == "after" else 0)
    assert await mine.has() == (100_00, held)


async def test_a_question_that_stripe_waits_for_no_more_holds_nothing(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await spender(programme, fake, 100_00)
    async with programme.posting.connect() as busy:
        await busy.execute(text("SELECT FROM wallet.lane FOR UPDATE"))
        with monkeypatch.context() as hurried:
            hurried.setattr(door, "WITHIN", timedelta(seconds=1))
            late = await mine.tester.pays(mine.reference, 30_00)
        await busy.rollback()

    next_ = await mine.tester.pays(mine.reference, 10_00)  # behind it, on the same lane

    assert (late.approved, next_.approved) == (False, True)
    assert await mine.has() == (100_00, 10_00), "and no event was heard of it"


async def test_what_was_declined_here_and_approved_there_binds_us_beyond_the_balance(
    programme: House, fake: Fake
) -> None:
    mine = await spender(programme, fake, 10_00)
    fake.slow, fake.by_default = "after", True

    bought = await mine.tester.pays(mine.reference, 30_00)
    fake.slow = ""
    await mine.hears()
    await mine.tester.takes(bought.id)
    await mine.hears()

    kinds = [element.kind for element in (await mine.payment(bought.id)).elements]
    assert kinds == [Kind.DECLINE, Kind.AUTHORIZATION, Kind.CLEARING]
    assert await mine.has() == (0, 0)
    assert (await mine.payment(bought.id)).sums().owed == eur(20_00)


async def test_a_question_asked_twice_is_answered_once(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    bought = await mine.tester.pays(mine.reference, 30_00)
    pending = fake.objects[bought.id] | {
        "request_history": [],
        "pending_request": {
            "amount": 30_00,
            "currency": "eur",
            "is_amount_controllable": False,
            "merchant_amount": 30_00,
            "merchant_currency": "eur",
        },
    }
    event = fake.tell("issuing_authorization.request", pending)

    answers = [msgspec.json.decode((await fake.ask(event)).content) for _ in range(2)]

    assert [answer["approved"] for answer in answers] == [True, True]
    assert await mine.has() == (100_00, 30_00)


async def test_a_hotel_asks_for_more_gives_up_some_and_takes_it_in_parts(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 500_00)

    stay = await mine.tester.pays(mine.reference, 100_00)
    await mine.tester.asks_more(stay.id, 50_00)
    assert await mine.has() == (500_00, 150_00)
    await mine.tester.gives_up(stay.id, 30_00)
    await mine.hears()
    assert await mine.has() == (500_00, 120_00)
    await mine.tester.takes(stay.id, 70_00, last=False)
    await mine.hears()
    assert await mine.has() == (430_00, 50_00)
    await mine.tester.takes(stay.id, 20_00, last=True)
    await mine.hears()

    assert await mine.has() == (410_00, 0)
    assert await mine.operator(Purpose.CARD_CLEARING) == 0


async def test_what_is_never_taken_comes_back_and_what_is_taken_unasked_is_paid(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    lapsing = await mine.tester.pays(mine.reference, 40_00)
    given_up = await mine.tester.pays(mine.reference, 40_00)
    await mine.tester.lets_lapse(lapsing.id)
    await mine.tester.gives_up(given_up.id)
    await mine.hears()
    assert await mine.has() == (100_00, 0)

    forced = await mine.tester.forces(mine.reference, 25_00)
    await mine.hears()
    assert await mine.has() == (75_00, 0)
    await mine.tester.gives_back(forced.id, 5_00)
    await mine.tester.gives(mine.reference, 3_00)
    await mine.hears()

    assert await mine.has() == (83_00, 0)
    assert await mine.operator(Purpose.CARD_CLEARING) == 0


# -- what is not heard -------------------------------------------------------------------------------------------------


async def test_what_was_not_heard_is_found(programme: House, fake: Fake, database: str) -> None:
    mine = await spender(programme, fake, 100_00)
    await repair.step(programme)
    bought = await mine.tester.pays(mine.reference, 30_00)
    await mine.tester.takes(bought.id)
    assert await mine.has() == (100_00, 30_00), "Stripe's words were lost"

    await execute(database, "UPDATE cards.processor_cursor SET due_at = now()")
    fake.now = int(clock.real().timestamp())
    for event in fake.events:
        event["created"] = fake.now
    found = await repair.step(programme)
    while await events.step(programme):
        pass

    assert found == 3, "the outcome, the capture, and the purchase that is over"
    assert await mine.has() == (70_00, 0)
    assert await repair.step(programme) == 0, "not before it is time again"


async def test_a_hold_for_a_purchase_that_stripe_does_not_know_is_given_back(
    programme: House, fake: Fake, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await spender(programme, fake, 100_00)
    await repair.step(programme)
    bought = await mine.tester.pays(mine.reference, 30_00)
    del fake.objects[bought.id]
    fake.events.clear()
    monkeypatch.setattr(repair, "SILENT", timedelta(0))
    await execute(database, "UPDATE cards.processor_cursor SET due_at = now()")

    await repair.step(programme)
    while await events.step(programme):
        pass

    assert await mine.has() == (100_00, 0)


async def execute(url: str, statement: str) -> None:
    """Do something as the owner of the database, who serves no request."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
