"""One process that sends money from one wallet to another, again and again: run beside a second one."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from app import db
from app.money import Money
from app.settings import Environment, Settings
from migrations import walls
from tests.wallet.ledgers import kzt, move, post
from wallet.transfer import AccountId


async def send(settings: Settings, lanes: list[int], payer: UUID, payee: UUID, times: int) -> None:
    engine = db.engine(settings, walls.POSTING)
    money = Money(engine)
    await asyncio.gather(
        *(move(money, post(AccountId(payer), AccountId(payee), kzt(1)), lanes=lanes) for _ in range(times))
    )
    await engine.dispose()


if __name__ == "__main__":
    address, word, keys, here, there, payer, payee, times = sys.argv[1:]
    told = Settings(environment=Environment.TEST, database_url=address, role_password=word, keys=Path(keys))
    asyncio.run(send(told, [int(here), int(there)], UUID(payer), UUID(payee), int(times)))
