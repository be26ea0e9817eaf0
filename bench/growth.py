"""What five million transfers cost the next one: a long-lived ledger beside a young one, in turns.

Both have the same wallets. The old one gets its transfers through the batch itself, a bulk to an entry, so that chain,
balances and versions are those of real use, and as many stored answers under random keys as single requests would have
left. `make bench ONLY=growth` takes minutes; BENCH_TRANSFERS says how many transfers there are to be.
"""

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Awaitable, Callable

import psutil
import psycopg
from sqlalchemy import text

from app import db
from app import house as house_
from app.house import House
from app.money import FIRST_LANE
from bench import ground as ground_
from bench import moving
from bench.ground import Ground
from bench.row import Goal, Rounds, Row, row
from wallet import account, history
from wallet.transfer import AccountId

YOUNG, OLD = 10_000, int(os.environ.get("BENCH_TRANSFERS", "5000000"))
ACCOUNTS = 5_000
SECONDS = 4.0
ROUNDS = 5
AT_ONCE = 256
PAGE = 20
READS = 300
_BULK = 500
_ANSWERS = """
    INSERT INTO app.idempotency (principal, key, request_hash, status, body)
    SELECT 'resident:' || gen_random_uuid(), gen_random_uuid(), sha256(number::text::bytea), 201,
           convert_to('{"id":"transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W","lane":1,"seq":' || number || '}', 'UTF8')
    FROM generate_series(%s::bigint, %s::bigint) AS number
"""
_ANSWERS_AT_ONCE = 250_000
_HOLDERS = text("SELECT id, holder FROM wallet.account WHERE id = ANY(:ids)")


async def rows(ground: Ground) -> list[Row]:
    """Fill one ledger, then measure both in turns, reads of the old one, and this process's memory."""
    with ground_.beside(ground) as second:
        async with house_.opened(second.settings) as young, house_.opened(ground.settings) as old:
            few = await moving.wallets(young, FIRST_LANE, ACCOUNTS)
            await _fill(young, few, YOUNG)
            many = await moving.wallets(old, FIRST_LANE, ACCOUNTS)
            await _fill(old, many, OLD // 10)
            began_mb = _resident_mb()
            await _fill(old, many, OLD - OLD // 10)
            ended_mb = _resident_mb()
            _answers(ground, OLD)
            rounds = Rounds()
            for _ in range(ROUNDS):
                for name, house, wallets in ((f"with {YOUNG:,}", young, few), (f"with {OLD:,}", old, many)):
                    pairs = moving.random_pairs(wallets)
                    rounds.add(
                        name,
                        await moving.per_second(house, [FIRST_LANE], pairs, at_once=AT_ONCE, seconds=SECONDS),
                    )
            balance, page = await _reads_ms(old, many)
    return [
        rounds.row(f"with {OLD:,}", f"with {YOUNG:,}", goal=Goal(ratio_min=0.9)),
        row("balance, median", balance, "ms", goal=Goal(value_max=2)),
        row(f"page of {PAGE} entries, median", page, "ms", goal=Goal(value_max=2)),
        row("memory of the process", ended_mb, "MB", peer=("a tenth of the way", began_mb), goal=Goal(ratio_max=1.1)),
    ]


async def _fill(house: House, wallets: list[AccountId], transfers: int) -> None:
    pairs = moving.random_pairs(wallets)
    bulks = iter(range(transfers // _BULK))

    async def fill_some() -> None:
        for _ in bulks:
            await moving.move(house, FIRST_LANE, list(itertools.islice(pairs, _BULK)))

    await asyncio.gather(fill_some(), fill_some())


def _answers(ground: Ground, count: int) -> None:
    with psycopg.connect(ground.address, autocommit=True) as connection:
        for start in range(1, count + 1, _ANSWERS_AT_ONCE):
            connection.execute(_ANSWERS, (start, min(start + _ANSWERS_AT_ONCE - 1, count)))
        connection.execute("VACUUM ANALYZE app.idempotency")
        connection.execute("VACUUM ANALYZE wallet.transfer")
        connection.execute("CHECKPOINT")


async def _reads_ms(house: House, wallets: list[AccountId]) -> tuple[float, float]:
    """Read balances and last pages as their owners do, with row-level security."""
    async with db.transaction(house.posting) as story:
        found = await (await story()).execute(_HOLDERS, {"ids": wallets[:READS]})
        holders = {AccountId(row.id): row.holder for row in found}

    async def balance(of: AccountId) -> None:
        holder = holders[of]
        async with db.transaction(house.api, holder=holder, audience="resident") as story:
            await account.wallet(await story(), holder)

    async def page(of: AccountId) -> None:
        async with db.transaction(house.api, holder=holders[of], audience="resident") as story:
            found = await history.page(await story(), account=of, lane=FIRST_LANE, size=PAGE)
        assert len(found) == PAGE

    return await _median_ms(balance, list(holders)), await _median_ms(page, list(holders))


async def _median_ms(read: Callable[[AccountId], Awaitable[None]], wallets: list[AccountId]) -> float:
    taken = []
    for each in wallets:
        started = time.perf_counter()
        await read(each)
        taken.append((time.perf_counter() - started) * 1_000)
    return statistics.median(taken)


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1_000_000
