"""Many statements, one round trip: written to the socket together, answered together.

A batch says some twenty-five statements. The driver's own pipeline writes after each, which wakes the server for every
one of them, and makes a cursor for each; that was most of what a small batch cost. This speaks to libpq, as the driver
does: each statement is prepared once a connection, in the driver's own book of them, which it clears after a rollback.
That book is private to the driver: docs/adr/0018 says why it is used, tests/wallet/test_trip.py what of it.

Statements are in the driver's words (`%s`), with no other per cent sign. Answers come in binary.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg._preparing import Prepare
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from wallet.packed import Packed

#: The driver's connection under a SQLAlchemy one.
Wire = psycopg.AsyncConnection[Any]

#: There is nothing to plan in these.
_SPOKEN = frozenset({b"BEGIN", b"COMMIT"})


class Answer:
    """What one statement answered, once the round trip is over: tuples, or dictionaries where they are `named`."""

    __slots__ = ("named", "rows")

    def __init__(self, *, named: bool) -> None:
        self.named = named
        self.rows: list[Any] = []


class _Query(NamedTuple):
    """A statement as the driver's book of prepared ones knows it."""

    query: bytes
    types: tuple[int, ...]


class _Expected(NamedTuple):
    """A statement that was sent: what it answers, and its line in the book where that is new."""

    answer: Answer
    key: Any = None
    name: bytes = b""


class RoundTrip:
    """Statements to be sent over `wire` in the order they were said; the first that is refused refuses the others."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._said: list[tuple[bytes, Sequence[object], Answer]] = []

    def say(self, statement: bytes, columns: Sequence[object] = (), named: bool = False) -> Answer:  # noqa: FBT001, FBT002  as the fields of ledger.Question
        """Add a statement over `columns`: arrays of wallet/packed.py, or plain values."""
        answer = Answer(named=named)
        self._said.append((statement, columns, answer))
        return answer

    async def over(self, sent: Callable[[], None] = lambda: None) -> None:
        """Send what was said, tell `sent` when it is gone, and wait for the answers; raises what the driver raises."""
        said, self._said = self._said, []
        if said:
            async with self._wire.lock:
                await self._wire.wait(_Talk(self._wire).talk(said, sent))


class _Talk:
    """One round trip as the driver's event loop wants it: a generator that says what it waits for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._server: PGconn = wire.pgconn
        self._values = Transformer(wire)
        self._book: Any = wire._prepared  # noqa: SLF001  what the driver itself keeps, and clears when it must
        self._expected: list[_Expected | None] = []

    def talk(self, said: Sequence[tuple[bytes, Sequence[object], Answer]], sent: Callable[[], None]) -> PQGen[None]:
        self._server.enter_pipeline_mode()
        whole = False
        try:
            self._say(said)
            self._server.pipeline_sync()
            yield from send(self._server)
            sent()
            refused = yield from self._hear()
            whole = True
        finally:
            if whole or self._server.status == ConnStatus.OK:
                self._leave(whole=whole)
        if refused is not None:
            raise error_from_result(refused, encoding=self._wire.info.encoding)

    def _say(self, said: Sequence[tuple[bytes, Sequence[object], Answer]]) -> None:
        for statement, columns, answer in said:
            if statement in _SPOKEN:
                self._server.send_query_params(statement, None)
                self._expected.append(_Expected(answer))
                continue
            values, types, formats = self._dumped(columns)
            query = _Query(_numbered(statement), types)
            state, name = self._book.get(query, prepare=True)
            if state is Prepare.SHOULD:
                self._server.send_prepare(name, query.query, types)
                self._expected.append(None)
            self._server.send_query_prepared(name, values, formats, Format.BINARY)
            self._expected.append(_Expected(answer, self._book.maybe_add_to_cache(query, state, name), name))

    def _dumped(self, columns: Sequence[object]) -> tuple[Any, tuple[int, ...], Sequence[Format]]:
        count = len(columns)
        if all(type(column) is Packed for column in columns):
            return columns, _untyped(count), _binary(count)
        values = self._values.dump_sequence(columns, [PyFormat.AUTO] * count)
        return values, tuple(self._values.types or ()), list(self._values.formats or ())

    def _hear(self) -> PQGen[PGresult | None]:
        """Take the answers to all that was said; answers the refusal, if there was one."""
        refused = None
        for expected in self._expected:
            [result] = results = yield from fetch_many(self._server)
            if result.status == ExecStatus.FATAL_ERROR:
                refused = refused or result
            if expected is None:
                continue
            if expected.key is not None:
                self._book.validate(expected.key, Prepare.SHOULD, expected.name, results)
            if result.status == ExecStatus.TUPLES_OK and result.ntuples:
                self._read(result, expected.answer)
        yield from fetch_many(self._server)  # that it is over
        return refused

    def _read(self, result: PGresult, answer: Answer) -> None:
        self._values.set_pgresult(result)
        answer.rows = self._values.load_rows(0, result.ntuples, tuple)
        if answer.named:
            names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
            answer.rows = [dict(zip(names, row, strict=True)) for row in answer.rows]

    def _leave(self, *, whole: bool) -> None:
        try:
            self._server.exit_pipeline_mode()
        except psycopg.OperationalError:  # broken off in the middle: whoever did has an error of their own
            if whole:
                raise


@functools.cache
def _numbered(statement: bytes) -> bytes:
    """Say it as the server reads it, with numbers for the places of columns."""
    first, *rest = statement.split(b"%s")
    numbered = first + b"".join(b"$%d%s" % (place, part) for place, part in enumerate(rest, start=1))
    assert b"%" not in numbered, "no other per cent sign"
    return numbered


@functools.cache
def _untyped(count: int) -> tuple[int, ...]:
    return (0,) * count  # the statement says it


@functools.cache
def _binary(count: int) -> tuple[Format, ...]:
    return (Format.BINARY,) * count
