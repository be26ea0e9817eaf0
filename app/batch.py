"""Many callers, one transaction: how money moves and swipes are decided.

One queue per (verb, lanes). What queued while the last batch was decided is the next batch; there is no timer, so a
lone request waits for nobody and a crowd shares one commit. A batch opens the transaction, locks its lanes in order,
answers repeats from what is stored, lets the verb decide the rest one after the other in memory, and writes effects,
idempotency rows with their encoded answers, and events in that transaction (app/posting.py). No state survives it: any
number of processes may do this, and a crash leaves nothing to repair.

- While PostgreSQL stores one batch, a crowd's next one is read and waits for the lock on a connection of its own. It is
  shared out between the two, so that we answer one half's callers, and hear what they ask next, while it writes the
  other's.
- One bad item never fails its neighbours: refusals are values, and a batch the database rejects is tried in halves.
- A caller who goes away does not take his entry out of the batch.
- A connection lost at COMMIT leaves the outcome open, so the same batch is run again: under the lanes' locks its
  entries are either found as done or done now.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import sqlalchemy.exc
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db as db_
from app import posting
from app.idempotency_key import Claim
from app.posting import Entry, Render, Reply, Turn, UnknownLane, Verb, naming

__all__ = ["Batch", "Overloaded", "Render", "Reply", "Unavailable", "UnknownLane", "Verb", "naming"]

_log = structlog.get_logger()

#: Batches of this process under way on a lane, of whatever verb: one is stored, one waits for its lock. Others would
#: wait for it with a connection in hand that look-ups and other lanes need.
ON_LANE_MAX = 2
#: Fewer than this are not shared out: the second commit would cost more than what is done meanwhile.
SHARE_MIN = 64
#: Fewer than this wait until what is being stored is stored: they would wait for its lock anyway, and share a commit
#: with those who come meanwhile.
BESIDE_MIN = 32


class Overloaded(Exception):
    """The queue is full; nothing was taken in."""


class Unavailable(Exception):
    """The database did not answer in time; whether the entry is done shows when the same key is sent again."""


Key = tuple[Verb, tuple[int, ...]]


class Batch:
    """The queues of one process. `capacity` bounds the items waiting, `size_max` those of one transaction.

    `pauses_s` are the waits before each try while the database is away or a lock is not to be had.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        capacity: int = 8_192,
        size_max: int = 512,
        pauses_s: Sequence[float] = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0),
    ) -> None:
        # BEGIN and COMMIT are said by app/posting.py, with what comes after and before: the driver would wait for each.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._pauses_s = pauses_s
        self._capacity = capacity
        self._size_max = size_max
        self._waiting = 0
        self._queues: dict[Key, deque[Entry]] = {}
        self._runners: dict[Key, asyncio.Task[None]] = {}
        self._doors: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(ON_LANE_MAX))

    async def submit(
        self, verb: Verb, items: Sequence[Any], *, lanes: Sequence[int], claim: Claim, render: Render
    ) -> Reply:
        """Queue `items` and await their stored answer.

        Raises Overloaded, Unavailable, idempotency_key.Reused. `render` encodes the verb's answers, in the order of the
        items; it runs inside the transaction and must not fail.
        """
        if self._waiting + len(items) > self._capacity and self._waiting:
            raise Overloaded
        key = (verb, tuple(lanes if len(lanes) == 1 else sorted(set(lanes))))
        entry = Entry(items, claim, render)
        self._queues.setdefault(key, deque()).append(entry)
        self._waiting += len(items)
        if key not in self._runners:
            self._runners[key] = asyncio.create_task(self._run(key))
        return await entry.answered

    async def drain(self) -> None:
        """Wait until everything taken in is answered."""
        while self._runners:
            await asyncio.wait(list(self._runners.values()))

    async def _run(self, key: Key) -> None:
        """Work off a queue with at most two batches under way: one that is being stored, and the next."""
        queue = self._queues[key]
        storing: Turn | None = None
        over: dict[Turn, asyncio.Task[None]] = {}
        try:
            while queue or storing:
                following = None
                if queue and (storing is None or sum(len(entry.items) for entry in queue) >= BESIDE_MIN):
                    following = Turn(*key, self._next(queue, beside=storing.size if storing else 0))
                    over[following] = asyncio.create_task(self._take(following))
                    await following.sent.wait()
                if storing:
                    await over.pop(storing)
                storing = following
        finally:
            del self._runners[key], self._queues[key]

    def _next(self, queue: deque[Entry], *, beside: int) -> list[Entry]:
        """Take the next batch: of a crowd at most half, counting those `beside` it."""
        waiting = beside + sum(len(entry.items) for entry in queue)
        most = min(self._size_max, max(SHARE_MIN, (waiting + 1) // 2))
        entries = [queue.popleft()]
        size = len(entries[0].items)
        while queue and size + len(queue[0].items) <= most:
            entries.append(queue.popleft())
            size += len(entries[-1].items)
        return entries

    async def _take(self, turn: Turn) -> None:
        try:
            async with contextlib.AsyncExitStack() as doors:
                for lane in turn.lanes:  # in the one order all batches keep, as with the locks behind them
                    await doors.enter_async_context(self._doors[lane])
                await self._settle(turn)
        finally:
            turn.sent.set()
            self._waiting -= turn.size

    async def _settle(self, turn: Turn) -> None:
        """Answer every entry, whatever happens."""
        try:
            replies = await self._insist(turn)
        except Unavailable as error:
            for entry in turn.entries:
                entry.answer(error)
        except Exception as error:  # noqa: BLE001  the one at fault is found by halving and told
            if len(turn.entries) == 1:
                turn.entries[0].answer(error)
                return
            _log.error("batch_rejected", size=len(turn.entries), exc_info=error)
            for half in turn.halves():
                await self._settle(half)
        else:
            for entry, reply in zip(turn.entries, replies, strict=True):
                entry.answer(reply)

    async def _insist(self, turn: Turn) -> list[Reply | Exception]:
        for pause_s in self._pauses_s:
            if pause_s:
                await asyncio.sleep(pause_s)
            try:
                return await posting.run(self._engine, turn)
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not (db_.passes(error) or _met_at_another_door(error)):
                    raise
                _log.warning("batch_again", error=type(error).__name__, sqlstate=db_.sqlstate(error))
        raise Unavailable


def _met_at_another_door(error: Exception) -> bool:
    """Say whether a key was taken by `app/idempotency.py` meanwhile; tried again, the batch finds it."""
    said = getattr(getattr(error, "orig", None), "diag", None)
    return db_.sqlstate(error) == "23505" and getattr(said, "table_name", None) == "idempotency"
