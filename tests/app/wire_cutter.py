"""A proxy before PostgreSQL that can lose the answer to a COMMIT: the server has committed, nobody hears of it.

It counts round trips too: how often the client spoke after the server had.
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
        self._server_spoke = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        while chunk := await reader.read(65_536):
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
