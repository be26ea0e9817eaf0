"""The worker's step for campaigns: cards of a basis moved to another one, or wound down, a batch at a time.

finds      app/cards/campaigns.py       step()       <- you are here
moves      cards/programme/rounds.py    advance()

One transaction for each batch: a worker that dies leaves the place where the next one goes on. Whoever pays meanwhile
comes first: a campaign rests thrice as long as a batch took, which is the longer the more others there are.
"""

import asyncio

from app.db import transaction
from app.house import House
from cards.programme import campaign, rounds

ACTOR = "service:card-campaigns"
_RESTS, _RESTS_MAX_S = 3, 5.0


async def step(house: House) -> int:
    """Do the next cards of a campaign that is due; answers 1 where there was one."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with transaction(house.worker, actor=ACTOR, operation="card_campaigns") as story:
        running = await campaign.due(await story(), story.now)
        if running is None:
            return 0
        await rounds.advance(await story(), running, actor=ACTOR, at=story.now)
    await asyncio.sleep(min(_RESTS * (loop.time() - began), _RESTS_MAX_S))
    return 1
