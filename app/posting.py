"""One batch as one transaction, in two round trips: BEGIN, lock, load; then post, store the answers, COMMIT.

queues    app/batch.py            Batch       many callers' entries, batch after batch
runs      app/posting.py          run()       <- you are here
decides   the verb of the queue, at wallet/desk.py

What the verb itself asks the database comes in between, at a round trip each; what it can name beforehand (`naming`)
comes with the lock.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock, idempotency_key
from app.idempotency_key import Claim, Stored
from wallet import ledger, packed
from wallet.desk import Desk, Repeated
from wallet.ledger import Lane, Question
from wallet.packed import Packed
from wallet.trip import RoundTrip, Wire

Verb = Callable[[Desk, Sequence[Any]], Awaitable[Sequence[Any]]]
Render = Callable[[Sequence[Any]], Stored]

# NO KEY: a wallet that is being opened refers to its lane and need not wait for its batch, nor the batch for it.
_LOCK = b"""
    SELECT lane, seq, block, head, (SELECT advanced_by FROM app.clock) AS advanced_by
    FROM wallet.lane WHERE lane = ANY(%s::integer[]) ORDER BY lane FOR NO KEY UPDATE OF lane
"""
# One look-up for each, however the planner would like to join: of nearly all there is nothing.
_KNOWN = b"""
    SELECT asked.principal, asked.key, known.* FROM unnest(%s::text[], %s::text[]) AS asked (principal, key)
    CROSS JOIN LATERAL (
        SELECT request_hash, status, headers, body FROM app.idempotency
        WHERE idempotency.principal = asked.principal AND idempotency.key = asked.key OFFSET 0
    ) AS known
"""
_STORE = b"""
    INSERT INTO app.idempotency (principal, key, request_hash, status, headers, body)
    SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bytea[]), unnest(%s::integer[]),
           unnest(%s::text[])::jsonb, unnest(%s::bytea[])
"""


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
        #: Cancelled with the caller who awaits it; the entry stays where it is.
        self.answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def answer(self, given: Reply | Exception) -> None:
        """Tell the caller, if there still is one."""
        if self.answered.done():
            return
        if isinstance(given, Exception):
            self.answered.set_exception(given)
        else:
            self.answered.set_result(given)


class Turn:
    """The entries of one batch over `lanes`; `sent` says that nothing but the database's answer is missing."""

    __slots__ = ("entries", "lanes", "sent", "size", "verb")

    def __init__(self, verb: Verb, lanes: Sequence[int], entries: Sequence[Entry]) -> None:
        self.verb = verb
        self.lanes = lanes
        self.entries = entries
        self.size = sum(len(entry.items) for entry in entries)
        self.sent = asyncio.Event()

    def halves(self) -> "tuple[Turn, Turn]":
        """Share the entries out, to find the one at fault."""
        half = len(self.entries) // 2
        return Turn(self.verb, self.lanes, self.entries[:half]), Turn(self.verb, self.lanes, self.entries[half:])


Accounts = Callable[[Sequence[Any]], Iterable[UUID]]
Questions = Callable[[Sequence[Any]], Iterable[Question]]
_NOTHING: tuple[Accounts, Questions] = (lambda _: (), lambda _: ())


def naming(accounts: Accounts, questions: Questions = _NOTHING[1]) -> Callable[[Verb], Verb]:
    """Say of a verb what can be loaded with the lock, in the same round trip: accounts its items name, and questions.

    It loads what it needs all the same, and finds these accounts on the desk and these answers in `desk.heard`.
    """

    def note(verb: Verb) -> Verb:
        verb.named = (accounts, questions)  # type: ignore[attr-defined]  # functions and partials carry what they like
        return verb

    return note


async def run(engine: AsyncEngine, turn: Turn) -> list[Reply | Exception]:
    """Decide and store a batch, and answer each of its entries. `engine` begins nothing by itself: AUTOCOMMIT."""
    recalling: set[UUID] = set()
    while True:
        try:
            async with engine.connect() as db:
                wire = await ledger.wire(db)
                async with _undone(db, wire):
                    return await _transact(db, wire, turn, recalling)
        except Repeated as repeated:  # seldom, so nobody looks beforehand
            recalling.update(repeated.ids)


async def _transact(db: AsyncConnection, wire: Wire, turn: Turn, recalling: set[UUID]) -> list[Reply | Exception]:
    desk, known = await _open(db, wire, turn)
    if recalling:
        await desk.recall(recalling)
    round_ = _Round(turn.entries, known)
    answers = await turn.verb(desk, round_.items) if round_.items else []
    await desk.settle_doubts()
    try:
        trip = RoundTrip(wire)
        await desk.write(trip)
        _store(trip, round_.settle(answers))
        desk.end(trip)
        trip.say(b"COMMIT")
        await ledger.over(trip, turn.sent.set)
    except IntegrityError as error:
        desk.check_repeats(error)
        raise
    return round_.replies()


@contextlib.asynccontextmanager
async def _undone(db: AsyncConnection, wire: Wire) -> AsyncIterator[None]:
    """Leave nothing open on the connection if the block raises, or no connection."""
    try:
        yield
    except Exception:
        try:
            await wire.rollback()
        except psycopg.Error:
            await db.invalidate()
        raise
    except BaseException:  # in the middle of something: who knows what the server says next
        await db.invalidate()
        raise


async def _open(
    db: AsyncConnection, wire: Wire, turn: Turn
) -> tuple[Desk, dict[tuple[str, str], tuple[bytes, Stored]]]:
    """Lock the lanes in order, then load. What the batch reads after the lock can't change before it commits.

    Each statement sees what was committed before it began: one that waits for the lock and reads as well would not.
    """
    named, asked = getattr(turn.verb, "named", _NOTHING)
    items = [item for entry in turn.entries for item in entry.items]
    sought = set(named(items))
    questions = asked(items)
    trip = RoundTrip(wire)
    trip.say(b"BEGIN")
    locking = trip.say(_LOCK, (packed.integers(turn.lanes),))
    looking = trip.say(_KNOWN, _keys(turn.entries))
    loading = trip.say(*ledger.loading(turn.lanes, sought)) if sought else None
    asking = [(question.statement, trip.say(*question)) for question in questions]
    await ledger.over(trip)
    locked = locking.rows
    if len(locked) != len(turn.lanes):
        raise UnknownLane
    desk = Desk(db, clock.real() + locked[0][-1], [Lane(*row[:-1]) for row in locked])
    if loading is not None:
        desk.lay_out(sought, loading.rows)
    desk.asked = questions
    desk.heard = {statement: answering.rows for statement, answering in asking}
    return desk, {
        (principal, key): (request_hash, Stored(status, body, headers))
        for principal, key, request_hash, status, headers, body in looking.rows
    }


def _keys(entries: Sequence[Entry]) -> tuple[Packed, Packed]:
    claims = [entry.claim for entry in entries]
    return packed.texts([claim.principal for claim in claims]), packed.texts([claim.key for claim in claims])


def _store(trip: RoundTrip, answers: Sequence[tuple[Claim, Stored]]) -> None:
    if answers:
        columns = (
            packed.texts([claim.principal for claim, _ in answers]),
            packed.texts([claim.key for claim, _ in answers]),
            packed.blobs([claim.request_hash for claim, _ in answers]),
            packed.integers([stored.status for _, stored in answers]),
            packed.texts([msgspec.json.encode(stored.headers).decode() for _, stored in answers]),
            packed.blobs([stored.body for _, stored in answers]),
        )
        trip.say(_STORE, columns)


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
