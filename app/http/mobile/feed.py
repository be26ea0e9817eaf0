"""What happened to the caller, as a log that can be followed: push may be lost, this is not.

path   any event  ->  app/outbox.py  ->  app.feed  ->  GET /v1/me/feed?after=
"""

from datetime import datetime
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta
from sqlalchemy import text

from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import fact, ids
from app.http.paging import Limit, Pager
from app.http.wire import Wire

After = Annotated[
    str | None, QueryParameter(max_length=400, description="`next` of the answer before; absent for the beginning.")
]


class EventView(Wire, frozen=True):
    """One thing that happened. `position` grows through the whole log of the installation; yours are some of them."""

    id: Annotated[str, Meta(examples=["evt_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    position: Annotated[int, Meta(ge=1, examples=[42])]
    type: Annotated[str, Meta(examples=["placement.booked"])]
    timestamp: datetime
    data: Annotated[dict[str, Any], Meta(examples=[{"placement": "placement_06AVZR0TKB7Z8M2Q3R4S5T6V7W"}])]


class EventPage(Wire, frozen=True):
    """The next events, oldest first. Ask again with `after` set to `next`, at once while `more` is true."""

    events: list[EventView]
    next: Annotated[str, Meta(examples=["sHq3…"])]
    more: bool


@get(
    "/v1/me/feed",
    operation_id="readFeed",
    opt={"scope": "feed:read"},
    tags=["Feed"],
    summary="What happened since",
)
async def read_feed(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    after: After = None,
    limit: Limit = 50,
) -> EventPage:
    """Read the caller's events after a place in the log."""
    pager = Pager(house.keys.cursor, f"feed/{me.subject}")
    place = int(pager.place(after) or 0)
    rows = (await (await story()).execute(_MINE, {"holder": me.subject, "after": place, "size": limit + 1})).all()
    return page(rows[:limit], pager, place, more=len(rows) > limit)


def page(rows: Any, pager: Pager, place: int, *, more: bool) -> EventPage:  # noqa: ANN401  rows of the feed
    """Show `rows` of the feed, which follow `place`."""
    events = [
        EventView(
            id=ids.show("evt", row.event_id),
            position=row.position,
            type=row.kind,
            timestamp=row.at,
            data=fact.shown(row.body),
        )
        for row in rows
    ]
    return EventPage(events=events, next=pager.cursor(str(events[-1].position if events else place)), more=more)


_MINE = text(
    """
    SELECT event_id, position, kind, at, body FROM app.feed
    WHERE holder = :holder AND position > :after ORDER BY position LIMIT :size
    """
)

routes = [read_feed]
