"""Many callers, one transaction: what each of them may rely on."""

import asyncio
import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from app import batch, db, idempotency_key, ids
from app.batch import Batch, Overloaded, Unavailable
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, plainly
from app.settings import Settings
from migrations import walls
from tests.app.wire_cutter import cutting
from tests.conftest import Engines
from tests.wallet.ledgers import fresh, funded, kzt, move, post, read
from wallet.desk import Desk
from wallet.transfer import Posted

pytestmark = pytest.mark.asyncio


async def echo(desk: Desk, items: Sequence[Any]) -> Sequence[Any]:
    """Answer each item with its place in this batch, and the batch's transaction."""
    batch_id = await desk.db.scalar(text("SELECT pg_current_xact_id()::text"))
    return [(batch_id, item) for item in items]


def show(answers: Sequence[Any]) -> Stored:
    return Stored(200, msgspec.json.encode(answers))


async def submit(queue: Batch, item: object, verb: batch.Verb = echo, key: str | None = None) -> tuple[Any, bool]:
    reply = await queue.submit(verb, [item], lanes=[FIRST_LANE], claim=fresh(key, item), render=show)
    return msgspec.json.decode(reply.stored.body)[0], reply.replayed


async def test_what_queues_while_a_batch_commits_is_the_next_batch_in_the_order_it_came(engines: Engines) -> None:
    queue = Batch(engines.posting)
    first = asyncio.create_task(submit(queue, 0))
    await asyncio.sleep(0)

    rest = await asyncio.gather(*(submit(queue, item) for item in range(1, 50)))

    [first_batch, _], _ = await first
    later = {answer[0] for answer, _ in rest}
    assert len(later) == 1
    assert first_batch not in later
    assert [answer[1] for answer, _ in rest] == list(range(1, 50))


async def test_a_crowd_is_shared_out_in_the_order_it_came(engines: Engines) -> None:
    queue = Batch(engines.posting)

    found = await asyncio.gather(*(submit(queue, item) for item in range(4 * batch.SHARE_MIN)))

    batches = [int(batch_id) for (batch_id, _), _ in found]
    assert [item for (_, item), _ in found] == list(range(len(found)))
    assert batches == sorted(batches)
    assert max(batches.count(each) for each in batches) == len(found) // 2


async def test_a_lone_move_takes_two_round_trips(engines: Engines, settings: Settings) -> None:
    async with cutting(settings.database_url) as (front, counter):
        behind = db.engine(msgspec.structs.replace(settings, database_url=front), walls.POSTING)
        money = Money(behind)
        payer, payee = await funded(engines.api, engines.posting, money, [100, 1])
        await move(money, post(payer, payee, kzt(1)))  # the statements are prepared now

        before = counter.round_trips
        [answer] = await move(money, post(payer, payee, kzt(1)))
        taken = counter.round_trips - before

        await behind.dispose()
    assert isinstance(answer, Posted)
    assert taken == 2


async def test_who_waits_for_a_lane_leaves_connections_to_look_ups(engines: Engines, settings: Settings) -> None:
    mine = db.engine(settings, walls.POSTING)
    money = Money(mine)
    verbs = [functools.partial(echo) for _ in range(2 * db.POOLS[walls.POSTING])]

    async with engines.posting.begin() as other:
        await other.execute(text("SELECT FROM wallet.lane WHERE lane = :lane FOR UPDATE"), {"lane": FIRST_LANE})
        waiting = [
            asyncio.create_task(money.submit(verb, [1], lanes=[FIRST_LANE], claim=fresh(), render=show))
            for verb in verbs
        ]
        for _ in range(len(verbs)):
            await asyncio.sleep(0)
        assert await money.lanes([ids.new()]) == set()
        assert mine.pool.checkedout() <= batch.ON_LANE_MAX  # type: ignore[attr-defined]  # QueuePool has it

    assert len(await asyncio.gather(*waiting)) == len(verbs)
    await money.drain()
    await mine.dispose()


async def test_a_repeat_gets_the_first_answer_and_another_payload_is_refused(engines: Engines) -> None:
    queue = Batch(engines.posting)

    answer, replayed = await submit(queue, "a", key="one")
    again, replayed_again = await submit(queue, "a", key="one")
    with pytest.raises(idempotency_key.Reused):
        await submit(queue, "b", key="one")

    assert (replayed, replayed_again) == (False, True)
    assert again == answer


async def test_repeats_within_one_batch_get_one_effect(engines: Engines) -> None:
    queue = Batch(engines.posting)

    found = await asyncio.gather(*(submit(queue, "a", key="same") for _ in range(20)))

    assert len({str(answer) for answer, _ in found}) == 1
    assert sum(not replayed for _, replayed in found) == 1


async def test_one_bad_item_does_not_touch_its_neighbours(engines: Engines) -> None:
    async def fragile(desk: Desk, items: Sequence[Any]) -> Sequence[Any]:
        for item in items:
            await desk.db.execute(text("SELECT 1 / :item"), {"item": item})
        return items

    queue = Batch(engines.posting)

    found = await asyncio.gather(*(submit(queue, item, fragile) for item in (1, 2, 0, 3)), return_exceptions=True)

    assert [answer for answer in found if not isinstance(answer, Exception)] == [(1, False), (2, False), (3, False)]
    assert "division by zero" in str(found[2])


async def test_a_full_queue_takes_nothing_more(engines: Engines) -> None:
    queue = Batch(engines.posting, capacity=2)
    waiting = [asyncio.create_task(submit(queue, item)) for item in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await submit(queue, 2)

    assert len(await asyncio.gather(*waiting)) == 2
    assert await submit(queue, 3)


async def test_a_caller_who_leaves_does_not_take_his_entry_along(engines: Engines) -> None:
    money = Money(engines.posting)
    payer, payee = await funded(engines.api, engines.posting, money, [10, 1])
    claim = fresh("left")
    leaving = asyncio.create_task(
        money.move([post(payer, payee, kzt(4))], lanes=[FIRST_LANE], claim=claim, render=plainly)
    )
    await asyncio.sleep(0)

    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await money.drain()

    [answer] = await move(money, post(payer, payee, kzt(4)), named=claim)
    assert isinstance(answer, Posted)
    assert answer.available == 6_00


async def test_a_commit_whose_answer_is_lost_is_found_and_not_repeated(engines: Engines, settings: Settings) -> None:
    async with cutting(settings.database_url) as (front, cutter):
        behind = db.engine(msgspec.structs.replace(settings, database_url=front), walls.POSTING)
        money = Money(behind)
        payer, payee = await funded(engines.api, engines.posting, money, [100, 1])

        cutter.armed = 1
        answers = await asyncio.gather(*(move(money, post(payer, payee, kzt(1))) for _ in range(10)))

        await behind.dispose()
    assert cutter.cuts == 1
    assert all(isinstance(answer, Posted) for [answer] in answers)
    assert await paid(engines, payer) == [100_00, *([-1_00] * 10)]


async def test_a_database_that_stays_away_leaves_the_outcome_open(settings: Settings) -> None:
    async with cutting(settings.database_url) as (front, _):
        pass  # the address is free again, and nobody answers there
    unreachable = db.engine(msgspec.structs.replace(settings, database_url=front), walls.POSTING)

    with pytest.raises(Unavailable):
        await submit(Batch(unreachable, pauses_s=(0.0, 0.0)), "a")

    await unreachable.dispose()


async def test_a_bulk_is_one_entry_and_answers_in_its_order(engines: Engines) -> None:
    money = Money(engines.posting)
    payer, payee = await funded(engines.api, engines.posting, money, [3, 1])

    reply = await money.move(
        [post(payer, payee, kzt(tenge)) for tenge in (1, 5, 2)], lanes=[FIRST_LANE], claim=fresh(), render=plainly
    )

    assert [type(answer).__name__ for answer in read(reply.stored.body)] == ["Posted", "Refused", "Posted"]


async def test_the_lane_counts_without_a_gap_whatever_is_refused(engines: Engines) -> None:
    money = Money(engines.posting)
    payer, payee = await funded(engines.api, engines.posting, money, [5, 1])
    await asyncio.gather(*(move(money, post(payer, payee, kzt(2))) for _ in range(9)))

    async with engines.report.connect() as connection:
        gaps = await connection.scalar(
            text(
                "SELECT count(*) FROM (SELECT seq - lag(seq) OVER (ORDER BY seq) AS step FROM wallet.transfer)"
                " WHERE step <> 1"
            )
        )
        head, last = (
            await connection.execute(text("SELECT seq, (SELECT max(seq) FROM wallet.transfer) FROM wallet.lane"))
        ).one()

    assert gaps == 0
    assert head == last


async def paid(engines: Engines, account: object) -> list[int]:
    async with engines.report.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT CASE WHEN debit = :id THEN -amount ELSE amount END FROM wallet.transfer"
                " WHERE :id IN (debit, credit) ORDER BY seq"
            ),
            {"id": account},
        )
        return list(rows.scalars())
