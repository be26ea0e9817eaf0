"""Cases of identification as time passes: a question lapses, an overdue renewal suspends, who was approved is watched.

moves      kyc/cases/keeping.py     lapse(), monitor()
"""

from datetime import timedelta

from app.db import transaction
from app.house import House
from kyc.cases import keeping

ACTOR = "service:identity_cases"
_ONE_ROUND_MAX = 100
#: After the first night in which all lists were looked at again.
_SETTLES = timedelta(days=1)


async def step(house: House) -> int:
    """End the wait for those who are late and watch who is settled, one case in each transaction; answers how many."""
    done = 0
    while done < _ONE_ROUND_MAX and (await _late(house) or await _settled(house)):
        done += 1
    return done


async def _late(house: House) -> bool:
    async with transaction(house.worker, actor=ACTOR, operation="identityCases") as story:
        db = await story()
        late = await keeping.take_late(db, story.now)
        if late is not None:
            await keeping.lapse(db, late, at=story.now, by=ACTOR)
    return late is not None


async def _settled(house: House) -> bool:
    async with transaction(house.worker, actor=ACTOR, operation="identityCases") as story:
        db = await story()
        settled = await keeping.take_settled(db, story.now - _SETTLES)
        if settled is not None:
            await keeping.monitor(db, settled.resident, at=story.now, by=ACTOR)
    return settled is not None
