"""A wire to a line, for tests that say things no acquirer would."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Self

from cards.iso8583 import telegram
from cards.iso8583.telegram import Telegram


class Wire:
    """One connection, spoken to in bytes and telegrams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._trace = 0
        self.within_s = 60.0

    @classmethod
    async def to(cls, port: int, *, reads: int | None = None) -> Self:
        """Connect; with `reads` the kernel keeps no more for us than so many bytes, and we read little ahead."""
        made = socket.socket()
        if reads:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reads)
        made.settimeout(0)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=made, limit=reads or 2**16))

    async def floods(self, data: bytes, *, times: int) -> None:
        """Send again and again and read nothing, until the other side has had enough."""
        for _ in range(times):
            self._writer.write(data)
            async with asyncio.timeout(self.within_s):
                await self._writer.drain()

    def send(self, data: bytes) -> None:
        """Send bytes behind their length."""
        self._writer.write(len(data).to_bytes(2) + data)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    def say(self, told: Telegram) -> None:
        """Send a telegram."""
        self.send(telegram.write(told))

    async def hear(self) -> Telegram:
        """Read the next telegram."""
        return telegram.read(await self.hear_bytes())

    async def hear_bytes(self) -> bytes:
        """Read the next frame."""
        async with asyncio.timeout(self.within_s):
            size = int.from_bytes(await self._reader.readexactly(2))
            return await self._reader.readexactly(size)

    async def asked(self, told: Telegram) -> Telegram:
        """Send a telegram and read the next one."""
        self.say(told)
        return await self.hear()

    async def manage(self, code: str, **more: str) -> Telegram:
        """Send a telegram of network management."""
        self._trace += 1
        fields = {7: "1122090000", 11: f"{self._trace:06}", 70: code}
        return await self.asked(Telegram("0800", fields | {int(name[1:]): text for name, text in more.items()}))

    async def ended(self) -> bool:
        """Wait for the other side to hang up."""
        async with asyncio.timeout(self.within_s):
            with contextlib.suppress(ConnectionError):
                while await self._reader.read(65_536):
                    pass
        return True

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@contextlib.asynccontextmanager
async def wire(port: int, *, signed_on: bool = True, reads: int | None = None) -> AsyncIterator[Wire]:
    """Connect, and sign on unless told not to."""
    made = await Wire.to(port, reads=reads)
    try:
        if signed_on:
            assert (await made.manage("001"))[39] == "00"
        yield made
    finally:
        made.close()
