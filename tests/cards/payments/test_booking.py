"""What becomes of the network's messages, on the real database: money, promises, repeats, and races."""

import asyncio
from itertools import permutations
from typing import Any

import msgspec
import pytest

from app import db, ids
from app.money import Money
from cards.card import Limits
from cards.payments import archive, expiry, message
from cards.payments.message import Answer, NetworkMessage
from cards.payments.payment import Payment, PaymentId, Status
from cards.payments.reason import Reason
from cards.programme import term
from law.money import USD
from law.money import Money as Amount
from tests.cards import made
from tests.cards.made import cleared, question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def read(engines: Engines, payment: PaymentId) -> Payment:
    async with db.transaction(engines.worker) as story:
        [kept] = await archive.find(await story(), ids={(1, payment)})
    return kept.payment


async def test_a_purchase_is_promised_then_paid(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    asked = question(card, 300)

    [answer] = await tell(money, asked)

    assert answer == Answer(
        payment=asked.payment,
        approved=True,
        code="00",
        reason=None,
        amount=kzt(300),
        approval=message.approval(asked.payment, 1),
    )
    assert await made.balance(engines, card) == (kzt(500), kzt(300))

    [taken] = await tell(money, cleared(card, 300, asked.lifecycle))

    assert taken.payment == answer.payment
    assert await made.balance(engines, card) == (kzt(200), kzt(0))
    assert (await read(engines, answer.payment)).sums().status is Status.CLEARED


async def test_a_purchase_above_the_balance_is_declined_and_holds_nothing(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)

    [answer] = await tell(money, question(card, 101))

    assert (answer.approved, answer.code, answer.reason) == (False, "51", Reason.INSUFFICIENT_FUNDS)
    assert await made.balance(engines, card) == (kzt(100), kzt(0))
    assert (await read(engines, answer.payment)).elements[0].reasons == (Reason.INSUFFICIENT_FUNDS,)


async def test_of_a_hundred_swipes_for_the_last_tenge_one_is_approved(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1)

    answers = await asyncio.gather(*(tell(money, question(card, 1)) for _ in range(100)))

    assert sum(answer.approved for [answer] in answers) == 1
    assert await made.balance(engines, card) == (kzt(1), kzt(1))


async def test_two_processes_do_not_promise_the_same_tenge(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 5)
    other = Money(engines.posting)

    answers = await asyncio.gather(*(tell(process, question(card, 1)) for process in (money, other) for _ in range(20)))

    assert sum(answer.approved for [answer] in answers) == 5
    assert await made.balance(engines, card) == (kzt(5), kzt(5))


async def test_swipes_of_one_batch_see_each_other(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 10)

    answers = await tell(money, *(question(card, 4) for _ in range(3)))

    assert [answer.approved for answer in answers] == [True, True, False]


async def test_a_repeat_gets_the_first_answer_and_moves_nothing(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 60)
    repeat = msgspec.structs.replace(asked, payment=PaymentId(ids.new()))
    clearing = cleared(card, 60, asked.lifecycle)

    answers = await tell(money, asked, repeat, repeat)
    again = await tell(money, repeat)
    await tell(money, clearing, clearing)
    await tell(money, clearing)

    assert {answer.payment for answer in (*answers, *again)} == {asked.payment}
    assert await made.balance(engines, card) == (kzt(40), kzt(0))
    assert len((await read(engines, asked.payment)).elements) == 2


async def test_a_repeated_decline_stays_a_decline_when_money_has_come_meanwhile(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 10)
    asked = question(card, 60)
    [first] = await tell(money, asked)
    await made.fund(engines, money, card.account, 100)

    [again] = await tell(money, asked)

    assert again == first
    assert not again.approved


async def test_a_reversal_gives_all_or_a_part_back(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 80)
    await tell(money, asked)

    await tell(money, taken_back(card, 30, asked.lifecycle, "part"))
    assert await made.balance(engines, card) == (kzt(100), kzt(50))

    await tell(money, taken_back(card, 50, asked.lifecycle, "rest"))
    assert await made.balance(engines, card) == (kzt(100), kzt(0))
    assert (await read(engines, asked.payment)).sums().status is Status.REVERSED


async def test_a_merchant_may_take_the_money_in_parts(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 80)
    await tell(money, asked)

    await tell(money, cleared(card, 30, asked.lifecycle, "first", final=False))
    assert await made.balance(engines, card) == (kzt(70), kzt(50))

    await tell(money, cleared(card, 20, asked.lifecycle, "last"))
    assert await made.balance(engines, card) == (kzt(50), kzt(0))


async def test_a_tip_comes_out_of_what_is_available(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 80)
    await tell(money, asked, cleared(card, 96, asked.lifecycle))

    assert await made.balance(engines, card) == (kzt(4), kzt(0))


async def test_a_merchant_may_ask_for_more_of_the_same_purchase(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 60)

    answers = await tell(
        money,
        asked,
        question(card, 30, asked.lifecycle, "more"),
        question(card, 30, asked.lifecycle, "too much"),
    )

    assert [answer.approved for answer in answers] == [True, True, False]
    assert await made.balance(engines, card) == (kzt(100), kzt(90))


async def test_another_currency_is_answered_and_stops_nobody(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 60)
    dollars = Amount(60_00, USD)
    wrong: list[Any] = [
        msgspec.structs.replace(told, amount=dollars, element=f"{place}")
        for place, told in enumerate((asked, cleared(card, 1, asked.lifecycle), taken_back(card, 1, asked.lifecycle)))
    ]
    part = msgspec.structs.replace(taken_back(card, 60, asked.lifecycle, "part"), remaining=dollars)

    answers = await tell(money, *wrong, asked, part, *wrong)

    refused = (False, "12", Reason.WRONG_CURRENCY)
    assert [(answer.approved, answer.code, answer.reason) for answer in answers] == [
        *[refused] * 3, (True, "00", None), *[refused] * 4,
    ]  # fmt: skip
    assert await made.balance(engines, card) == (kzt(100), kzt(60))
    assert len((await read(engines, answers[3].payment)).elements) == 1


async def test_more_is_counted_and_held_or_refused(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000, Limits(per_day=kzt(150)))
    asked = question(card, 100)
    await tell(money, asked, cleared(card, 100, asked.lifecycle, final=False))

    answers = await tell(money, *(
        question(card, tenge, asked.lifecycle, f"more {tenge}", increment=True) for tenge in (60, 50)
    ))  # fmt: skip

    assert [answer.reason for answer in answers] == [Reason.PER_DAY_LIMIT, None]
    assert await made.balance(engines, card) == (kzt(900), kzt(50))


async def test_what_is_taken_at_once_counts_whatever_was_taken_before(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000, Limits(per_day=kzt(150)))
    forced = cleared(card, 100)

    answers = await tell(money, forced, question(card, 100, forced.lifecycle, single=True))

    assert [answer.reason for answer in answers] == [None, Reason.PER_DAY_LIMIT]


@pytest.mark.parametrize("order", list(permutations(("ask", "reverse", "clear"))))
async def test_whatever_comes_first_the_same_money_leaves(
    engines: Engines, money: Money, order: tuple[str, ...]
) -> None:
    card = await made.spender(engines, money, 100)
    lifecycle = f"L-{ids.new()}"
    told: dict[str, NetworkMessage] = {
        "ask": question(card, 80, lifecycle),
        "reverse": taken_back(card, 30, lifecycle),
        "clear": cleared(card, 50, lifecycle),
    }

    for name in order:
        [answer] = await tell(money, told[name])
        # Nothing is promised after the last clearing: 50 of the 80 were taken, the rest would be held by nobody.
        over = name == "ask" and order == ("clear", "ask", "reverse")
        assert answer.reason is (Reason.PURCHASE_OVER if over else None)

    assert await made.balance(engines, card) == (kzt(50), kzt(0))


async def test_a_reversal_before_its_question_leaves_nothing_held(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    lifecycle = f"L-{ids.new()}"

    await tell(money, taken_back(card, 80, lifecycle))
    [late] = await tell(money, question(card, 80, lifecycle))

    assert late.approved
    assert await made.balance(engines, card) == (kzt(100), kzt(0))


async def test_a_clearing_nobody_asked_for_is_paid_all_the_same(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)

    [answer] = await tell(money, cleared(card, 70))

    assert answer.approved
    assert await made.balance(engines, card) == (kzt(30), kzt(0))


@pytest.mark.fresh
async def test_what_the_wallet_cannot_cover_the_operator_lends(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 80)

    await tell(money, asked, cleared(card, 150, asked.lifecycle))

    assert await made.balance(engines, card) == (kzt(0), kzt(0))
    assert await made.operator(engines, "card_receivable") == kzt(-50)
    assert await made.operator(engines, "card_clearing") == kzt(150)
    assert (await read(engines, asked.payment)).elements[-1].short == kzt(50)


@pytest.mark.fresh
async def test_a_clearing_for_a_card_of_nobody_waits_in_suspense(engines: Engines, money: Money) -> None:
    [declined, booked] = await tell(money, question(None, 10, "L-1"), cleared(None, 10, "L-1"))

    assert (declined.approved, declined.code) == (False, "14")
    assert (booked.approved, booked.payment) == (True, declined.payment)
    assert await made.operator(engines, "suspense") == kzt(-10)
    assert await made.operator(engines, "card_clearing") == kzt(10)


@pytest.mark.fresh
async def test_a_promise_the_network_made_for_a_card_of_nobody_is_booked(engines: Engines, money: Money) -> None:
    [answer] = await tell(money, question(None, 10, "L-1", advice=True))
    async with db.transaction(engines.worker) as story:
        [lapse] = await expiry.due(await story(), at=story.now + term.TERMS[0].absent, limit=9)

    await tell(money, lapse)

    assert answer.approved
    assert lapse.payment == answer.payment
    assert (await read(engines, answer.payment)).sums().status is Status.PENDING  # its time is not over yet


async def test_one_lifecycle_named_for_two_cards_is_two_payments(engines: Engines, money: Money) -> None:
    mine, other = [await made.spender(engines, money, 100) for _ in range(2)]
    asked = question(mine, 60)
    await tell(money, asked)

    [answer] = await tell(money, cleared(other, 60, asked.lifecycle))

    assert answer.payment != asked.payment
    assert await made.balance(engines, mine) == (kzt(100), kzt(60))
    assert await made.balance(engines, other) == (kzt(40), kzt(0))


async def test_what_the_network_promised_in_our_place_is_booked_beyond_the_balance(
    engines: Engines, money: Money
) -> None:
    card = await made.spender(engines, money, 100)
    await made.freeze(engines, card)

    advice = question(card, 150, advice=True)
    [answer] = await tell(money, advice)

    assert answer.approved
    assert await made.balance(engines, card) == (kzt(100), kzt(100))

    await tell(money, cleared(card, 150, advice.lifecycle))
    assert await made.balance(engines, card) == (kzt(0), kzt(0))


async def test_a_frozen_card_declines_and_still_pays_what_was_promised(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    asked = question(card, 60)
    await tell(money, asked)
    await made.freeze(engines, card)

    declined, booked = await tell(money, question(card, 1), cleared(card, 60, asked.lifecycle))

    assert (declined.approved, declined.reason) == (False, Reason.CARD_FROZEN)
    assert booked.approved
    assert await made.balance(engines, card) == (kzt(40), kzt(0))


async def test_a_day_is_limited_over_batches_and_within_one(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1000, Limits(per_day=kzt(100)))

    first = question(card, 60)
    answers = [*await tell(money, first, question(card, 50)), *await tell(money, question(card, 41))]
    await tell(money, taken_back(card, 60, first.lifecycle))
    answers += await tell(money, question(card, 100))

    assert [answer.approved for answer in answers] == [True, False, False, True]
    assert answers[1].reason is answers[2].reason is Reason.PER_DAY_LIMIT


async def test_a_closed_wallet_pays_nothing_and_the_network_is_paid(
    engines: Engines, money: Money, database: str
) -> None:
    card = await made.spender(engines, money, 0)
    await made.close_wallet(database, card)

    declined, advised, booked = await tell(
        money, question(card, 10), question(card, 10, advice=True), cleared(card, 60)
    )

    assert (declined.approved, declined.reason) == (False, Reason.WALLET_CLOSED)
    assert advised.approved
    assert booked.approved
    assert (await read(engines, booked.payment)).elements[-1].short == kzt(60)
    assert await made.balance(engines, card) == (kzt(0), kzt(0))
