"""A line over an office of one's own: sessions without a house behind them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from app.network.meters import Meters
from app.network.session import Session
from app.network.terms import Line, Scope
from cards.iso8583 import flow
from cards.iso8583.telegram import Telegram

LINE = Line(network="mspk", scope=Scope.DOMESTIC, port=0, patience_s=30.0, echo_s=600.0)

Office = Callable[[Telegram, datetime, float], Awaitable[Telegram | None]]


class Keys:
    """A zone whose key is known."""

    def __init__(self) -> None:
        self.key = bytes(16)
        self.taken: list[str] = []

    def prove(self, data: bytes) -> bytes:
        made = CMAC(algorithms.AES(self.key))
        made.update(data)
        return made.finalize()[:8]

    async def take_key(self, block: str) -> bool:
        self.taken.append(block)
        return block.startswith("D")


class Hosted:
    """A line that is open, and what it counted."""

    def __init__(self, port: int, meters: Meters, zone: Keys, sessions: set[Session]) -> None:
        self.port, self.meters, self.zone, self.sessions = port, meters, zone, sessions

    def counted(self, name: str, of: str = "") -> int:
        return self.meters.counted("mspk", name, of)


async def approve(told: Telegram, came: datetime, until: float) -> Telegram | None:  # noqa: ARG001  as the office is asked
    return flow.reply(told, "00")


@contextlib.asynccontextmanager
async def hosted(office: Office = approve, *, kind: type[Session] = Session, **terms: object) -> AsyncIterator[Hosted]:
    line, meters, zone = msgspec.structs.replace(LINE, **terms), Meters(), Keys()
    sessions: set[Session] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(line, office, zone, meters, sessions), "127.0.0.1", 0)
    try:
        yield Hosted(server.sockets[0].getsockname()[1], meters, zone, sessions)
    finally:
        server.close()
        await asyncio.gather(*(session.leave() for session in set(sessions)))
