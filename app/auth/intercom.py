"""The gate's line to PostgreSQL: one connection of its own, one prepared statement, one question at a time.

Every request passes here, so the way is short: parameters go out as text and the answer comes back as bytes, by libpq
itself. A driver's cursor, and a pool's checkout, would each cost as much as the question. The connection is made when
it is first needed and anew when it broke.
"""

import asyncio
from collections.abc import Callable, Sequence

import psycopg
from psycopg import AsyncConnection, pq
from sqlalchemy.ext.asyncio import AsyncEngine

#: A question that isn't answered by then is not answered: the server's own limit is five seconds (app/db.py).
_SILENT_MAX_S = 8.0
_NAME = b"intercom"


class Broken(Exception):
    """The question was not answered; `sqlstate` says why, None where the server was not reached or fell silent."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


Answered = Callable[[bytes | Broken], None]


class Intercom:
    """Asks `statement`, whose parameters are `types` and whose answer is one value, as whom `engine` logs in."""

    def __init__(
        self, engine: AsyncEngine, statement: str, *, types: Sequence[str], silent_max_s: float = _SILENT_MAX_S
    ) -> None:
        self._engine = engine
        self._silent_max_s = silent_max_s
        self._prepare = f"PREPARE {_NAME.decode()} ({', '.join(types)}) AS {statement}"
        self._connection: AsyncConnection | None = None
        self._socket = -1
        self._answered: Answered | None = None
        self._asked_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """Whether a question can be asked now."""
        return self._connection is not None

    async def connect(self) -> None:
        """Open the line; raises what the driver or the pool raises."""
        pooled = await self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()  # it is ours from here on: the pool neither waits for it nor counts it
        assert isinstance(connection, AsyncConnection), "the driver is psycopg"
        try:
            await connection.set_autocommit(True)
            await connection.execute(self._prepare.encode())
        except BaseException:
            await connection.close()
            raise
        self._connection, self._socket = connection, connection.pgconn.socket
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._heard)
        self._watch = loop.call_later(self._silent_max_s, self._listen, loop)

    def ask(self, parameters: Sequence[bytes], answered: Answered) -> None:
        """Send the question; `answered` is called once, later or at once. The line is connected and free."""
        assert self._connection is not None, "connect first"
        assert self._answered is None, "one question at a time"
        self._answered = answered
        loop, link = asyncio.get_running_loop(), self._connection.pgconn
        self._asked_at = loop.time()
        try:
            link.send_query_prepared(_NAME, parameters)
            if link.flush():
                loop.add_writer(self._socket, self._flush)
        except psycopg.OperationalError:
            self._break()

    def close(self) -> None:
        """Hang up; a question under way is not answered."""
        self._break()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give a silent server up. Looks now and then: a timer for each question would cost more than the answer."""
        if self._answered is not None and loop.time() - self._asked_at >= self._silent_max_s:
            self._break()
        else:
            self._watch = loop.call_later(self._silent_max_s / 4, self._listen, loop)

    def _flush(self) -> None:
        assert self._connection is not None, "the writer goes with the connection"
        link = self._connection.pgconn
        try:
            if not link.flush():
                asyncio.get_running_loop().remove_writer(self._socket)
        except psycopg.OperationalError:
            self._break()

    def _heard(self) -> None:
        assert self._connection is not None, "the reader goes with the connection"
        link = self._connection.pgconn
        try:
            link.consume_input()
            if self._answered is None or link.is_busy():
                return
            result = link.get_result()
            while link.get_result() is not None:
                pass  # the end of the answer
        except psycopg.OperationalError:
            self._break()
            return
        if result is None or link.status == pq.ConnStatus.BAD:
            self._break()
        elif result.status != pq.ExecStatus.TUPLES_OK:
            self._tell(Broken((result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode() or None))
        else:
            self._tell(result.get_value(0, 0) or b"")

    def _tell(self, answer: bytes | Broken) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(answer)

    def _break(self) -> None:
        """Let go of the connection; whoever asked hears that there is no answer."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # By the number: libpq may have closed the socket already.
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            connection.pgconn.finish()
        if self._watch is not None:
            self._watch.cancel()
        self._tell(Broken(None))
