"""Officers suspend, restore and revoke statuses.

path   POST /v1/officer/statuses/{id}/changes   ->   residency/status.py              change()
                                                ->   app/credentials/entitlement.py   follow(), in the same transaction

What needs the status asks for it each time (app/standing.py), so it is closed from the commit on.
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app.auth.principal import Principal
from app.credentials import entitlement
from app.db import Story
from app.http import ids
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once
from residency import status
from residency.status import Act, Kind, State, Status


class ChangeStatus(Wire, frozen=True):
    """What is done to a status, and why. Only restoring needs no reason."""

    act: Annotated[Act, Meta(examples=["suspend"])]
    reason_code: Annotated[Annotated[str, Meta(max_length=60)] | None, Meta(examples=["not_confirmed"])] = None


class HeldStatus(Wire, frozen=True, kw_only=True):
    """A status of a resident. `version` counts its changes, the assignment included."""

    id: Annotated[str, Meta(examples=["status_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[Kind, Meta(examples=["e_resident"])]
    state: Annotated[State, Meta(examples=["active"])]
    scheme: Annotated[str, Meta(examples=["DEMO-ERID"])]
    number: Annotated[str, Meta(examples=["260000000012"])]
    version: Annotated[int, Meta(ge=1, examples=[2])]
    assigned_at: datetime

    @classmethod
    def of(cls, held: Status) -> "HeldStatus":
        """Show a status."""
        return cls(
            id=ids.show("status", held.id),
            resident=ids.show("resident", held.resident),
            kind=held.kind,
            state=held.state,
            scheme=held.scheme,
            number=held.number,
            version=held.version,
            assigned_at=held.assigned_at,
        )


class HeldStatuses(Wire, frozen=True):
    """Every status a resident ever had, the oldest first."""

    statuses: list[HeldStatus]


@get(
    "/v1/officer/residents/{resident_id:str}/statuses",
    operation_id="listStatusesOf",
    opt={"scope": "officer:read"},
    tags=["Cases"],
    summary="A resident's statuses",
)
async def list_statuses_of(resident_id: FromPath[str], story: NamedDependency[Story]) -> HeldStatuses:
    """List what a resident is to the state, and was."""
    db = await story()
    found = await status.of_resident(db, await whom.resident(db, resident_id))
    return HeldStatuses(statuses=[HeldStatus.of(held) for held in found])


@post(
    "/v1/officer/statuses/{status_id:str}/changes",
    operation_id="changeStatus",
    opt={"scope": "officer:statuses"},
    tags=["Cases"],
    summary="Suspend, restore or revoke a status",
)
async def change_status(
    status_id: FromPath[str],
    data: JSONBody[ChangeStatus],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[HeldStatus]:
    """Change a status; the credentials that prove it follow at once, and a revoked one is void for good."""

    async def act(story: Story) -> HeldStatus:
        db, wanted = await story(), ids.parse("status", status_id)
        changed = await status.change(db, wanted, data.act, at=story.now, by=me.actor, reason_code=data.reason_code)
        await entitlement.follow(db, changed, actor=me.actor, at=story.now)
        return HeldStatus.of(changed)

    return await once(act)


routes = [list_statuses_of, change_status]
