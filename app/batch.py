"""Many callers, one transaction: how money moves and swipes are decided.

One queue per (verb, lanes). What queued while the last batch was committing is the next batch; there is no timer, so a
lone request waits for nobody and a crowd shares one commit. A batch opens the transaction, locks its lanes in order,
answers repeats from what is stored, lets the verb decide the rest one after the other in memory, and writes effects,
idempotency rows with their encoded answers, and events in that transaction. No state survives it: any number of
processes may do this, and a crash leaves nothing to repair.

- One bad item never fails its neighbours: refusals are values, and a batch the database rejects is tried in halves.
- A caller who goes away does not take his entry out of the batch.
- A connection lost at COMMIT leaves the outcome open, so the same batch is run again: under the lanes' locks its
  entries are either found as done or done now.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy.exc
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock, idempotency_key
from app import db as db_
from app.idempotency_key import Claim, Stored
from wallet.desk import Desk
from wallet.ledger import Lane

Verb = Callable[[Desk, Sequence[Any]], Awaitable[Sequence[Any]]]
Render = Callable[[Sequence[Any]], Stored]

_log = structlog.get_logger()

# NO KEY: a wallet that is being opened refers to its lane and need not wait for its batch, nor the batch for it.
_LOCK = text(
    """
    SELECT lane, seq, block, head, (SELECT advanced_by FROM app.clock) AS advanced_by
    FROM wallet.lane WHERE lane = ANY(:lanes) ORDER BY lane FOR NO KEY UPDATE OF lane
    """
)
_KNOWN = text(
    """
    SELECT principal, key, request_hash, status, headers, body
    FROM app.idempotency JOIN unnest(CAST(:principals AS text[]), CAST(:keys AS text[])) AS asked (principal, key)
    USING (principal, key)
    """
)
_STORE = text(
    """
    INSERT INTO app.idempotency (principal, key, request_hash, status, headers, body)
    SELECT principal, key, request_hash, status, CAST(headers AS jsonb), body
    FROM unnest(CAST(:principals AS text[]), CAST(:keys AS text[]), CAST(:hashes AS bytea[]),
                CAST(:statuses AS smallint[]), CAST(:headers AS text[]), CAST(:bodies AS bytea[]))
         AS answer (principal, key, request_hash, status, headers, body)
    """
)


class Overloaded(Exception):
    """The queue is full; nothing was taken in."""


class Unavailable(Exception):
    """The database did not answer in time; whether the entry is done shows when the same key is sent again."""


class UnknownLane(Exception):
    """A lane the entry names does not exist: a mistake of ours."""


class Reply(NamedTuple):
    """The stored answer of an entry, and whether it was given before."""

    stored: Stored
    replayed: bool


class Entry:
    """What one caller handed in: one item, or a bulk that is answered as one."""

    __slots__ = ("answered", "claim", "items", "render")

    def __init__(self, items: Sequence[Any], claim: Claim, render: Render) -> None:
        self.items = items
        self.claim = claim
        self.render = render
        self.answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.answered.add_done_callback(_look)


def _look(answered: asyncio.Future[Reply]) -> None:
    # A caller who left will not ask for the exception; asyncio would log it as lost.
    if not answered.cancelled():
        answered.exception()


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
        self._engine = engine
        self._pauses_s = pauses_s
        self._capacity = capacity
        self._size_max = size_max
        self._waiting = 0
        self._queues: dict[Key, deque[Entry]] = {}
        self._runners: dict[Key, asyncio.Task[None]] = {}

    async def submit(
        self, verb: Verb, items: Sequence[Any], *, lanes: Sequence[int], claim: Claim, render: Render
    ) -> Reply:
        """Queue `items` and await their stored answer.

        Raises Overloaded, Unavailable, idempotency_key.Reused. `render` encodes the verb's answers, in the order of the
        items; it runs inside the transaction and must not fail.
        """
        if self._waiting + len(items) > self._capacity and self._waiting:
            raise Overloaded
        key = (verb, tuple(sorted(set(lanes))))
        entry = Entry(items, claim, render)
        self._queues.setdefault(key, deque()).append(entry)
        self._waiting += len(items)
        if key not in self._runners:
            self._runners[key] = asyncio.create_task(self._run(key))
        return await asyncio.shield(entry.answered)

    async def drain(self) -> None:
        """Wait until everything taken in is answered."""
        while self._runners:
            await asyncio.wait(list(self._runners.values()))

    async def _run(self, key: Key) -> None:
        queue = self._queues[key]
        try:
            while queue:
                entries = self._next(queue)
                try:
                    await self._settle(key, entries)
                finally:
                    self._waiting -= sum(len(entry.items) for entry in entries)
        finally:
            del self._runners[key], self._queues[key]

    def _next(self, queue: deque[Entry]) -> list[Entry]:
        entries = [queue.popleft()]
        size = len(entries[0].items)
        while queue and size + len(queue[0].items) <= self._size_max:
            entries.append(queue.popleft())
            size += len(entries[-1].items)
        return entries

    async def _settle(self, key: Key, entries: list[Entry]) -> None:
        """Answer every entry, whatever happens."""
        try:
            replies = await self._insist(key, entries)
        except Unavailable as error:
            for entry in entries:
                entry.answered.set_exception(error)
        except Exception as error:  # noqa: BLE001  the one at fault is found by halving and told
            if len(entries) == 1:
                entries[0].answered.set_exception(error)
                return
            _log.error("batch_rejected", size=len(entries), exc_info=error)
            half = len(entries) // 2
            await self._settle(key, entries[:half])
            await self._settle(key, entries[half:])
        else:
            for entry, reply in zip(entries, replies, strict=True):
                if isinstance(reply, Exception):
                    entry.answered.set_exception(reply)
                else:
                    entry.answered.set_result(reply)

    async def _insist(self, key: Key, entries: list[Entry]) -> list[Reply | Exception]:
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            try:
                return await self._transact(key, entries)
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not (db_.passes(error) or _met_at_another_door(error)):
                    raise
                _log.warning("batch_again", error=type(error).__name__, sqlstate=db_.sqlstate(error))
        raise Unavailable

    async def _transact(self, key: Key, entries: list[Entry]) -> list[Reply | Exception]:
        verb, lanes = key
        async with self._engine.begin() as db:
            desk = await _open(db, lanes)
            round_ = _Round(entries, await _known(db, entries))
            answers = await verb(desk, round_.items) if round_.items else []
            await desk.write()
            await _store(db, round_.settle(answers))
        return round_.replies()


def _met_at_another_door(error: Exception) -> bool:
    """Say whether a key was taken by `app/idempotency.py` meanwhile; tried again, the batch finds it."""
    said = getattr(getattr(error, "orig", None), "diag", None)
    return db_.sqlstate(error) == "23505" and getattr(said, "table_name", None) == "idempotency"


async def _open(db: AsyncConnection, lanes: Sequence[int]) -> Desk:
    """Lock the lanes in order. What the batch reads after this can't change before it commits."""
    rows = (await db.execute(_LOCK, {"lanes": list(lanes)})).all()
    if len(rows) != len(lanes):
        raise UnknownLane
    return Desk(db, clock.real() + rows[0].advanced_by, [Lane(row.lane, row.seq, row.block, row.head) for row in rows])


async def _known(db: AsyncConnection, entries: Sequence[Entry]) -> dict[tuple[str, str], tuple[bytes, Stored]]:
    principals = [entry.claim.principal for entry in entries]
    keys = [entry.claim.key for entry in entries]
    rows = await db.execute(_KNOWN, {"principals": principals, "keys": keys})
    return {(row.principal, row.key): (row.request_hash, Stored(row.status, row.body, row.headers)) for row in rows}


async def _store(db: AsyncConnection, answers: Sequence[tuple[Claim, Stored]]) -> None:
    if answers:
        await db.execute(
            _STORE,
            {
                "principals": [claim.principal for claim, _ in answers],
                "keys": [claim.key for claim, _ in answers],
                "hashes": [claim.request_hash for claim, _ in answers],
                "statuses": [stored.status for _, stored in answers],
                "headers": [msgspec.json.encode(stored.headers).decode() for _, stored in answers],
                "bodies": [stored.body for _, stored in answers],
            },
        )


class _Round:
    """The entries of one batch, told apart: done before, doubled within the batch, and those to decide now."""

    def __init__(self, entries: Sequence[Entry], known: dict[tuple[str, str], tuple[bytes, Stored]]) -> None:
        self._entries = entries
        self._known = dict(known)
        self._fresh: list[Entry] = []
        claimed = set(known)
        for entry in entries:
            place = (entry.claim.principal, entry.claim.key)
            if place not in claimed:
                claimed.add(place)
                self._fresh.append(entry)
        self.items = [item for entry in self._fresh for item in entry.items]

    def settle(self, answers: Sequence[Any]) -> list[tuple[Claim, Stored]]:
        """Encode the answers of the entries decided now; they are what is stored."""
        settled = []
        start = 0
        for entry in self._fresh:
            stored = entry.render(answers[start : start + len(entry.items)])
            start += len(entry.items)
            settled.append((entry.claim, stored))
            self._known[entry.claim.principal, entry.claim.key] = (entry.claim.request_hash, stored)
        assert start == len(answers), "a verb answers each item"
        return settled

    def replies(self) -> list[Reply | Exception]:
        """Answer each entry: the fresh ones, and repeats with what the first got."""
        fresh = {id(entry) for entry in self._fresh}
        return [self._reply(entry, replayed=id(entry) not in fresh) for entry in self._entries]

    def _reply(self, entry: Entry, *, replayed: bool) -> Reply | Exception:
        request_hash, stored = self._known[entry.claim.principal, entry.claim.key]
        if request_hash != entry.claim.request_hash:
            return idempotency_key.Reused()
        return Reply(stored, replayed)
