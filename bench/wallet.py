"""Money moves: the batch of this process, with all a real move carries, against the smallest ledger PostgreSQL can run.

Interleaved rounds, because the disk's commit latency drifts and other work comes and goes: only ratios of one round are
compared, and of those the median is told. History indexes, fsync and synchronous_commit are on for us and for the peer.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable

from app import house as house_
from app.house import House
from app.money import FIRST_LANE
from bench import moving, pgbench
from bench.ground import Ground
from bench.moving import Elsewhere
from bench.row import Goal, Rounds, Row, row
from wallet.transfer import AccountId

ACCOUNTS = 2_000
AT_ONCE = 256
SECONDS = 4.0
ROUNDS = 3
BULK = 100
FUNCTION, HOT_FUNCTION, STATEMENTS = (
    "pgbench, stored function",
    "pgbench, stored function, hot",
    "pgbench, 4 statements",
)


async def rows(ground: Ground) -> list[Row]:
    """Measure single moves, random and hot, bulks, two lanes, moves between them, and how long one takes."""
    pgbench.prepare(ground, ACCOUNTS)
    async with house_.opened(ground.settings) as house:
        here = await moving.wallets(house, FIRST_LANE, ACCOUNTS)
        other = await moving.second_lane(house)
        there = await moving.wallets(house, other, ACCOUNTS)
        elsewhere = await Elsewhere.start(ground.settings, other)
        rounds = Rounds()
        for _ in range(ROUNDS):
            for name, measure in _measures(ground, house, here, there, other, elsewhere).items():
                rounds.add(name, await measure())
        await elsewhere.stop()
        pairs = moving.random_pairs(here)
        alone = await moving.latencies_ms(house, FIRST_LANE, pairs, at_once=1, times=300)
        crowd = await moving.latencies_ms(house, FIRST_LANE, pairs, at_once=32, times=6_400)
    return [
        rounds.row("moves, random", FUNCTION, goal=Goal(ratio_min=1.1)),
        rounds.row("moves, random", STATEMENTS),
        rounds.row("moves, one hot account", HOT_FUNCTION, goal=Goal(ratio_min=8)),
        rounds.row(f"moves in bulks of {BULK}", FUNCTION, goal=Goal(ratio_min=1.1)),
        rounds.row("moves, 2 lanes in 2 processes", FUNCTION, goal=Goal(ratio_min=1.8)),
        rounds.row("moves from lane to lane", "moves, random"),
        row("one move alone, median", statistics.median(alone), "ms"),
        row("one of 32 at once, p99", crowd[len(crowd) * 99 // 100], "ms", goal=Goal(value_max=10)),
    ]


def _measures(  # noqa: PLR0917  who takes part
    ground: Ground,
    house: House,
    here: list[AccountId],
    there: list[AccountId],
    other: int,
    elsewhere: Elsewhere,
) -> dict[str, Callable[[], Awaitable[float]]]:
    async def moves(pairs: moving.Pairs, *lanes: int, size: int = 1) -> float:
        at_once = max(2, AT_ONCE // size)
        return await moving.per_second(house, lanes, pairs, at_once=at_once, seconds=SECONDS, size=size)

    async def hot() -> float:
        return await moves(moving.hot_pairs(await moving.bank(house, FIRST_LANE), here), FIRST_LANE)

    async def both() -> float:
        return sum(await asyncio.gather(moves(moving.random_pairs(here), FIRST_LANE), elsewhere.per_second(SECONDS)))

    async def peer(measure: Callable[..., float], *, hot: bool = False) -> float:
        return await asyncio.to_thread(measure, ground, ACCOUNTS, hot=hot)

    return {
        FUNCTION: lambda: peer(pgbench.function),
        "moves, random": lambda: moves(moving.random_pairs(here), FIRST_LANE),
        HOT_FUNCTION: lambda: peer(pgbench.function, hot=True),
        "moves, one hot account": hot,
        f"moves in bulks of {BULK}": lambda: moves(moving.random_pairs(here), FIRST_LANE, size=BULK),
        STATEMENTS: lambda: peer(pgbench.statements),
        "moves, 2 lanes in 2 processes": both,
        "moves from lane to lane": lambda: moves(zip(here * 10_000, there * 10_000, strict=False), FIRST_LANE, other),
    }
