"""Promised against actual: how often money was there when it was first said to be."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PERIOD = timedelta(days=30)


class Kept(msgspec.Struct, frozen=True):
    """A kind of payment by one way, in seconds from its beginning to its end."""

    kind: str
    rail: str
    ended: int
    kept: int
    late_now: int
    median_s: int | None
    slowest_s: int | None


async def report(db: AsyncConnection, now: datetime) -> tuple[datetime, list[Kept]]:
    """Count what began in the last 30 days; a payment the bank refused was promised to nobody."""
    since = now - PERIOD
    rows = await db.execute(_REPORT, {"since": since, "now": now})
    return since, [Kept(*row) for row in rows]


_REPORT = text(
    """
    WITH promise AS (
        SELECT kind, rail, requested_at AS began, promised_by, ended_at,
               state IN ('requested', 'sent', 'unknown') AS open
        FROM app.bank_order WHERE promised_by IS NOT NULL AND requested_at >= :since AND state <> 'rejected'
        UNION ALL
        SELECT 'incoming', rail, announced_at, promised_by, ended_at, stage = 'announced'
        FROM app.incoming WHERE announced_at >= :since AND stage IN ('announced', 'credited')
    )
    SELECT kind, rail, count(ended_at), count(*) FILTER (WHERE ended_at <= promised_by),
           count(*) FILTER (WHERE open AND promised_by < :now),
           round(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - began)))::bigint,
           round(max(extract(epoch FROM ended_at - began)))::bigint
    FROM promise GROUP BY kind, rail ORDER BY kind, rail
    """
)
