"""What the caller is to the state: the statuses that granted applications led to.

path   GET /v1/me/statuses  ->  residency/status.py   of_resident()
"""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.wire import Wire
from residency import status


class Identifier(Wire, frozen=True):
    """A number of a person in the scheme that makes it: no scheme stands for another."""

    scheme: Annotated[str, Meta(examples=["DEMO-ERID"])]
    value: Annotated[str, Meta(examples=["260000000012"])]


class StatusView(Wire, frozen=True):
    """One status, whatever became of it."""

    id: Annotated[str, Meta(examples=["status_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[status.Kind, Meta(examples=["e_resident"])]
    state: Annotated[status.State, Meta(examples=["active"])]
    identifiers: list[Identifier]
    assigned_at: datetime


class Statuses(Wire, frozen=True):
    """Every status the caller ever had, the oldest first."""

    statuses: list[StatusView]


@get(
    "/v1/me/statuses",
    operation_id="listStatuses",
    opt={"scope": "residency:read"},
    tags=["Applications"],
    summary="My statuses",
)
async def list_statuses(story: NamedDependency[Story], me: NamedDependency[Principal]) -> Statuses:
    """List the caller's statuses."""
    return Statuses(statuses=[_status(each) for each in await status.of_resident(await story(), me.subject)])


def _status(held: status.Status) -> StatusView:
    return StatusView(
        id=ids.show("status", held.id),
        kind=held.kind,
        state=held.state,
        identifiers=[Identifier(scheme=held.scheme, value=held.number)],
        assigned_at=held.assigned_at,
    )


routes = [list_statuses]
