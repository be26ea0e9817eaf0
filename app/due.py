"""What is due at an instant and not done yet: one line for each kind of row the worker takes."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Kind of work → how many rows of it wait at :now. What runs by the clock alone (lists, clean-ups) is not counted.
WORK = {
    "relay": "SELECT app.unrelayed() + coalesce((SELECT sum(seq - relayed) FROM wallet.lane), 0)::bigint",
    "pipeline": "SELECT count(*) FROM residency.application WHERE due_at <= :now",
    "card_expiry": "SELECT count(*) FROM cards.promise WHERE due_at <= :now",
    # What goes on between us and partners is retried by the machine's clock, not by the installation's.
    "inbox": "SELECT count(*) FROM app.inbox WHERE due_at <= now()",
    "placements": "SELECT count(*) FROM invest.placement WHERE due_at <= now() OR (due_at IS NULL AND state = 'booked'"
    " AND matures_on < (CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Almaty')::date)",
    "deliveries": "SELECT count(*) FROM app.delivery JOIN app.subscription ON subscription.id = delivery.subscription"
    " WHERE active AND due_at <= now() AND NOT EXISTS (SELECT 1 FROM app.delivery AS earlier WHERE earlier.due_at"
    " IS NOT NULL AND earlier.subscription = delivery.subscription AND earlier.aggregate = delivery.aggregate"
    " AND earlier.sequence < delivery.sequence)",
}

_COUNTS = text(" UNION ALL ".join(f"SELECT '{name}' AS name, ({query}) AS rows" for name, query in WORK.items()))


async def waiting(db: AsyncConnection, now: datetime) -> dict[str, int]:
    """Count the rows due at `now`, by kind of work."""
    return {row.name: row.rows for row in await db.execute(_COUNTS, {"now": now})}
