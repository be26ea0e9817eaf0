"""What Stripe told, as rows: kept once by its name, taken when due, settled with the effect of what was found.

hears      app/http/partner/stripe.py               POST /v1/processors/stripe/events
finds      app/partners/stripe_issuing/repair.py    those that were not heard
keeps      app/partners/stripe_issuing/inbox.py     keep()       <- you are here
acts       app/partners/stripe_issuing/events.py    step()       the worker
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.house import House
from app.partners.stripe_issuing.issuer import CODE
from cards.processing.processor import Told


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An event taken by this worker."""

    event: str
    kind: str
    about: str
    attempts: int


async def keep(
    connection: AsyncConnection, told: Iterable[Told], *, found_by: Literal["webhook", "repair"], now: datetime
) -> int:
    """Store events that are not known, due at once; answers how many were not. `now` is the real clock."""
    rows = [{"event": each.event, "kind": each.kind, "about": each.about, "at": each.at} for each in told]
    given = {"rows": msgspec.json.encode(rows).decode(), "processor": CODE, "found_by": found_by, "now": now}
    return (await connection.execute(_KEEP, given)).rowcount if rows else 0


async def take(connection: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Row]:
    """Take what is due at `now` (real clock), and keep other workers off it `until` then."""
    rows = await connection.execute(_TAKE, {"processor": CODE, "now": now, "until": until, "limit": limit})
    return [msgspec.convert(row._asdict(), Row) for row in rows]


async def settle(house: House, events: Sequence[str], outcome: str) -> None:
    """Settle events that change nothing here, or whose effect is there once by itself."""
    async with db.transaction(house.worker) as story:
        await (await story()).execute(SETTLE, settling(events, at=clock.real(), outcome=outcome))


def settling(events: Sequence[str], *, at: datetime, outcome: str) -> dict[str, object]:
    """Give what SETTLE is executed with."""
    return {"processor": CODE, "events": list(events), "at": at, "outcome": outcome}


async def later(connection: AsyncConnection, events: Sequence[str], *, due_at: datetime, trouble: str) -> None:
    """Look again at `due_at` (real clock); `trouble` stays visible."""
    given = {"processor": CODE, "events": list(events), "due_at": due_at, "outcome": trouble[:200]}
    await connection.execute(_LATER, given)


_KEEP = text(
    """
    INSERT INTO cards.processor_event
        (processor, event, kind, about, happened_at, received_at, found_by, due_at)
    SELECT :processor, event, kind, about, at, :now, :found_by, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (event text, kind text, about text, at timestamptz)
    ON CONFLICT DO NOTHING
    """
)
_TAKE = text(
    """
    UPDATE cards.processor_event SET leased_until = :until, attempts = attempts + 1
    WHERE (processor, event) IN (
        SELECT processor, event FROM cards.processor_event
        WHERE processor = :processor AND due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
        ORDER BY due_at, event LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING event, kind, about, attempts
    """
)
#: Runs in the transaction that holds the effect.
SETTLE = text(
    """
    UPDATE cards.processor_event SET due_at = NULL, leased_until = NULL, outcome = :outcome, settled_at = :at
    WHERE processor = :processor AND event = ANY(:events) AND settled_at IS NULL
    """
)
_LATER = text(
    """
    UPDATE cards.processor_event SET due_at = :due_at, leased_until = NULL, outcome = :outcome
    WHERE processor = :processor AND event = ANY(:events) AND settled_at IS NULL
    """
)
