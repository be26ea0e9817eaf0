"""What the ledger answers to each kind of move, on the real database."""

import asyncio

import pytest
from sqlalchemy import text

from app import ids
from app.money import Money
from law.money import EUR
from law.money import Money as Amount
from tests.conftest import Engines
from tests.wallet.ledgers import bank, funded, kzt, move, opened, post
from wallet.transfer import AccountId, Capture, Hold, HoldId, Move, Posted, Reason, Refused, Release, TransferId

pytestmark = pytest.mark.asyncio


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


async def test_money_that_leaves_one_wallet_arrives_in_the_other(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 0 + 1])

    [answer] = await move(money, post(payer, payee, kzt(30)))

    assert isinstance(answer, Posted)
    assert answer.available == 70_00
    assert await balances(engines, payer, payee) == [70_00, 31_00]


async def test_nobody_spends_more_than_there_is(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])

    answers = await move(money, post(payer, payee, kzt(7)), post(payer, payee, kzt(7)), post(payer, payee, kzt(3)))

    assert [type(answer) for answer in answers] == [Posted, Refused, Posted]
    assert answers[1] == Refused(Reason.INSUFFICIENT_FUNDS)
    assert await balances(engines, payer, payee) == [0, 11_00]


async def test_of_a_hundred_who_spend_the_last_tenge_one_succeeds(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [1, 1])

    answers = await asyncio.gather(*(move(money, post(payer, payee, kzt(1))) for _ in range(100)))

    assert sum(isinstance(answer, Posted) for [answer] in answers) == 1
    assert await balances(engines, payer, payee) == [0, 2_00]


async def test_each_bad_move_gets_its_own_answer_and_its_neighbours_are_untouched(
    engines: Engines, money: Money
) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])
    nobody = AccountId(ids.new())
    asked: dict[Reason, Move] = {
        Reason.NOT_POSITIVE: post(payer, payee, kzt(0)),
        Reason.SAME_ACCOUNT: post(payer, payer, kzt(1)),
        Reason.UNKNOWN_ACCOUNT: post(payer, nobody, kzt(1)),
        Reason.WRONG_CURRENCY: post(payer, payee, Amount(100, EUR)),
        Reason.BEYOND_BIGINT: post(await bank(engines.posting), payee, Amount(2**63 - 1, kzt(1).currency)),
        Reason.UNKNOWN_HOLD: Capture(id=TransferId(ids.new()), hold=HoldId(ids.new()), money=kzt(1), code="test"),
    }

    answers = await move(money, *asked.values(), post(payer, payee, kzt(1)))

    assert answers[:-1] == [Refused(reason) for reason in asked]
    assert isinstance(answers[-1], Posted)
    assert await balances(engines, payer, payee) == [9_00, 2_00]


async def test_a_hold_binds_money_until_it_is_captured_or_released(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(60), code="test")

    [placed] = await move(money, hold)
    [too_much] = await move(money, post(payer, payee, kzt(50)))
    [partly] = await move(money, capture(hold, 20, final=False))
    [rest] = await move(money, Release(id=TransferId(ids.new()), hold=hold.id, code="test"))
    [late] = await move(money, capture(hold, 1))

    assert isinstance(placed, Posted)
    assert placed.available == 40_00
    assert too_much == Refused(Reason.INSUFFICIENT_FUNDS)
    assert isinstance(partly, Posted)
    assert isinstance(rest, Posted)
    assert rest.available == 80_00
    assert late == Refused(Reason.HOLD_SPENT)
    assert await balances(engines, payer, payee) == [80_00, 21_00]


async def test_a_final_capture_over_the_hold_takes_the_rest_from_what_is_available(
    engines: Engines, money: Money
) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(60), code="test")

    answers = await move(money, hold, capture(hold, 101), capture(hold, 100))

    assert [type(answer) for answer in answers] == [Posted, Refused, Posted]
    assert await balances(engines, payer, payee) == [0, 101_00]


async def test_the_posting_role_can_write_a_balance_only_through_the_function(engines: Engines) -> None:
    wallet = await opened(engines.api)

    async with engines.posting.connect() as db:
        with pytest.raises(Exception, match="permission denied"):
            await db.execute(text("UPDATE wallet.account SET posted = 1 WHERE id = :id"), {"id": wallet})


def capture(hold: Hold, tenge: int, *, final: bool = True) -> Capture:
    return Capture(id=TransferId(ids.new()), hold=hold.id, money=kzt(tenge), code="test", final=final)


async def balances(engines: Engines, *accounts: AccountId) -> list[int]:
    async with engines.report.connect() as db:
        rows = await db.execute(
            text("SELECT id, posted FROM wallet.account WHERE id = ANY(:ids)"), {"ids": list(accounts)}
        )
        found = {row.id: row.posted for row in rows}
    return [found[account] for account in accounts]
