"""Reversals: what was moved is moved back, whole or in parts, once, and never more than was moved."""

import asyncio

import pytest
from sqlalchemy import text

from app import ids
from app.money import FIRST_LANE, Money
from law.money import EUR
from law.money import Money as Amount
from tests.conftest import Engines
from tests.wallet.ledgers import REFUSED, funded, group, kzt, move, opened, post, second_lane
from wallet import leaf
from wallet.crossing import twin
from wallet.sheet import Moved
from wallet.transfer import AccountId, Hold, HoldId, Posted, Reason, Refused, Reverse, TransferId

pytestmark = pytest.mark.asyncio


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


def back(of: TransferId, tenge: int | None = None) -> Reverse:
    return Reverse(id=TransferId(ids.new()), of=of, money=None if tenge is None else kzt(tenge), code="test.back")


async def test_parts_are_moved_back_until_nothing_is_left(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    sent = post(payer, payee, kzt(60))

    answers = await move(money, sent, back(sent.id, 20), back(sent.id, 41), back(sent.id), back(sent.id))

    assert [reason(answer) for answer in answers] == [None, None, Reason.MORE_THAN_MOVED, None, Reason.MORE_THAN_MOVED]
    assert await posted(engines, payer, payee) == [100_00, 1_00]


async def test_of_many_who_move_the_same_back_at_once_no_more_comes_back_than_was_moved(
    engines: Engines, money: Money
) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 100])
    sent = post(payer, payee, kzt(60))
    await move(money, sent)
    desks = [Money(engines.posting) for _ in range(3)]

    answers = await asyncio.gather(*(move(desks[n % 3], back(sent.id, 20)) for n in range(12)))

    assert sum(isinstance(answer, Posted) for [answer] in answers) == 3
    assert await posted(engines, payer, payee) == [100_00, 100_00]


async def test_who_has_spent_it_can_not_give_it_back(engines: Engines, money: Money) -> None:
    payer, payee, third = await funded(engines.api, engines.posting, money, [100, 1, 1])
    sent = post(payer, payee, kzt(60))
    await move(money, sent, post(payee, third, kzt(61)))

    assert await move(money, back(sent.id)) == [Refused(Reason.INSUFFICIENT_FUNDS)]


async def test_what_moved_nothing_or_is_a_reversal_is_not_reversible(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(1), code="test")
    sent = post(payer, payee, kzt(60))
    undone = back(sent.id)
    await move(money, hold, sent, undone)

    euros = Reverse(id=TransferId(ids.new()), of=sent.id, money=Amount(1, EUR), code="test")
    answers = await move(money, back(TransferId(hold.id)), back(undone.id), back(sent.id), euros)

    wrong = [Reason.NOT_REVERSIBLE, Reason.NOT_REVERSIBLE, Reason.MORE_THAN_MOVED, Reason.MORE_THAN_MOVED]
    assert [reason(answer) for answer in answers] == wrong


async def test_what_crossed_lanes_crosses_back_whole_or_in_part_by_either_of_its_names(
    engines: Engines, money: Money
) -> None:
    lanes = [FIRST_LANE, await second_lane(engines.worker)]
    [payer] = await funded(engines.api, engines.posting, money, [100])
    payee = await opened(engines.api, lane=lanes[1])
    sent = post(payer, payee, kzt(60))
    await move(money, sent, lanes=lanes)

    alone = await move(money, back(sent.id, 1))
    answers = await move(money, back(sent.id, 20), back(twin(sent.id), 30), back(sent.id), back(sent.id), lanes=lanes)

    assert alone == [Refused(Reason.OTHER_LANE)]
    assert [reason(answer) for answer in answers] == [None, None, None, Reason.MORE_THAN_MOVED]
    assert await posted(engines, payer, payee) == [100_00, 0]


async def test_a_reversal_in_a_group_that_fails_counts_for_nothing(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    sent = post(payer, payee, kzt(60))
    await move(money, sent)

    failed = await group(money, back(sent.id, 50), post(payee, payer, kzt(12)))
    [whole] = await move(money, back(sent.id))

    assert failed == [Refused(Reason.INSUFFICIENT_FUNDS)]
    assert isinstance(whole, Posted)
    assert await posted(engines, payer, payee) == [100_00, 1_00]


async def test_the_database_counts_again(engines: Engines, money: Money, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 100])
    sent = post(payer, payee, kzt(60))
    await move(money, sent, back(sent.id, 50))
    monkeypatch.setattr("wallet.desk.Moved", forgetful)

    with pytest.raises(REFUSED, match="not that much"):
        await move(money, back(sent.id, 50))


def forgetful(row: leaf.Row, *, back: int, crossed: bool) -> Moved:
    """Forget what was moved back before."""
    return Moved(row, back=back * 0, crossed=crossed)


def reason(answer: Posted | Refused) -> Reason | None:
    return answer.reason if isinstance(answer, Refused) else None


async def posted(engines: Engines, *accounts: AccountId) -> list[int]:
    async with engines.report.connect() as db:
        rows = await db.execute(
            text("SELECT id, posted FROM wallet.account WHERE id = ANY(:ids)"), {"ids": list(accounts)}
        )
        found = {row.id: row.posted for row in rows}
    return [found[account] for account in accounts]
