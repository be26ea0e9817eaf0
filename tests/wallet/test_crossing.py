"""Several lanes: where wallets live, and money that goes between them, all or not at all."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from app import db, ids, lane, verify
from app.lane import LastLane, UnknownLane
from app.money import FIRST_LANE, Money
from app.settings import Settings
from tests.conftest import Engines
from tests.wallet.ledgers import REFUSED, bank, funded, group, kzt, move, opened, post, second_lane
from wallet import account, crossing
from wallet.crossing import twin
from wallet.ledger import Account
from wallet.sheet import Sheet
from wallet.transfer import AccountId, Hold, HoldId, Kind, Post, Posted, Reason, Refused

pytestmark = pytest.mark.asyncio


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


async def two(engines: Engines, money: Money, tenge: int) -> tuple[AccountId, AccountId, list[int]]:
    """Give a wallet with money on the first lane, an empty one on the second, and both lanes."""
    lanes = [FIRST_LANE, await second_lane(engines.worker)]
    [here] = await funded(engines.api, engines.posting, money, [tenge])
    return here, await opened(engines.api, lane=lanes[1]), lanes


async def test_money_crosses_to_another_lane_by_two_transfers_that_belong_together(
    engines: Engines, money: Money
) -> None:
    payer, payee, lanes = await two(engines, money, 100)
    sent = post(payer, payee, kzt(30))

    [answer] = await move(money, sent, lanes=lanes)

    assert isinstance(answer, Posted)
    assert (answer.id, answer.lane, answer.available) == (sent.id, FIRST_LANE, 70_00)
    assert await posted(engines, payer, payee) == [70_00, 30_00]
    async with engines.report.connect() as connection:
        rows = (
            await connection.execute(
                text("SELECT id, lane, debit, credit FROM wallet.transfer WHERE linked = :id ORDER BY lane"),
                {"id": sent.id},
            )
        ).all()
        groups = await connection.execute(
            text("SELECT transfers, total FROM wallet.linked WHERE id = :id"), {"id": sent.id}
        )
        assert [tuple(row) for row in groups] == [(1, 2), (1, 2)]
    assert [(row.id, row.lane) for row in rows] == [(sent.id, lanes[0]), (twin(sent.id), lanes[1])]
    assert (rows[0].debit, rows[1].credit) == (payer, payee)


async def test_asked_for_again_it_is_answered_as_it_was_and_nothing_moves(engines: Engines, money: Money) -> None:
    payer, payee, lanes = await two(engines, money, 100)
    elsewhere = await opened(engines.api, lane=lanes[1])
    sent = post(payer, payee, kzt(60))

    first = await move(money, sent, lanes=lanes)
    again = await move(money, sent, lanes=lanes)
    other = await move(money, msgspec.structs.replace(sent, credit=elsewhere), lanes=lanes)

    assert again == first
    assert other == [Refused(Reason.ID_TAKEN)]
    assert await posted(engines, payer, payee, elsewhere) == [40_00, 60_00, 0]


async def test_what_cannot_cross_is_refused_and_moves_nothing(engines: Engines, money: Money) -> None:
    payer, payee, lanes = await two(engines, money, 100)
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(1), code="test")

    answers = await move(money, post(payer, payee, kzt(101)), hold, lanes=lanes)
    [alone] = await move(money, post(payer, payee, kzt(1)))

    assert answers == [Refused(Reason.INSUFFICIENT_FUNDS), Refused(Reason.OTHER_LANE)]
    assert alone == Refused(Reason.UNKNOWN_ACCOUNT), "the other lane is not at this desk"
    assert await posted(engines, payer, payee) == [100_00, 0]


async def test_a_group_over_both_lanes_happens_all_or_not_at_all(engines: Engines, money: Money) -> None:
    payer, payee, lanes = await two(engines, money, 100)
    third = await opened(engines.api)

    refused = await group(
        money, post(payer, payee, kzt(60)), post(payee, third, kzt(60)), post(payer, third, kzt(41)), lanes=lanes
    )
    untouched = await posted(engines, payer, payee, third)
    done = await group(
        money, post(payer, payee, kzt(60)), post(payee, third, kzt(60)), post(payer, third, kzt(40)), lanes=lanes
    )

    assert refused == [Refused(Reason.INSUFFICIENT_FUNDS)]
    assert untouched == [100_00, 0, 0]
    assert len(done) == 3
    assert await posted(engines, payer, payee, third) == [0, 0, 100_00]


async def test_many_who_send_both_ways_at_once_wait_for_each_other_in_order(
    engines: Engines, money: Money, database: str
) -> None:
    here, there, lanes = await two(engines, money, 100)
    other = Money(engines.posting)

    answers = await asyncio.gather(
        *(move(money, post(here, there, kzt(3)), lanes=lanes) for _ in range(20)),
        *(move(other, post(there, here, kzt(1)), lanes=lanes[::-1]) for _ in range(20)),
        *(move(other, post(here, there, kzt(1)), post(here, there, kzt(100)), lanes=lanes) for _ in range(5)),
    )

    mine = await posted(engines, here, there)
    assert sum(mine) == 100_00
    out = sum(3 * isinstance(each[0], Posted) for each in answers[:20]) + sum(
        isinstance(each[0], Posted) for each in answers[40:]
    )
    assert mine[1] // 100 == out - sum(isinstance(each[0], Posted) for each in answers[20:40])
    assert verify.ledger(database).sound


@pytest.mark.nightly
async def test_lanes_in_two_processes_at_once(
    engines: Engines, money: Money, settings: Settings, database: str
) -> None:
    here, there, lanes = await two(engines, money, 1_000)
    told = [settings.database_url, settings.role_password or "", str(settings.keys), *map(str, lanes)]
    ways = ((here, there), (there, here))

    sending = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.wallet.sender", *told, str(payer), str(payee), "100",
            cwd=Path(__file__).parents[2],
        )
        for payer, payee in ways
    ]  # fmt: skip

    assert [await each.wait() for each in sending] == [0, 0]
    assert sum(await posted(engines, here, there)) == 1_000_00
    verdict = verify.ledger(database)
    assert verdict.sound
    assert verdict.looked_at["transfers"] > 200


@pytest.mark.fresh
async def test_a_wallet_opened_later_lives_on_a_lane_that_takes_newcomers(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        connection = await story()
        second = await lane.add(connection)
        both = {await account.newcomers_lane(connection, ids.new()) for _ in range(64)}
        await lane.turn(connection, FIRST_LANE, opens=False)
        then = {await account.newcomers_lane(connection, ids.new()) for _ in range(16)}
        with pytest.raises(LastLane):
            await lane.turn(connection, second, opens=False)
        with pytest.raises(UnknownLane):
            await lane.turn(connection, 99, opens=True)

    assert (second, both, then) == (2, {1, 2}, {2})


async def test_the_database_refuses_a_group_of_which_a_transfer_is_missing(
    engines: Engines, money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee, lanes = await two(engines, money, 100)
    source = await bank(engines.posting)

    def carry(sheet: Sheet, asked: Post, debit: Account, _: Account) -> Posted:
        """Let money leave and never arrive."""
        transit = sheet.accounts[sheet.transit[debit.lane, lanes[1], "KZT"]]
        return sheet.record(asked, Kind.POST, debit, transit, amount=asked.money.minor)

    monkeypatch.setattr(crossing, "carry", carry)

    with pytest.raises(REFUSED, match="money in transit"):
        await group(money, post(payer, payee, kzt(1)), post(source, payer, kzt(1)), lanes=lanes)
    assert await posted(engines, payer, payee) == [100_00, 0]


async def posted(engines: Engines, *accounts: AccountId) -> list[int]:
    async with engines.report.connect() as connection:
        rows = await connection.execute(
            text("SELECT id, posted FROM wallet.account WHERE id = ANY(:ids)"), {"ids": list(accounts)}
        )
        found = {row.id: row.posted for row in rows}
    return [found[each] for each in accounts]
