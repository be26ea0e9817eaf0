"""A gate before PostgreSQL: shut, every connection through it is lost and none is made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import sqlalchemy

from app.network.serving import Lines
from simulators.patience import until


class Gate:
    """Forwards bytes while it is open."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._open = True
        self._through: set[asyncio.Task[None]] = set()

    def shut(self) -> None:
        """Lose everything."""
        self._open = False
        for task in self._through:
            task.cancel()

    def open(self) -> None:
        """Let connections through again."""
        self._open = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._through.add(task)
        try:
            if self._open:
                await self._carry(reader, writer)
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            self._through.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host.startswith("/"):
            far, away = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            far, away = await asyncio.open_connection(self._host, self._port)
        both = [asyncio.create_task(_pour(*pair)) for pair in ((reader, away), (far, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            away.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()


@contextlib.asynccontextmanager
async def gated(url: str) -> AsyncIterator[tuple[str, Gate]]:
    """Give the address of `url` behind a gate, and the gate."""
    target = sqlalchemy.make_url(url)
    host = target.query.get("host") or target.host or "127.0.0.1"
    assert isinstance(host, str)
    gate = Gate(host, int(str(target.query.get("port") or target.port or 5432)))
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    query = {name: value for name, value in target.query.items() if name not in {"host", "port"}}
    front = target.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1], query=query)
    try:
        yield front.render_as_string(hide_password=False), gate
    finally:
        server.close()
        gate.shut()


async def lost(lines_: Lines, gate: Gate) -> None:
    """Lose the database, and wait until the lines know."""
    gate.shut()
    lines_.books.doubt()
    async with asyncio.timeout(60):
        await lines_.books.gone.wait()


async def back(lines_: Lines, gate: Gate | None = None) -> None:
    """Give it back, and wait until the books know everything."""
    if gate:
        gate.open()

    async def open_matters() -> bool:
        return lines_.books.away or lines_.stand_in.owes

    await until(open_matters, lambda found: not found)
