"""The worker's step for backtests of rules of risk: takes one that is due, tries the rule on what was asked.

finds      app/risk/backtests.py     step()       <- you are here
tries      kyc/risk/backtest.py      run()

Facts are under the keys of those they are about: each person reads of it once in a month, as of every look that is the
same for everybody.
"""

import functools

from app import access, db, vault
from app.house import House
from kyc.risk import backtest

ACTOR = "service:risk"


async def step(house: House) -> int:
    """Run one backtest; answers how many there were. One that is interrupted is due again."""
    safes = functools.partial(vault.look_at_all, kms=house.keys.kms, why=access.SCREENING)
    async with db.transaction(house.worker, actor=ACTOR, operation="riskBacktests") as story:
        connection = await story()
        asked = await backtest.due(connection, at=story.now)
        if asked is None:
            return 0
        await backtest.run(connection, asked, safes, at=story.now)
    return 1
