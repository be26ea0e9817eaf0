"""The worker rests while nothing is due, and is called by the queues."""

import asyncio
import os
import signal

import pytest
from sqlalchemy import text

from app import db, due, ids, outbox, worker
from app.house import House
from proof import journal
from tests.app.test_outbox import Noted
from tests.wallet.ledgers import AT, funded
from wallet import tables

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]


async def note(house: House) -> None:
    async with db.transaction(house.worker) as story:
        fact = journal.Fact(aggregate=ids.new(), at=AT, actor="test", event=Noted(1))
        await journal.append(await story(), tables.event, fact)


async def asked(house: House) -> tuple[dict[str, int], set[str]]:
    async with db.transaction(house.worker) as story:
        connection = await story()
        return await due.waiting(connection, story.now), set(await due.kinds(connection, story.now))


async def test_what_is_due_is_told_by_kind_and_by_number(house: House) -> None:
    await worker.catch_up(house)
    nothing, nobody = await asked(house)
    await note(house)
    await funded(house.api, house.posting, house.money, [50])

    rows, kinds = await asked(house)

    assert (set(nothing.values()), nobody) == ({0}, set())
    async with house.worker.connect() as connection:
        queued = await connection.scalar(text("SELECT count(*) FROM app.outbox"))
        moved = await connection.scalar(text("SELECT sum(seq - relayed) FROM wallet.lane"))
    assert rows == {**nothing, "relay": queued + moved}
    assert kinds == {"relay"}


async def test_every_queue_calls_a_step_that_exists() -> None:
    assert set(due.WORK) | set(due.ASKED) <= set(worker.STEPS)


async def test_a_resting_step_is_called_as_soon_as_something_is_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an hour to rest, only the call can wake it."""
    rested, relayed = asyncio.Event(), asyncio.Event()

    async def relay(house: House) -> int:
        found = await outbox.step(house)
        (relayed if found else rested).set()
        return found

    monkeypatch.setattr(worker, "PAUSE_S", 3_600.0)
    monkeypatch.setattr(worker, "STEPS", {"relay": relay})
    running = asyncio.create_task(worker.run(house))
    async with asyncio.timeout(20):
        await rested.wait()
        await note(house)
        await relayed.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def test_a_step_that_fails_is_taken_again_and_stops_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, again, other = 0, asyncio.Event(), asyncio.Event()

    async def failing(_: House) -> int:
        nonlocal failed
        failed += 1
        if failed > 1:
            again.set()
        raise ZeroDivisionError

    async def working(_: House) -> int:
        other.set()
        return 0

    monkeypatch.setattr(worker, "_AFTER_FAULT_S", 0.01)
    monkeypatch.setattr(worker, "STEPS", {"failing": failing, "working": working})
    running = asyncio.create_task(worker.run(house))
    async with asyncio.timeout(20):
        await again.wait()
        await other.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await running
