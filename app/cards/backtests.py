"""The worker's step for backtests of card rules: takes one that is due, tries the rule on what was asked.

finds      app/cards/backtests.py     step()       <- you are here
tries      cards/rules/backtest.py    run()
"""

from app import db
from app.house import House
from cards.rules import backtest


async def step(house: House) -> int:
    """Run one backtest; answers how many there were. One that is interrupted is due again."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        asked = await backtest.due(connection, at=story.now)
        if asked is None:
            return 0
        await backtest.run(connection, asked, at=story.now)
    return 1
