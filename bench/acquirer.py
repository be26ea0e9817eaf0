"""An acquirer that costs next to nothing: telegrams made by others, sent over a line, and how long their answers took.

    python -m bench.acquirer PORT     reads loads from its input, writes what it found, a line of JSON each

At full load so many are under way at any time. At a rate each has its moment, and what it takes is counted from that
moment: a question that had to wait to be asked has waited.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Self, cast

import msgspec
import uvloop

SESSIONS = 4
_SIGN_ON = "0800"
_HEAD = 4 + 8
_ANSWER_BITMAP_STARTS = slice(4, 12)
_TRACE = slice(40, 46)
_APPROVED = b"00"


class Load(msgspec.Struct, frozen=True):
    """So many telegrams follow; `at_once` are under way, or `rate` a second are sent."""

    telegrams: int
    seconds: float
    at_once: int = 0
    rate: int = 0


class Found(msgspec.Struct, frozen=True):
    """What came of a load; times are in milliseconds. `codes` counts the answers by field 39."""

    per_second: float
    median_ms: float
    p99_ms: float
    codes: dict[str, int]

    @property
    def answered(self) -> int:
        """Count all answers."""
        return sum(self.codes.values())

    @property
    def late(self) -> int:
        """Count what could not be decided by the line's deadline."""
        return self.codes.get("91", 0)

    @property
    def approved(self) -> int:
        """Count what was promised."""
        return self.codes.get("00", 0)


class Acquirer:
    """The process, as who measures sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def started(cls, port: int) -> Self:
        """Start it; it is signed on when this returns."""
        piped = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "bench.acquirer", str(port))
        process = await asyncio.create_subprocess_exec(*command, stdin=piped, stdout=piped)
        made = cls(process)
        assert await made._line() == b"ready"
        return made

    async def run(self, telegrams: Sequence[bytes], *, seconds: float, at_once: int = 0, rate: int = 0) -> Found:
        """Let it ask."""
        assert self._process.stdin is not None
        load = Load(len(telegrams), seconds, at_once, rate)
        self._process.stdin.write(msgspec.json.encode(load) + b"\n")
        self._process.stdin.write(b"".join(len(each).to_bytes(2) + each for each in telegrams))
        await self._process.stdin.drain()
        return msgspec.json.decode(await self._line(), type=Found)

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).strip()


class _Shooting:
    """One load under way."""

    def __init__(self, load: Load, telegrams: Iterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._load, self._telegrams = load, telegrams
        self._asked: dict[bytes, float] = {}
        self._took: list[float] = []
        self._codes: dict[str, int] = {}
        self._until = loop.time() + load.seconds
        self._next = 0
        self._first = loop.time()
        self._last = self._first
        self.over: asyncio.Future[None] = loop.create_future()
        self._drained = False

    def ask(self, wire: "_Wire", at: float) -> bool:
        """Send the next one, if there is one and time for it."""
        now = asyncio.get_running_loop().time()
        frame = next(self._telegrams, None) if now < self._until else None
        if frame is None:
            self._drained = True
            self._check()
            return False
        self._asked[_trace_of(frame)] = at
        wire.send(frame)
        return True

    def heard(self, wire: "_Wire", answer: bytes) -> None:
        """Take an answer, and at full load ask the next."""
        now = asyncio.get_running_loop().time()
        trace, code = _read(answer)
        self._took.append(now - self._asked.pop(trace))
        self._codes[code] = self._codes.get(code, 0) + 1
        self._last = now
        if self._load.at_once:
            self.ask(wire, now)
        self._check()

    def found(self) -> Found:
        """Sum it up."""
        took = sorted(self._took)
        return Found(
            per_second=len(took) / (self._last - self._first),
            median_ms=statistics.median(took) * 1_000,
            p99_ms=took[len(took) * 99 // 100] * 1_000,
            codes=self._codes,
        )

    def _check(self) -> None:
        if self._drained and not self._asked and not self.over.done():
            self.over.set_result(None)


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.shooting: _Shooting | None = None
        self.signed_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent

    def send(self, frame: bytes) -> None:
        self._transport.write(len(frame).to_bytes(2) + frame)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while len(self._unread) >= 2 and len(self._unread) >= (size := 2 + int.from_bytes(self._unread[:2])):
            frame = bytes(self._unread[2:size])
            del self._unread[:size]
            if frame[:4] == b"0810":
                self.signed_on.set_result(None)
            elif self.shooting is not None and frame[:4] != b"0800":
                self.shooting.heard(self, frame)


def _trace_of(frame: bytes) -> bytes:
    """Give the trace number of a question: fields 2, 3, 4 and 7 stand before it."""
    number = int(frame[_HEAD : _HEAD + 2])
    start = _HEAD + 2 + number + 6 + 12 + 10
    return frame[start : start + 6]


def _read(answer: bytes) -> tuple[bytes, str]:
    """Give trace number and code of an answer, by where they stand: fields 3, 4, 7, 11, 12, 13, 15, 25, 32, 37, 38."""
    bits = int.from_bytes(answer[_ANSWER_BITMAP_STARTS])
    place = _TRACE.stop
    for number, length in ((12, 6), (13, 4), (15, 4), (19, 3), (25, 2)):
        place += length if bits >> (64 - number) & 1 else 0
    place += 2 + int(answer[place : place + 2]) + 12
    place += 6 if bits >> (64 - 38) & 1 else 0
    return answer[_TRACE], answer[place : place + 2].decode()


async def _shoot(wires: list[_Wire], load: Load, telegrams: list[bytes]) -> Found:
    shooting = _Shooting(load, iter(telegrams))
    for wire in wires:
        wire.shooting = shooting
    loop = asyncio.get_running_loop()
    if load.at_once:
        for number in range(load.at_once):
            shooting.ask(wires[number % len(wires)], loop.time())
    else:
        await _pace(wires, load, shooting)
    async with asyncio.timeout(load.seconds + 30):
        await shooting.over
    return shooting.found()


async def _pace(wires: list[_Wire], load: Load, shooting: _Shooting) -> None:
    """Give each its moment, some a few milliseconds late; they are counted as asked at their moment."""
    loop = asyncio.get_running_loop()
    begins, number = loop.time(), 0
    while True:
        due = begins + number / load.rate
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        if not shooting.ask(wires[number % len(wires)], due):
            return
        number += 1


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    wires = []
    for number in range(SESSIONS):
        _, wire = await loop.create_connection(_Wire, "127.0.0.1", port)
        at = time.strftime("%m%d%H%M%S", time.gmtime())
        bits = (1 << 63 | 1 << (64 - 7) | 1 << (64 - 11)).to_bytes(8) + (1 << (128 - 70)).to_bytes(8)
        wire.send(_SIGN_ON.encode() + bits + at.encode() + f"{number + 1:06}".encode() + b"001")
        await wire.signed_on
        wires.append(wire)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        load = msgspec.json.decode(line, type=Load)
        telegrams = await asyncio.to_thread(_taken, load.telegrams)
        sys.stdout.write(msgspec.json.encode(await _shoot(wires, load, telegrams)).decode() + "\n")
        sys.stdout.flush()


def _taken(count: int) -> list[bytes]:
    read = sys.stdin.buffer.read
    return [read(int.from_bytes(read(2))) for _ in range(count)]


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
