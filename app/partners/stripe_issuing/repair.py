"""What Stripe told and we did not hear: listed from time to time, and kept like what was heard.

finds      app/partners/stripe_issuing/repair.py    step()       <- you are here, the worker
keeps      app/partners/stripe_issuing/inbox.py     keep()

Two nets. The first lists events from where everything was known to be here, and a little before, since what Stripe
dates to a second may be listed later. The second looks at purchases we promised money for and have heard nothing of
since: a yes that came too late left a hold that nobody will claim.
"""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.house import House
from app.partners.stripe_issuing import inbox
from app.partners.stripe_issuing.issuer import CODE
from cards.processing.processor import Told, Unknown

EVERY = timedelta(minutes=5)
OVERLAP = timedelta(minutes=10)
#: Stripe lists events of the last 30 days.
LISTED = timedelta(days=30)
#: A question's outcome is told within moments; after this long we ask.
SILENT = timedelta(minutes=10)


async def step(house: House) -> int:
    """List what was missed, when it is time; answers how many events were new."""
    if house.stripe is None:
        return 0
    now = clock.real()
    async with db.transaction(house.worker) as story:
        since = await _due(await story(), now)
    if since is None:
        return 0
    listed = await house.stripe.list_events(max(since - OVERLAP, now - LISTED))
    if isinstance(listed, Unknown):
        return 0
    async with db.transaction(house.worker) as story:
        connection = await story()
        found = await inbox.keep(connection, [*listed, *await _silent(connection, now)], found_by="repair", now=now)
        await connection.execute(_COMPLETE, {"processor": CODE, "at": now})
    return found


async def _due(connection: AsyncConnection, now: datetime) -> datetime | None:
    """Say from when to list, where it is time to; whoever asks has it for EVERY."""
    given = {"processor": CODE, "now": now, "next": now + EVERY}
    since: datetime | None = await connection.scalar(_DUE, given)
    return since


async def _silent(connection: AsyncConnection, now: datetime) -> list[Told]:
    """Name the purchases we hold money for and heard nothing of, as if Stripe had told of them."""
    rows = await connection.execute(_SILENT, {"processor": CODE, "before": now - SILENT})
    kind = "issuing_authorization.updated"
    return [Told(event=f"look_{row.lifecycle}", kind=kind, about=row.lifecycle, at=now) for row in rows]


_DUE = text(
    """
    INSERT INTO cards.processor_cursor AS kept (processor, complete_until, due_at) VALUES (:processor, :now, :next)
    ON CONFLICT (processor) DO UPDATE SET due_at = EXCLUDED.due_at WHERE kept.due_at <= :now
    RETURNING complete_until
    """
)
_COMPLETE = text("UPDATE cards.processor_cursor SET complete_until = :at WHERE processor = :processor")
_SILENT = text(
    """
    SELECT payment.lifecycle FROM cards.promise JOIN cards.payment USING (lane)
    WHERE payment.id = promise.payment AND payment.network = :processor AND payment.opened_at <= :before
      AND NOT EXISTS (SELECT FROM cards.processor_event AS told
                      WHERE told.processor = payment.network AND told.about = payment.lifecycle)
    LIMIT 100
    """
)
