"""Through the till: what payments come to is what their cards, holders and months are counted to, whatever comes."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from app import clock
from app.money import FIRST_LANE, Money
from cards.card import Card, Limits
from cards.payments.message import Lapse, Operation, Refund
from cards.payments.reason import Reason
from cards.spending.histogram import Histogram, Used
from law import calendar
from law.regime import PROGRAMME
from tests.cards import made
from tests.cards.made import cleared, question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def counted(engines: Engines, card: Card) -> Used:
    """Read what the row of a card says; that of its holder, who has no other card, says the same."""
    async with engines.report.connect() as connection:
        rows = (await connection.execute(_ROWS, {"card": card.id, "holder": card.holder})).all()
    own, holder = (Histogram(row.buckets).between(0) for row in rows)
    assert own == holder
    return own


async def turned_over(engines: Engines) -> int:
    async with engines.report.connect() as connection:
        return int(
            await connection.scalar(text("SELECT coalesce(sum(used), 0)::bigint FROM cards.turnover_slice")) or 0
        )


_DUE = text("UPDATE cards.promise SET due_at = now() WHERE payment = :payment RETURNING due_at")
_ROWS = text("SELECT buckets FROM cards.velocity WHERE subject IN (:card, :holder) ORDER BY scope")


async def test_what_is_given_up_is_given_back(engines: Engines, money: Money) -> None:
    card, before = await made.spender(engines, money, 1_000, Limits(per_day=kzt(500))), await turned_over(engines)
    asked = question(card, 500)
    await tell(money, asked)
    assert (await counted(engines, card), await turned_over(engines) - before) == (Used(500_00, 1), 500_00)
    [full] = await tell(money, question(card, 1))

    await tell(money, taken_back(card, 200, asked.lifecycle, "part"))
    assert await counted(engines, card) == Used(300_00, 1, declines=1)
    await tell(money, taken_back(card, 300, asked.lifecycle, "rest"))

    assert full.reason is Reason.PER_DAY_LIMIT
    assert (await counted(engines, card), await turned_over(engines) - before) == (Used(declines=1), 0)
    assert [answer.approved for answer in await tell(money, question(card, 500))] == [True]


async def test_what_lapses_is_given_back_without_its_card_being_named(engines: Engines, money: Money) -> None:
    card, before = await made.spender(engines, money, 1_000), await turned_over(engines)
    [answer] = await tell(money, question(card, 500))

    async with engines.posting.begin() as connection:
        due_at = await connection.scalar(_DUE, {"payment": answer.payment})
    await tell(money, Lapse(lane=FIRST_LANE, payment=answer.payment, due_at=due_at))

    assert (await counted(engines, card), await turned_over(engines) - before) == (Used(), 0)


async def test_what_is_taken_counts_once_and_a_force_post_as_well(engines: Engines, money: Money) -> None:
    card, before = await made.spender(engines, money, 1_000), await turned_over(engines)
    asked = question(card, 500)

    await tell(money, asked, cleared(card, 600, asked.lifecycle), cleared(card, 50))

    assert (await counted(engines, card), await turned_over(engines) - before) == (Used(650_00, 2), 650_00)


async def test_a_refund_gives_nothing_back(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000, Limits(per_day=kzt(500)))
    asked = question(card, 500)
    await tell(money, asked, cleared(card, 500, asked.lifecycle))
    told = msgspec.structs.asdict(cleared(card, 500, "back", "refund"))

    await tell(money, Refund(**{name: told[name] for name in Refund.__struct_fields__ if name in told}))

    assert await counted(engines, card) == Used(500_00, 1)
    assert [answer.reason for answer in await tell(money, question(card, 1))] == [Reason.PER_DAY_LIMIT]


async def test_a_decline_counts_as_one_and_spends_nothing(engines: Engines, money: Money) -> None:
    card, before = await made.spender(engines, money, 10), await turned_over(engines)

    await tell(money, question(card, 11), question(card, 12))

    assert (await counted(engines, card), await turned_over(engines) - before) == (Used(declines=2), 0)


async def test_an_advice_counts_though_no_limit_lets_it(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000, Limits(per_day=kzt(10)))

    await tell(money, question(card, 20, advice=True))

    assert await counted(engines, card) == Used(20_00, 1)


async def test_cash_of_the_till_is_counted_apart(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 2_000_000)

    answers = await tell(
        money,
        *(question(card, tenge, operation=Operation.CASH) for tenge in (300_000, 300_000)),
        question(card, 300_000),
    )

    assert [answer.reason for answer in answers] == [None, Reason.CASH_LIMIT, None]
    used = await counted(engines, card)
    assert (used.times, used.cash_times, used.declines) == (2, 1, 1)
    assert used.cash_amount >= 300_000_00


async def test_children_spend_together_what_their_parents_card_may(engines: Engines, money: Money) -> None:
    parent = await made.spender(engines, money, 1_000, Limits(per_day=kzt(500)))
    asked = [made.asked(parent.holder, parent.account, parent=parent.id) for _ in range(2)]
    one, other = [await made.ordered(engines, each) for each in asked]

    answers = await tell(money, question(one, 300), question(other, 200), question(other, 1), question(parent, 500))

    assert [answer.reason for answer in answers] == [None, None, Reason.FAMILY_LIMIT, None]


async def test_a_child_spends_what_the_regime_lets_children(engines: Engines, money: Money) -> None:
    minors = PROGRAMME.at(made.AT.date()).policy.minors
    assert minors is not None
    most = minors.per_day.minor // 100
    parent = await made.spender(engines, money, 2 * most)
    child = await made.ordered(engines, made.asked(parent.holder, parent.account, parent=parent.id))

    answers = [(await tell(money, question(child, tenge)))[0] for tenge in (most // 2, most // 2, 1)]

    assert [answer.reason for answer in answers] == [None, None, Reason.CHILD_LIMIT]


async def test_a_repeat_counts_nothing(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000)
    asked = question(card, 500)

    await tell(money, asked)
    await tell(money, asked, asked)

    assert await counted(engines, card) == Used(500_00, 1)


async def test_more_of_a_payment_counts_where_it_was_opened(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000, Limits(per_day=kzt(500)))
    asked = question(card, 300)

    answers = await tell(money, asked, *(_more(card, asked.lifecycle, tenge) for tenge in (201, 200)))

    assert [answer.reason for answer in answers] == [None, Reason.PER_DAY_LIMIT, None]
    assert await counted(engines, card) == Used(500_00, 1, declines=1)


async def test_more_of_a_payment_of_last_month_counts_in_last_month(engines: Engines, money: Money) -> None:
    card, before = await made.spender(engines, money, 1_000), await turned_over(engines)
    asked = question(card, 300)
    await tell(money, asked)
    async with engines.posting.begin() as connection:
        await connection.execute(_TAKEN_BACK)
    next_month = calendar.add_months(calendar.statutory_date(clock.real()).replace(day=1), 1)

    [answer] = await tell(money, _more(card, asked.lifecycle, 200), at=calendar.day_starts(next_month))

    assert answer.approved, answer.reasons
    assert await turned_over(engines) - before == 500_00
    async with engines.report.connect() as connection:
        assert not await connection.scalar(_USED, {"month": next_month})


#: What another lane does that needs all there is.
_TAKEN_BACK = text(
    """
    WITH idle AS (
        UPDATE cards.turnover_slice SET granted = used RETURNING month, old.granted - new.granted AS back
    ), back AS (SELECT month, sum(back) AS minor FROM idle GROUP BY month)
    UPDATE cards.turnover SET granted = granted - back.minor FROM back WHERE back.month = turnover.month
    """
)
_USED = text("SELECT sum(used) FROM cards.turnover_slice WHERE month = :month")


def _more(card: Card, lifecycle: str, tenge: int) -> Any:  # noqa: ANN401  a question
    return question(card, tenge, lifecycle, f"more-{tenge}", increment=True)
