"""Who gets a card: caps that no race exceeds, the notice, the term."""

import asyncio
from datetime import UTC, date, datetime

import msgspec
import pytest
from sqlalchemy import text

from app import ids
from cards.card import Act, Limits, State
from cards.order import IssuingStopped, NoticeNotAccepted, Order, last_day
from law.regime import CapReached
from tests.cards import made
from tests.conftest import Engines
from tests.wallet import ledgers
from tests.wallet.ledgers import kzt


@pytest.mark.parametrize(
    ("ordered_at", "months", "ends"),
    [
        (datetime(2026, 11, 22, 9, tzinfo=UTC), 12, date(2027, 10, 31)),
        (datetime(2026, 11, 1, 9, tzinfo=UTC), 12, date(2027, 10, 31)),
        (datetime(2026, 10, 31, 18, 59, tzinfo=UTC), 12, date(2027, 9, 30)),  # 23:59 in Almaty
        (datetime(2026, 10, 31, 19, 0, tzinfo=UTC), 12, date(2027, 10, 31)),  # 00:00 of 1 November in Almaty
        (datetime(2027, 2, 28, 9, tzinfo=UTC), 12, date(2028, 1, 31)),
        (datetime(2027, 3, 15, 9, tzinfo=UTC), 12, date(2028, 2, 29)),
        (datetime(2026, 12, 31, 9, tzinfo=UTC), 12, date(2027, 11, 30)),
        (datetime(2026, 12, 31, 9, tzinfo=UTC), 36, date(2029, 11, 30)),
    ],
)
def test_a_card_ends_with_the_last_whole_month_of_its_term(ordered_at: datetime, months: int, ends: date) -> None:
    assert last_day(ordered_at, months) == ends


@pytest.mark.asyncio
async def test_a_virtual_card_can_be_used_the_moment_it_is_ordered(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder), limits=Limits(per_day=kzt(5)))

    card = await made.ordered(engines, request)

    assert (card.state, card.version, card.expires_on) == (State.ACTIVE, 2, made.EXPIRY)
    assert (card.issuance_basis, card.notice_version) == (made.regime().basis, made.regime().notice.version)
    assert await made.found(engines, card) == card
    assert await made.told(engines, card.id) == ["card.ordered", "card.activated"]


@pytest.mark.asyncio
async def test_nobody_gets_a_card_on_another_notice_than_the_one_in_force(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder), notice_version="sandbox-2025-9")

    with pytest.raises(NoticeNotAccepted) as refused:
        await made.ordered(engines, request)

    assert refused.value.version == made.regime().notice.version


@pytest.mark.asyncio
async def test_a_programme_that_winds_down_adds_no_card(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder))

    with pytest.raises(IssuingStopped):
        await made.ordered(engines, request, msgspec.structs.replace(made.regime(), issues_cards=False))


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_the_cap_of_the_programme_is_never_exceeded_by_a_race(engines: Engines) -> None:
    full = made.regime(cards=7)
    requests = [await somebody(engines) for _ in range(20)]

    ended = await asyncio.gather(
        *(made.ordered(engines, request, full) for request in requests), return_exceptions=True
    )

    refusals = [outcome for outcome in ended if isinstance(outcome, CapReached)]
    assert len(refusals) == 13
    assert {(refused.cap, refused.most) for refused in refusals} == {("cards", 7)}
    assert await alive(engines) == (7, 7)


@pytest.mark.asyncio
async def test_the_cap_of_a_customer_is_never_exceeded_by_a_race(engines: Engines) -> None:
    holder = ids.new()
    account = await ledgers.opened(engines.api, holder)
    few = made.regime(cards_per_customer=2)

    ended = await asyncio.gather(
        *(made.ordered(engines, made.asked(holder, account), few) for _ in range(10)), return_exceptions=True
    )

    refusals = [outcome for outcome in ended if isinstance(outcome, CapReached)]
    assert len(refusals) == 8
    assert {refused.cap for refused in refusals} == {"cards_per_customer"}


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_closed_card_gives_its_place_back(engines: Engines) -> None:
    one = made.regime(cards=1, cards_per_customer=1)
    request = await somebody(engines)
    first = await made.ordered(engines, request, one)
    await made.act(engines, first, Act.CLOSE)

    second = await made.ordered(engines, made.asked(request.holder, request.account), one)

    assert second.state is State.ACTIVE
    assert await alive(engines) == (1, 1)


async def somebody(engines: Engines) -> Order:
    holder = ids.new()
    return made.asked(holder, await ledgers.opened(engines.api, holder))


async def alive(engines: Engines) -> tuple[int, int]:
    """Answer the running total and the number of cards that are not closed."""
    async with engines.report.connect() as connection:
        row = (await connection.execute(_ALIVE)).one()
    return row.counted, row.found


_ALIVE = text(
    """
    SELECT (SELECT alive FROM cards.circulation) AS counted,
           (SELECT count(*) FROM cards.card
            WHERE NOT EXISTS (SELECT FROM cards.change WHERE card = card.id AND state = 'closed')) AS found
    """
)
