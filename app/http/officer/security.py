"""Officers of security look at who was let in and refused, and whether the logs are anchored.

path   app/lookout.py  ->  app/security.py  ->  GET /v1/officer/security-events
"""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app import security
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.public.anchors import After
from app.http.regulator.anchors import AnchorReport, report
from app.http.wire import Wire
from app.security import Kind, Recorded

_BEFORE_ALL = 2**63 - 1
KindFilter = Annotated[Kind | None, QueryParameter(name="kind", description="Only events of this kind.")]


class SecurityEvent(Wire, frozen=True, kw_only=True):
    """What happened alike within a minute, and how often. Callers by id, addresses by a keyed hash."""

    position: Annotated[int, Meta(ge=1, description="Its place in the log.", examples=[42])]
    minute: datetime
    kind: Annotated[Kind, Meta(examples=["authorisation.refused"])]
    code: Annotated[
        str,
        Meta(
            description="The problem's code or the status; `others` for what exceeded the rows a minute may have.",
            examples=["insufficient_scope"],
        ),
    ]
    operation: Annotated[str, Meta(examples=["listCases"])]
    caller: Annotated[str | None, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    address: Annotated[str | None, Meta(examples=["5d0c2a4f6f0e1b7a8c9d0e1f2a3b4c5d"])]
    count: Annotated[int, Meta(ge=1, examples=[3])]

    @classmethod
    def of(cls, found: Recorded) -> "SecurityEvent":
        """Show a row of the log."""
        return cls(
            position=found.position,
            minute=found.minute,
            kind=Kind(found.kind),
            code=found.code,
            operation=found.operation,
            caller=ids.show(found.role, found.subject) if found.role and found.subject else None,
            address=found.address.hex() if found.address else None,
            count=found.count,
        )


class SecurityEventPage(Wire, frozen=True):
    """A page of the security log, newest first; `next_cursor` is absent on the last."""

    events: list[SecurityEvent]
    next_cursor: str | None = None


@get(
    "/v1/officer/security-events",
    operation_id="listSecurityEvents",
    opt={"scope": "officer:security"},
    tags=["Officers"],
    summary="The security log",
)
async def list_security_events(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    kind: KindFilter = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> SecurityEventPage:
    """Show who was let in, who was refused and what staff did, counted by the minute."""
    pager = Pager(house.keys.cursor, f"security-events/{kind}")
    before = int(pager.place(cursor) or _BEFORE_ALL)
    found = await security.page(await story(), before=before, kind=kind, size=limit + 1)
    events = [SecurityEvent.of(each) for each in found[:limit]]
    more = pager.cursor(str(events[-1].position)) if len(found) > limit else None
    return SecurityEventPage(events=events, next_cursor=more)


@get(
    "/v1/officer/anchors",
    operation_id="getAnchorState",
    opt={"scope": "officer:security"},
    tags=["Officers"],
    summary="Anchors and where they are kept",
)
async def get_anchor_state(
    story: NamedDependency[Story], house: NamedDependency[House], after: After = None, limit: Limit = 20
) -> AnchorReport:
    """Show the anchors, and how far behind each second place is."""
    return await report(story, house, after, limit)


routes = [list_security_events, get_anchor_state]
