"""Money moves: the batch of this process, with all a real move carries, against the smallest ledger PostgreSQL can run.

Interleaved rounds, because the disk's commit latency drifts: only ratios of one round are compared.
"""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from app import db, ids
from app import house as house_
from app.house import House
from app.money import FIRST_LANE, claim, plainly
from bench import pgbench
from bench.ground import Ground
from bench.row import Goal, Row, row
from law.money import KZT, Money
from wallet import account
from wallet.account import Purpose
from wallet.transfer import AccountId, Post, TransferId

ACCOUNTS = 2_000
AT_ONCE = 256
SECONDS = 4.0
ROUNDS = 3
BULK = 100

_AT = datetime(2026, 9, 1, tzinfo=UTC)
_TENGE = Money(100, KZT)
Pairs = Iterator[tuple[AccountId, AccountId]]


async def rows(ground: Ground) -> list[Row]:
    """Measure single moves, random and hot, bulk requests, and the latency of one alone."""
    pgbench.prepare(ground, ACCOUNTS)
    async with house_.opened(ground.settings) as house:
        wallets = await _wallets(house)
        source = await house.money.operator(Purpose.BANK, label="bench")
        draw = random.Random(1242)
        measured: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, speed in {
                "function": await _peer(pgbench.function, ground, hot=False),
                "function hot": await _peer(pgbench.function, ground, hot=True),
                "statements": await _peer(pgbench.statements, ground, hot=False),
                "random": await _moves(house, _pairs(draw, wallets), size=1),
                "hot": await _moves(house, ((source, to) for to in itertools.cycle(wallets)), size=1),
                "bulk": await _moves(house, _pairs(draw, wallets), size=BULK),
            }.items():
                measured.setdefault(name, []).append(speed)
        alone = await _latency_ms(house, _pairs(draw, wallets))
    per_s = {name: statistics.median(speeds) for name, speeds in measured.items()}
    function = ("pgbench, stored function", per_s["function"])
    return [
        row("moves, random", per_s["random"], "1/s", peer=function, goal=Goal(ratio_min=1.2)),
        row("moves, random, 4 statements", per_s["random"], "1/s", peer=("pgbench, 4 statements", per_s["statements"]),
            goal=Goal(ratio_min=2.5)),
        row("moves, one hot account", per_s["hot"], "1/s", peer=("pgbench, stored function", per_s["function hot"]),
            goal=Goal(ratio_min=9)),
        row(f"moves in bulks of {BULK}", per_s["bulk"], "1/s", peer=function, goal=Goal(ratio_min=1.2)),
        row("one move alone, median", alone, "ms", goal=Goal(value_max=2.0)),
    ]  # fmt: skip


async def _peer(measure: Callable[..., float], ground: Ground, *, hot: bool) -> float:
    return await asyncio.to_thread(measure, ground, ACCOUNTS, hot=hot)


async def _wallets(house: House) -> list[AccountId]:
    """Open wallets as the API does and fund them from the bank's mirror."""
    opened = []
    for _ in range(ACCOUNTS):
        holder = ids.new()
        async with db.transaction(house.api, holder=holder, audience="resident") as story:
            wallet = await account.open_wallet(
                await story(), holder=holder, account=ids.new(), lane=FIRST_LANE, actor="system:bench", at=_AT
            )
        opened.append(wallet)
    source = await house.money.operator(Purpose.BANK, label="bench")
    for start in range(0, ACCOUNTS, BULK):
        await _move(house, [(source, to) for to in opened[start : start + BULK]], Money(10**12, KZT))
    return opened


def _pairs(draw: random.Random, wallets: list[AccountId]) -> Pairs:
    while True:
        payer, payee = draw.sample(wallets, 2)
        yield payer, payee


async def _move(house: House, pairs: list[tuple[AccountId, AccountId]], amount: Money = _TENGE) -> None:
    """Make one entry of the queue, as one request would be: with its own key, answers and events."""
    posts = [
        Post(id=TransferId(ids.new()), debit=payer, credit=payee, money=amount, code="bench") for payer, payee in pairs
    ]
    key: UUID = ids.new()
    await house.money.move(posts, lanes=[FIRST_LANE], claim=claim("bench", str(key), None), render=plainly)


async def _moves(house: House, pairs: Pairs, *, size: int) -> float:
    """Measure moves a second with AT_ONCE of them waiting at any time."""
    until = time.perf_counter() + SECONDS
    done = 0

    async def send() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await _move(house, list(itertools.islice(pairs, size)))
            done += size

    started = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(max(2, AT_ONCE // size))))
    return done / (time.perf_counter() - started)


async def _latency_ms(house: House, pairs: Pairs) -> float:
    taken = []
    for _ in range(300):
        started = time.perf_counter()
        await _move(house, [next(pairs)])
        taken.append((time.perf_counter() - started) * 1_000)
    return statistics.median(taken)
