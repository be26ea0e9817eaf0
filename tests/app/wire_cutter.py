"""A proxy before PostgreSQL that can lose the answer to a COMMIT: the server has committed, nobody hears of it.

It counts round trips too, how often the client spoke after the server had, and the statements that were executed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import sqlalchemy


class Cutter:
    """Forwards bytes; each armed cut drops the connection after the server has answered the next COMMIT."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.armed = 0
        self.cuts = 0
        self.round_trips = 0
        self.statements = 0
        self._server_spoke = True
        self._sessions: set[asyncio.Task[None]] = set()

    async def over(self) -> None:
        """Wait until everybody who spoke through it has gone."""
        if self._sessions:
            await asyncio.wait(set(self._sessions), timeout=5.0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward what two sides say until one hangs up."""
        session = asyncio.current_task()
        assert session is not None, "each connection is a task"
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)
        await self._forward(reader, writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await self._connect()
        lost = asyncio.Event()
        up = asyncio.create_task(self._upstream(reader, up_writer, lost))
        down = asyncio.create_task(self._downstream(up_reader, writer, lost))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        for side in (writer, up_writer):
            side.close()
            with contextlib.suppress(OSError):
                await side.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    async def _upstream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        said = _Said()
        while chunk := await reader.read(65_536):
            self.statements += said.statements(chunk)
            if self._server_spoke:
                self.round_trips += 1
                self._server_spoke = False
            if self.armed and b"COMMIT" in chunk:
                self.armed -= 1
                lost.set()
            writer.write(chunk)
            await writer.drain()

    async def _downstream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65_536):
            if lost.is_set():
                self.cuts += 1
                return
            self._server_spoke = True
            writer.write(chunk)
            await writer.drain()


class _Said:
    """What one client says, message by message (PostgreSQL 18, chapter 54.7)."""

    _BEFORE = frozenset({80877103, 80877104})  # asks for encryption: what begins a session is still to come
    _EXECUTES = frozenset(b"EQ")

    def __init__(self) -> None:
        self._unread = bytearray()
        self._begun = False

    def statements(self, chunk: bytes) -> int:
        """Count what is executed by the messages that are whole with this chunk."""
        self._unread += chunk
        found = 0
        while len(self._unread) >= (head := 5 if self._begun else 8):
            size = int.from_bytes(self._unread[1:5]) + 1 if self._begun else int.from_bytes(self._unread[:4])
            if len(self._unread) < size:
                break
            found += self._begun and self._unread[0] in self._EXECUTES
            self._begun = self._begun or int.from_bytes(self._unread[4:head]) not in self._BEFORE
            del self._unread[:size]
        return found


@contextlib.asynccontextmanager
async def cutting(url: str) -> AsyncIterator[tuple[str, Cutter]]:
    """Give the address of `url` behind a Cutter, and the Cutter."""
    target = sqlalchemy.make_url(url)
    host = target.query.get("host") or target.host or "127.0.0.1"
    assert isinstance(host, str)
    port = int(str(target.query.get("port") or target.port or 5432))
    cutter = Cutter(host, port)
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    query = {name: value for name, value in target.query.items() if name not in {"host", "port"}}
    front = target.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1], query=query)
    async with server:
        yield front.render_as_string(hide_password=False), cutter
        server.close()
        await cutter.over()
