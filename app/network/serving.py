"""The process of the lines: `eresidency link`. It listens, watches whether the books answer, and ends in order.

    eresidency link --port 9300      health and metrics on that port; the lines are those of ERESIDENCY_CARD_LINES

A line's networks sign on and ask; at the end we sign off, answer what is under way, and close. One process at a time
keeps a folder of promises, since what is promised in the books' place is counted in it.
"""

import asyncio
import contextlib
import fcntl
import itertools
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path

import structlog

from app import db
from app import house as house_
from app.batch import Overloaded, Unavailable
from app.house import House
from app.network import share, snapshot
from app.network.books import LOST, Books
from app.network.meters import Meters
from app.network.numbers import Numbers
from app.network.office import Office
from app.network.session import Session
from app.network.standin import StandIn
from app.network.terms import Line, Tls
from app.network.zone import Zone, Zones
from app.settings import Settings
from cards.hsm.port import UnknownKey
from cards.settlement import missing

_log = structlog.get_logger()

SNAPSHOT_EVERY_S = 300.0
_LOOK_S = 1.0
_PROBE_S = 0.25
_STUCK_S = 30.0
_HEAD_S = 5.0


class Busy(Exception):
    """Another process keeps the promises of this installation."""


class NoLines(Exception):
    """The installation has no line to any network."""


class Keyless(Exception):
    """Every telegram of the line of `network` is to carry a MAC, and there is no key to make one."""

    def __init__(self, network: str) -> None:
        super().__init__(network)
        self.network = network


class Lines:
    """The lines of one process while they are open. `ports` says where each network is listened to."""

    def __init__(self, house: House, stand_in: StandIn, meters: Meters, folder: Path, over: tuple[Line, ...]) -> None:
        self.books, self._over = Books(house), over
        self._snapshot, self._place = folder / "snapshot", share.place(folder)
        self.stand_in, self.meters = stand_in, meters
        self.ports: dict[str, int] = {}
        self._house = house
        self.zones = Zones(house)
        self._office = Office(self.books, Numbers(house.posting), self.zones, stand_in, meters)
        self._sessions: list[set[Session]] = []
        self._servers: list[asyncio.Server] = []
        self._learning = asyncio.Lock()

    async def listen(self, line: Line) -> None:
        """Let networks come in over a line; raises Keyless."""
        sessions: set[Session] = set()
        self._sessions.append(sessions)
        zone = Zone(self.zones, line.network)
        if line.mac:
            _check(zone, line)

        def session() -> Session:
            return Session(line, lambda *asked: self._office.answer(line, *asked), zone, self.meters, sessions)

        secured = _context(line.tls) if line.tls else None
        loop = asyncio.get_running_loop()
        server = await loop.create_server(session, line.host, line.port, ssl=secured)
        self._servers.append(server)
        self.ports[line.network] = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let nobody in any more, and part from who is there."""
        for server in self._servers:
            server.close()
        await asyncio.gather(*(session.leave() for sessions in self._sessions for session in sessions))

    async def watch(self) -> None:
        """See whether the books answer where somebody doubts it, and tell them what was promised in their place."""
        self.books.away = self.stand_in.owes
        while True:
            if not await self.books.doubted(_LOOK_S) and not self.stand_in.owes:
                continue
            if not await self.books.answer():
                await self._until_back()
            await self._tell()

    async def _until_back(self) -> None:
        self.books.away = True
        self.meters.level("", "away", 1)
        _log.warning("books_away")
        for pause_s in itertools.repeat(_PROBE_S):
            if await self.books.answer():
                break
            await asyncio.sleep(pause_s)
        _log.warning("books_back")

    async def _tell(self) -> None:
        """Tell the books; what was promised while they were told is told in the next round."""
        try:
            while self.stand_in.owes:
                await self.stand_in.tell(self.books.book)
        except (Unavailable, Overloaded, *LOST):
            self.books.doubt()
            return
        except Exception as error:  # noqa: BLE001  a promise nobody understands must not keep the lines from the books
            _log.error("stand_in_stuck", error=type(error).__name__, exc_info=error)
            self.books.away = False
            await asyncio.sleep(_STUCK_S)
            return
        self.books.away = False
        self.meters.level("", "away", 0)

    async def know(self) -> None:
        """Take a snapshot again and again; one that fails leaves the last one, until it is too old.

        None is taken before the books know what was promised in their place: they would say it is left.
        """
        while True:
            await self.books.here.wait()
            try:
                await self.learn()
            except LOST as error:
                _log.warning("snapshot_failed", error=type(error).__name__)
                self.books.doubt()
            except Exception as error:  # noqa: BLE001  what is known grows old, and then nothing is promised
                _log.error("snapshot_failed", error=type(error).__name__, exc_info=error)
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    async def learn(self) -> None:
        """Take one, and count what officers are to look at; raises what the database and the disk raise."""
        keys, lasts = self._house.keys, max(line.stand_in.known_for for line in self._over)
        async with self._learning:
            taken = await snapshot.take(self._house.posting, self._place, lasts, lambda: not self.stand_in.owes)
            await snapshot.keep(self._snapshot, taken, keys.kms, keys.message)
            self.stand_in.snapshot = taken
        self.meters.level("", "snapshot_cards", len(taken.cards))
        async with db.transaction(self._house.posting) as story:
            late = await missing.count(await story(), (line.network for line in self._over))
        for network, files in late.items():
            self.meters.level(network, "settlement_files_missing", files)

    async def part(self) -> None:
        """Promise nothing more, and leave to others what could have been.

        Where nobody hears it, or the books have still to hear of what was promised here, it stays ours until it ends.
        """
        self.stand_in.snapshot = None
        if not self.stand_in.owes:
            with contextlib.suppress(*LOST, OSError):
                await share.give_back(self._house.posting, self._place, self._snapshot)


async def run(settings: Settings, *, port: int) -> None:
    """Serve the lines until SIGTERM or SIGINT; raises NoLines, Busy, Keyless, journal.Torn."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        house_.opened(settings) as house,
        opened(house, settings.card_lines, settings.link_folder) as lines,
        await health(lines, port),
    ):
        await stop.wait()


@contextlib.asynccontextmanager
async def opened(house: House, over: tuple[Line, ...], folder: Path) -> AsyncIterator[Lines]:
    """Open the lines; raises NoLines, Busy, Keyless, journal.Torn."""
    if not over:
        raise NoLines
    meters, keys = Meters(), house.keys
    with _alone(folder):
        stand_in = StandIn(folder, keys.kms, meters)
        try:
            stand_in.snapshot = snapshot.read(folder / "snapshot", keys.kms, keys.message.ever())
        except snapshot.Untrusted:
            _log.error("snapshot_untrusted")
        lines = Lines(house, stand_in, meters, folder, over)
        with contextlib.suppress(*LOST):
            await lines.zones.look()
        tasks = [asyncio.create_task(each) for each in (lines.watch(), lines.know(), lines.zones.watch())]
        try:
            for line in over:
                await lines.listen(line)
            yield lines
        finally:
            async with asyncio.timeout(house.settings.drain_s):
                await lines.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await lines.part()
            await stand_in.close()


async def health(lines: Lines, port: int) -> asyncio.Server:
    """Say on a port of this machine whether the lines are open, and what they counted."""
    return await asyncio.start_server(lambda *streams: _health(lines, *streams), "127.0.0.1", port)


def _check(zone: Zone, line: Line) -> None:
    try:
        zone.prove(b"")
    except UnknownKey as error:
        raise Keyless(line.network) from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy from error
        yield


def _context(tls: Tls) -> ssl.SSLContext:
    """Have both sides prove who they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.authority)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


async def _health(lines: Lines, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request: whether the lines are open, or what they counted."""
    with contextlib.suppress(TimeoutError, OSError, ValueError, asyncio.IncompleteReadError):
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
            status, body = _said(lines, head.split(b" ", 2)[:2])
            writer.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
    writer.close()


def _said(lines: Lines, asked: list[bytes]) -> tuple[HTTPStatus, bytes]:
    match asked:
        case [b"GET", b"/health/ready"]:
            return HTTPStatus.OK, b"ready\n"
        case [b"GET", b"/metrics"]:
            return HTTPStatus.OK, lines.meters.text().encode()
        case [b"GET", _]:
            return HTTPStatus.NOT_FOUND, b""
        case _:
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
