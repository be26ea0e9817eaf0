"""What the card and the programme say about a payment is about all of it, however often more of it is asked."""

import pytest

from app.money import Money
from cards.card import Card, Limits
from cards.payments.reason import Reason
from tests.cards import made
from tests.cards.made import cleared, question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio
LIFE = "L-1"


async def limited(engines: Engines, money: Money) -> Card:
    return await made.spender(engines, money, 1_000, Limits(per_payment=kzt(100)))


async def test_no_limit_of_a_payment_is_passed_by_asking_for_more_of_it(engines: Engines, money: Money) -> None:
    card = await limited(engines, money)
    asked = [question(card, 60, LIFE), question(card, 41, LIFE, element="more", increment=True)]
    asked.append(question(card, 40, LIFE, element="less", increment=True))

    answers = await tell(money, *asked)

    assert [answer.reason for answer in answers] == [None, Reason.PER_PAYMENT_LIMIT, None]
    assert (await tell(money, question(card, 100, "L-2")))[0].approved, "each payment has its own"


async def test_what_was_given_up_may_be_asked_again(engines: Engines, money: Money) -> None:
    card = await limited(engines, money)
    await tell(money, question(card, 100, LIFE), taken_back(card, 50, LIFE))

    [more] = await tell(money, question(card, 50, LIFE, element="more", increment=True))

    assert more.approved


async def test_a_question_that_its_clearing_overtook_is_counted_once(engines: Engines, money: Money) -> None:
    card = await limited(engines, money)
    await tell(money, cleared(card, 100, LIFE))

    [late] = await tell(money, question(card, 100, LIFE))

    assert late.reason is not Reason.PER_PAYMENT_LIMIT
