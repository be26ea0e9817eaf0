"""What the ledger answers to each kind of move, on the real database."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import text

from app import ids
from app.money import FIRST_LANE, Money, plainly
from law.money import EUR, KZT, AmountOutOfRange
from law.money import Money as Amount
from tests.conftest import Engines
from tests.wallet.ledgers import bank, fresh, funded, kzt, move, opened, post
from wallet.desk import Desk
from wallet.transfer import (
    AccountId,
    Answer,
    Capture,
    Hold,
    HoldId,
    Move,
    Posted,
    Reason,
    Refused,
    Release,
    Reverse,
    TransferId,
)


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


@pytest.mark.asyncio
async def test_money_that_leaves_one_wallet_arrives_in_the_other(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 0 + 1])

    [answer] = await move(money, post(payer, payee, kzt(30)))

    assert isinstance(answer, Posted)
    assert answer.available == 70_00
    assert await balances(engines, payer, payee) == [70_00, 31_00]


@pytest.mark.asyncio
async def test_nobody_spends_more_than_there_is(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])

    answers = await move(money, post(payer, payee, kzt(7)), post(payer, payee, kzt(7)), post(payer, payee, kzt(3)))

    assert [type(answer) for answer in answers] == [Posted, Refused, Posted]
    assert answers[1] == Refused(Reason.INSUFFICIENT_FUNDS)
    assert await balances(engines, payer, payee) == [0, 11_00]


@pytest.mark.asyncio
async def test_of_a_hundred_who_spend_the_last_tenge_one_succeeds(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [1, 1])

    answers = await asyncio.gather(*(move(money, post(payer, payee, kzt(1))) for _ in range(100)))

    assert sum(isinstance(answer, Posted) for [answer] in answers) == 1
    assert await balances(engines, payer, payee) == [0, 2_00]


@pytest.mark.asyncio
async def test_each_bad_move_gets_its_own_answer_and_its_neighbours_are_untouched(
    engines: Engines, money: Money
) -> None:
    payer, payee, closed = await funded(engines.api, engines.posting, money, [10, 1, 1])
    await emptied(money, closed, payee)
    nobody, transfer = AccountId(ids.new()), TransferId(ids.new())
    source = await bank(engines.posting)
    good = post(payer, payee, kzt(1))
    asked: dict[Reason, Move] = {
        Reason.NOT_POSITIVE: post(payer, payee, kzt(0)),
        Reason.SAME_ACCOUNT: post(payer, payer, kzt(1)),
        Reason.UNKNOWN_ACCOUNT: post(payer, nobody, kzt(1)),
        Reason.ACCOUNT_CLOSED: post(payer, closed, kzt(1)),
        Reason.WRONG_OWNER: msgspec.structs.replace(post(payer, payee, kzt(1)), owner=ids.new()),
        Reason.WRONG_CURRENCY: post(payer, payee, Amount(100, EUR)),
        Reason.INSUFFICIENT_FUNDS: post(payer, payee, kzt(11)),
        Reason.BEYOND_BIGINT: post(source, payee, Amount(2**63 - 1, KZT)),
        Reason.ID_TAKEN: msgspec.structs.replace(good, money=kzt(2)),
        Reason.UNKNOWN_HOLD: Capture(id=transfer, hold=HoldId(ids.new()), money=kzt(1), code="test"),
        Reason.UNKNOWN_TRANSFER: Reverse(id=transfer, of=transfer, code="test"),
    }
    before = await stored(engines)

    answers = await move(money, good, *asked.values(), post(payer, payee, kzt(1)))

    assert answers[1:-1] == [Refused(reason) for reason in asked]
    assert isinstance(answers[0], Posted)
    assert isinstance(answers[-1], Posted)
    assert await balances(engines, payer, payee) == [8_00, 4_00]
    assert await stored(engines) == before + 2


@pytest.mark.asyncio
@pytest.mark.parametrize("minor", [-(2**63), -1, 0])
async def test_nothing_and_less_than_nothing_do_not_move(engines: Engines, money: Money, minor: int) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])

    [answer] = await move(money, post(payer, payee, Amount(minor, KZT)))

    assert answer == Refused(Reason.NOT_POSITIVE)


def test_an_amount_beyond_bigint_is_no_money() -> None:
    with pytest.raises(AmountOutOfRange):
        Amount(2**63, KZT)


@pytest.mark.asyncio
async def test_a_transfer_asked_for_again_is_answered_as_it_was_first(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])
    first, other = post(payer, payee, kzt(6)), post(payer, payee, kzt(3))

    [done] = await move(money, first)
    answers = await move(money, other, first, msgspec.structs.replace(first, code="other"), post(payer, payee, kzt(1)))

    assert answers[1] == done, "though the wallet could not pay it a second time"
    assert answers[2] == Refused(Reason.ID_TAKEN)
    assert [type(answer) for answer in answers] == [Posted, Posted, Refused, Posted]
    assert await balances(engines, payer, payee) == [0, 11_00]


@pytest.mark.asyncio
async def test_a_transfer_asked_for_twice_at_once_happens_once(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])
    asked = post(payer, payee, kzt(1))

    answers = await asyncio.gather(*(move(money, asked, post(payer, payee, kzt(1))) for _ in range(5)))

    assert len({str(mine) for mine, _ in answers}) == 1
    assert await balances(engines, payer, payee) == [4_00, 7_00]


@pytest.mark.asyncio
async def test_a_hold_and_its_steps_asked_for_again_are_answered_as_they_were_first(
    engines: Engines, money: Money
) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(9), code="test")
    part = capture(hold, 2, final=False)
    given_up = Release(id=TransferId(ids.new()), hold=hold.id, code="test")
    steps: list[Move] = [hold, part, given_up, Reverse(id=TransferId(ids.new()), of=part.id, code="test")]

    first = await move(money, *steps)
    again = await move(money, *steps)
    [other] = await move(money, msgspec.structs.replace(hold, money=kzt(8)))

    assert again == first
    assert all(isinstance(answer, Posted) for answer in first)
    assert other == Refused(Reason.ID_TAKEN)
    assert await balances(engines, payer, payee) == [10_00, 1_00]


@pytest.mark.asyncio
async def test_only_an_empty_account_is_closed_and_then_it_moves_nothing(engines: Engines, money: Money) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])

    [full] = await closing(money, payer)
    await emptied(money, payer, payee)
    [again] = await closing(money, payer)
    [late] = await move(money, post(payee, payer, kzt(1)))

    assert full == Refused(Reason.ACCOUNT_IN_USE)
    assert again == Refused(Reason.ACCOUNT_CLOSED)
    assert late == Refused(Reason.ACCOUNT_CLOSED)


@pytest.mark.asyncio
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


@pytest.mark.asyncio
async def test_a_final_capture_over_the_hold_takes_the_rest_from_what_is_available(
    engines: Engines, money: Money
) -> None:
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(60), code="test")

    answers = await move(money, hold, capture(hold, 101), capture(hold, 100))

    assert [type(answer) for answer in answers] == [Posted, Refused, Posted]
    assert await balances(engines, payer, payee) == [0, 101_00]


@pytest.mark.asyncio
async def test_the_posting_role_can_write_a_balance_only_through_the_function(engines: Engines) -> None:
    wallet = await opened(engines.api)

    async with engines.posting.connect() as db:
        with pytest.raises(Exception, match="permission denied"):
            await db.execute(text("UPDATE wallet.account SET posted = 1 WHERE id = :id"), {"id": wallet})


async def closing(money: Money, *accounts: AccountId) -> list[Refused | None]:
    """Close accounts at the desk."""

    async def close(desk: Desk, asked: Sequence[AccountId]) -> Sequence[Answer]:
        await desk.load(asked)
        answers.extend(desk.close(each, actor="system:test") for each in asked)
        return [Refused(Reason.ACCOUNT_CLOSED) for _ in asked]

    answers: list[Refused | None] = []
    await money.submit(close, accounts, lanes=[FIRST_LANE], claim=fresh(), render=plainly)
    return answers


async def emptied(money: Money, account: AccountId, into: AccountId) -> None:
    """Empty an account and close it."""
    [moved] = await move(money, post(account, into, kzt(1)))
    assert isinstance(moved, Posted)
    while not isinstance((await move(money, post(account, into, kzt(1))))[0], Refused):
        pass
    assert await closing(money, account) == [None]


async def stored(engines: Engines) -> int:
    """Count the transfers there are."""
    async with engines.report.connect() as db:
        return int(await db.scalar(text("SELECT count(*) FROM wallet.transfer")) or 0)


def capture(hold: Hold, tenge: int, *, final: bool = True) -> Capture:
    return Capture(id=TransferId(ids.new()), hold=hold.id, money=kzt(tenge), code="test", final=final)


async def balances(engines: Engines, *accounts: AccountId) -> list[int]:
    async with engines.report.connect() as db:
        rows = await db.execute(
            text("SELECT id, posted FROM wallet.account WHERE id = ANY(:ids)"), {"ids": list(accounts)}
        )
        found = {row.id: row.posted for row in rows}
    return [found[account] for account in accounts]
