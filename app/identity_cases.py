"""Cases of identification in this installation: what is asked of whoever shows a document, and what time brings.

demands    kyc/cases/keeping.py     demand()                what the regime of the day and an outside to ask require
moves      kyc/cases/keeping.py     lapse(), monitor()      a question lapses, who was approved is watched
"""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import transaction
from app.house import House
from app.settings import Settings
from kyc.cases import keeping
from kyc.risk.exposure import Kind
from law.calendar import statutory_date
from law.regime import PROGRAMME, NoRegime, Programme

ACTOR = "service:identity_cases"
_ONE_ROUND_MAX = 100
#: After the first night in which all lists were looked at again.
_SETTLES = timedelta(days=1)


def demanded(settings: Settings, programme: Programme, on: date) -> frozenset[str]:
    """Name what must have passed of everybody who shows a document on a day, beyond what cases always require.

    A face where the regime says so; offices and the press where there is an outside to ask: not answered is not clear.
    """
    asked = frozenset(kind.check for kind in Kind) if settings.exposure_url is not None else frozenset[str]()
    try:
        return asked | programme.at(on).identification
    except NoRegime:
        return asked


async def demand(house: House, db: AsyncConnection, resident: UUID, *, at: datetime, actor: str) -> None:
    """Ask it of a resident who shows a document now."""
    checks = demanded(house.settings, PROGRAMME, statutory_date(at))
    await keeping.demand(db, resident, checks, at=at, by=actor)


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
