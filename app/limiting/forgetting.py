"""Forgets what was spent in months that count no more: this month's and last month's days stay.

What comes back of a payment older than that has nothing to be given back to.
"""

from sqlalchemy import text

from app.db import transaction
from app.house import House
from law import calendar

_AT_ONCE = 1_000


async def step(house: House) -> int:
    """Delete days before last month; answers how many."""
    async with transaction(house.worker) as story:
        db = await story()
        this_month = calendar.statutory_date(story.now).replace(day=1)
        before = calendar.add_months(this_month, -1)
        gone = await db.execute(_FORGET, {"before": before, "limit": _AT_ONCE})
    return gone.rowcount


_FORGET = text(
    """
    DELETE FROM app.allowance_use WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM app.allowance_use WHERE day < :before LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
    """
)
