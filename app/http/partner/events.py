"""The events a partner was sent, to be pulled by who missed some: the same ones, in the same order, with the same data.

path   any event  ->  app/outbox.py  ->  app/partners/outgoing.py  fan_out()  ->  GET /v1/partner/events?after=
"""

from litestar import get
from litestar.di import NamedDependency
from sqlalchemy import text

from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http.mobile.feed import After, EventPage, page
from app.http.paging import Limit, Pager


@get(
    "/v1/partner/events",
    operation_id="pullEvents",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="Events since",
)
async def pull_events(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    after: After = None,
    limit: Limit = 50,
) -> EventPage:
    """Read the events fanned out to any subscription of the caller's after a place in the log."""
    pager = Pager(house.keys.cursor, f"partner-events/{me.subject}")
    place = int(pager.place(after) or 0)
    db = await story()
    # Row-level security shows a partner what was fanned out to it, and nothing to anybody else.
    rows = (await db.execute(FANNED_OUT, {"partner": me.subject, "after": place, "size": limit + 1})).all()
    return page(rows[:limit], pager, place, more=len(rows) > limit)


# Found by the caller's own deliveries: however long the others' log is, the caller pays for its page alone.
FANNED_OUT = text(
    """
    SELECT event_id, position, kind, at, body FROM app.feed
    WHERE position = ANY (ARRAY(
        SELECT DISTINCT sent.position
        FROM app.subscription CROSS JOIN LATERAL (
            SELECT position FROM app.delivery
            WHERE delivery.subscription = subscription.id AND position > :after ORDER BY position LIMIT :size
        ) AS sent
        WHERE subscription.partner = :partner ORDER BY sent.position LIMIT :size
    ))
    ORDER BY position
    """
)

routes = [pull_events]
