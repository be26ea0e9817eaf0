"""Who saw my data: every look of somebody else into the caller's vault.

path   any operation that opens a vault  ->  app/vault.py look()  ->  app.access  ->  GET /v1/me/access-log
rules  app/access.py, which says when a look shows
"""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from app import access
from app.access import Access, Place, Purpose, Sees
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire


class AccessView(Wire, frozen=True):
    """One look. A `service` is a program and no person saw anything: noted once a month for each purpose and case."""

    id: Annotated[str, Meta(examples=["access_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    at: datetime
    role: Annotated[str, Meta(description="officer, partner, regulator or service.", examples=["officer"])]
    organisation: Annotated[str, Meta(description="`operator`, or whose officers they are.", examples=["operator"])]
    sees: Annotated[Sees, Meta(examples=["identity"])]
    purpose: Annotated[Purpose, Meta(examples=["case"])]
    application: Annotated[
        str | None,
        Meta(
            description="The case it was for, where the purpose is one.",
            examples=["application_06AVZR0TKB7Z8M2Q3R4S5T6V7W"],
        ),
    ] = None


class AccessPage(Wire, frozen=True):
    """A page of the log, the newest first; `next_cursor` is absent on the last."""

    accesses: list[AccessView]
    next_cursor: str | None = None


@get(
    "/v1/me/access-log",
    operation_id="listAccesses",
    opt={"scope": "access:read"},
    tags=["Privacy"],
    summary="Who saw my data",
)
async def list_accesses(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AccessPage:
    """List who opened the caller's personal data, when and what for. Some looks show later: the AML law wants it so."""
    pager = Pager(house.keys.cursor, f"accesses/{me.subject}")
    place = pager.place(cursor)
    after = msgspec.json.decode(place, type=Place) if place else None
    db = await story()
    found = await access.page(db, me.subject, now=story.now, after=after, limit=limit + 1)
    shown = found[:limit]
    more = pager.cursor(_place(shown[-1])) if len(found) > limit else None
    return AccessPage(accesses=[_view(each) for each in shown], next_cursor=more)


def _view(seen: Access) -> AccessView:
    case = seen.about if seen.purpose is Purpose.CASE else None
    return AccessView(
        id=ids.show("access", seen.id),
        at=seen.at,
        role=seen.role,
        organisation=seen.organisation,
        sees=seen.sees,
        purpose=seen.purpose,
        application=ids.show("application", case) if case else None,
    )


def _place(last: Access) -> str:
    return msgspec.json.encode(Place(last.at, last.id)).decode()


routes = [list_accesses]
