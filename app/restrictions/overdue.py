"""Reminds officers of restrictions whose review is due: what nobody looks at must not go on in silence."""

from sqlalchemy import text

from app.db import transaction
from app.house import House
from app.restrictions.events import ReviewOverdue
from app.tables import event
from proof import journal

_AT_ONCE = 100
ACTOR = "system:restrictions"


async def step(house: House) -> int:
    """Mark what is due for review as overdue, tell officers and the person; answers how many."""
    async with transaction(house.worker) as story:
        db = await story()
        rows = (await db.execute(_DUE, {"now": story.now, "limit": _AT_ONCE})).all()
        facts = [
            journal.Fact(
                aggregate=row.id,
                holder=row.holder,
                at=story.now,
                actor=ACTOR,
                event=ReviewOverdue(restriction=row.id, reason=row.reason, review_due=row.review_due),
            )
            for row in rows
        ]
        await db.execute(_MARK, {"now": story.now, "ids": [row.id for row in rows]})
        await journal.append(db, event, *facts)
    return len(rows)


# Whoever acts on a person's restrictions holds their turn (app/restrictions/restriction.py); it is due again after.
_DUE = text(
    """
    SELECT id, holder, reason, review_due FROM app.restriction
    WHERE due_at <= :now AND pg_try_advisory_xact_lock(hashtextextended('app.restriction:' || holder, 0))
    ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_MARK = text(
    """
    UPDATE app.restriction SET due_at = NULL, overdue_since = :now, version = version + 1 WHERE id = ANY (:ids)
    """
)
