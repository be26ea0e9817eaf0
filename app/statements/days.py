"""The end of a day in the books: a step of the worker, once the day is over in Kazakhstan.

calls   wallet/closing.py   barrier(), close()
"""

from app.db import transaction
from app.house import House
from law.calendar import statutory_date
from wallet import closing


async def step(house: House) -> int:
    """Write the closings of some transfers of a day that is over; answers 1 where it did something."""
    async with transaction(house.worker) as story:
        db = await story()
        today = statutory_date(story.now)
        lanes = await closing.lanes(db, today)
        if not lanes:
            return 0
        lane = lanes[0]
        barrier = await closing.barrier(db, lane)
    async with transaction(house.worker) as story:
        await closing.close(await story(), lane=lane, today=today, barrier=barrier)
    return 1
