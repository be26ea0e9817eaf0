"""Load on the ledger: wallets with money in them, and callers who move it, each transfer an entry of its own.

A caller makes what a request would hand in (ids, a random key, its hash) and waits for the stored answer. Its work is
in the same process and in the figures, as a peer's client is in the peer's.

    python -m bench.moving LANE    callers in a process of their own: a second writer on another lane

It reads the settings, says "ready", and then for every number of seconds it reads how many moves a second it made.
"""

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import uvloop

from app import db, ids, lane
from app import house as house_
from app.house import House
from app.money import claim, plainly
from app.settings import Settings
from bench import ground
from law.money import KZT, Money
from wallet import account
from wallet.chart import Purpose
from wallet.transfer import AccountId, Post, TransferId

_AT = datetime(2026, 9, 1, tzinfo=UTC)
_TENGE = Money(100, KZT)
_FUNDS = Money(10**12, KZT)
_OPENERS = 8  # connections that open wallets at a time
_FUNDED_AT_ONCE = 500

_keys = random.Random(time.time_ns())
Pair = tuple[AccountId, AccountId]
Pairs = Iterator[Pair]


async def wallets(house: House, lane_: int, count: int) -> list[AccountId]:
    """Open wallets as the API does and fund them from the bank's mirror of their lane."""
    numbers = iter(range(count))
    opened: list[AccountId] = []

    async def open_some() -> None:
        for _ in numbers:
            holder = ids.new()
            async with db.transaction(house.api, holder=holder, audience="resident") as story:
                opened.append(
                    await account.open_wallet(
                        await story(), holder=holder, account=ids.new(), lane=lane_, actor="system:bench", at=_AT
                    )
                )

    await asyncio.gather(*(open_some() for _ in range(_OPENERS)))
    source = await bank(house, lane_)
    for start in range(0, count, _FUNDED_AT_ONCE):
        await move(house, lane_, [(source, to) for to in opened[start : start + _FUNDED_AT_ONCE]], amount=_FUNDS)
    return opened


async def bank(house: House, lane_: int) -> AccountId:
    """Give the account that money comes from, one for everybody on the lane: the hot one."""
    return await house.money.operator(Purpose.BANK, label="bench", lane=lane_)


async def second_lane(house: House) -> int:
    """Give the lane beside the first."""
    async with db.transaction(house.worker) as story:
        return await lane.add(await story())


def random_pairs(of: Sequence[AccountId], seed: int = 1242) -> Pairs:
    """Draw payers and payees."""
    draw = random.Random(seed)
    while True:
        payer, payee = draw.sample(of, 2)
        yield payer, payee


def hot_pairs(source: AccountId, to: Sequence[AccountId]) -> Pairs:
    """Let everybody be paid from one account."""
    return ((source, each) for each in itertools.cycle(to))


async def move(house: House, lanes: int | Sequence[int], pairs: Sequence[Pair], *, amount: Money = _TENGE) -> None:
    """Make one entry of the queue, as one request would be; its key is random, as those of clients are."""
    posts = [
        Post(id=TransferId(ids.new()), debit=payer, credit=payee, money=amount, code="bench") for payer, payee in pairs
    ]
    named = claim(f"resident:{pairs[0][0]}", f"{_keys.getrandbits(128):032x}", None)
    await house.money.move(posts, lanes=[lanes] if isinstance(lanes, int) else lanes, claim=named, render=plainly)


async def per_second(
    house: House, lanes: int | Sequence[int], pairs: Pairs, *, at_once: int, seconds: float, size: int = 1
) -> float:
    """Measure moves a second with `at_once` entries of `size` under way at any time."""
    until = time.perf_counter() + seconds
    done = 0

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await move(house, lanes, list(itertools.islice(pairs, size)))
            done += size

    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(at_once)))
    return done / (time.perf_counter() - started)


async def latencies_ms(house: House, lane_: int, pairs: Pairs, *, at_once: int, times: int) -> list[float]:
    """Measure how long each of many single moves takes, in order of length."""
    taken: list[float] = []

    async def call() -> None:
        for _ in range(times // at_once):
            started = time.perf_counter()
            await move(house, lane_, [next(pairs)])
            taken.append((time.perf_counter() - started) * 1_000)

    await asyncio.gather(*(call() for _ in range(at_once)))
    return sorted(taken)


class Elsewhere:
    """The same callers in another process, on a lane of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: Settings, lane_: int) -> "Elsewhere":
        """Start the process and wait until it can begin."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.moving",
            str(lane_),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        made = cls(process)
        made._say(ground.told(settings))
        assert await made._line() == "ready"
        return made

    async def per_second(self, seconds: float) -> float:
        """Let it move money at random for a while."""
        self._say(str(seconds))
        return float(await self._line())

    async def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


async def _child(settings: Settings, lane_: int, *, accounts: int = 2_000, at_once: int = 256) -> None:
    async with house_.opened(settings) as house:
        pairs = random_pairs(await wallets(house, lane_, accounts))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            found = await per_second(house, lane_, pairs, at_once=at_once, seconds=float(line))
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_child(ground.settings_of(sys.stdin.readline()), int(sys.argv[1])))
