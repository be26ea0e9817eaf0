"""Holds to their end: several captures, the last one, the time that is over, and the worker that gives back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app import hold_expiry, ids
from app.house import House
from app.money import Money
from tests.conftest import Engines
from tests.wallet.ledgers import forward, funded, kzt, move
from wallet.transfer import AccountId, Capture, Hold, HoldId, Kind, Posted, Reason, Refused, Release, TransferId

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


async def placed(engines: Engines, money: Money, tenge: int, lasts: timedelta | None = None) -> Hold:
    """Set money aside in a new wallet that has 100, for an hour unless told."""
    payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
    until = await now(engines) + (lasts or HOUR)
    hold = Hold(id=HoldId(ids.new()), debit=payer, credit=payee, money=kzt(tenge), code="test", expires_at=until)
    [answer] = await move(money, hold)
    assert isinstance(answer, Posted)
    return hold


async def test_a_hold_is_captured_in_parts_and_the_last_one_frees_the_rest(engines: Engines, money: Money) -> None:
    hold = await placed(engines, money, 60)

    answers = await move(
        money, take(hold, 20, final=False), take(hold, 25, final=False), take(hold, 5), take(hold, 1, final=False)
    )

    assert [kind(answer) for answer in answers] == ["40", "40", "50", Reason.HOLD_SPENT]
    assert await left(engines, hold.debit) == (50_00, 0)


async def test_what_is_captured_beyond_the_hold_comes_from_what_is_available_or_not_at_all(
    engines: Engines, money: Money
) -> None:
    hold = await placed(engines, money, 60)

    answers = await move(money, take(hold, 101), take(hold, 61, final=False), take(hold, 1))

    assert [kind(answer) for answer in answers] == [Reason.INSUFFICIENT_FUNDS, "39", Reason.HOLD_SPENT]


@pytest.mark.parametrize("swept", [False, True], ids=["before the worker came", "after the worker came"])
async def test_a_capture_after_the_hold_s_time_is_refused(
    house: House, engines: Engines, money: Money, database: str, swept: bool
) -> None:
    hold = await placed(engines, money, 60)
    await forward(database, 2 * HOUR)
    if swept:
        await hold_expiry.step(house)

    assert await move(money, take(hold, 1)) == [Refused(Reason.HOLD_EXPIRED)]


async def test_the_worker_gives_back_by_a_transfer_what_nobody_captured_in_time(
    house: House, engines: Engines, money: Money, database: str
) -> None:
    due = [await placed(engines, money, 60) for _ in range(3)]
    [_] = await move(money, take(due[0], 10, final=False))
    later = await placed(engines, money, 60, lasts=5 * HOUR)
    assert await hold_expiry.step(house) == 0

    await forward(database, 2 * HOUR)
    ended = await asyncio.gather(*(hold_expiry.step(house) for _ in range(3)))

    assert sum(ended) == 3
    assert [await left(engines, hold.debit) for hold in (*due, later)] == [
        (90_00, 0),
        (100_00, 0),
        (100_00, 0),
        (100_00, 60_00),
    ]
    assert await kinds(engines, due[0]) == ["hold", "capture", "expire"]


async def test_nobody_ends_a_hold_before_its_time_nor_begins_one_after_it(engines: Engines, money: Money) -> None:
    hold = await placed(engines, money, 60)
    over = Hold(
        id=HoldId(ids.new()), debit=hold.debit, credit=hold.credit, money=kzt(1), code="test",
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    early = Release(id=TransferId(ids.new()), hold=hold.id, code="test", kind=Kind.EXPIRE)
    given_up = Release(id=TransferId(ids.new()), hold=hold.id, code="test")
    answers = await move(money, early, over, given_up)

    assert [kind(answer) for answer in answers] == [Reason.HOLD_NOT_DUE, Reason.HOLD_EXPIRED, "100"]


def take(hold: Hold, tenge: int, *, final: bool = True) -> Capture:
    return Capture(id=TransferId(ids.new()), hold=hold.id, money=kzt(tenge), code="test", final=final)


def kind(answer: Posted | Refused) -> str:
    """Say why it was refused, or what can be spent after it, in tenge."""
    return answer.reason if isinstance(answer, Refused) else str(answer.available // 100)


async def left(engines: Engines, account: AccountId) -> tuple[int, int]:
    async with engines.report.connect() as db:
        row = (
            await db.execute(text("SELECT posted, hold_out FROM wallet.account WHERE id = :id"), {"id": account})
        ).one()
    return row.posted, row.hold_out


async def kinds(engines: Engines, hold: Hold) -> list[str]:
    async with engines.report.connect() as db:
        steps = text("SELECT kind FROM wallet.transfer WHERE id = :id OR of = :id ORDER BY seq")
        return list(await db.scalars(steps, {"id": hold.id}))


async def now(engines: Engines) -> datetime:
    async with engines.report.connect() as db:
        found = await db.scalar(text("SELECT now() + advanced_by FROM app.clock"))
    assert isinstance(found, datetime)
    return found
