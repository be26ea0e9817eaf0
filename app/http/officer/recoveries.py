"""Officers look at how an account was recovered, and give it back where it went to the wrong person.

path   POST /v1/officer/recoveries/{id}/undo  ->  app/auth/contested.py   undo()
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import clock
from app.auth import contested
from app.auth.contested import Finished
from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once

_TAGS = ["Officers"]


class RecoveredView(Wire, frozen=True):
    """A recovery by which a new passkey took an account over."""

    id: Annotated[str, Meta(examples=["recovery_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    begun_at: datetime
    finished_at: datetime

    @classmethod
    def of(cls, found: Finished) -> "RecoveredView":
        """Show a recovery."""
        return cls(id=ids.show("recovery", found.id), begun_at=found.at, finished_at=found.finished_at)


class RecoveredList(Wire, frozen=True):
    """The latest first."""

    recoveries: list[RecoveredView]


class UndoneView(Wire, frozen=True):
    """The recovery that was undone."""

    id: Annotated[str, Meta(examples=["recovery_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]


@get(
    "/v1/officer/residents/{resident_id:str}/recoveries",
    operation_id="listRecoveriesOf",
    opt={"scope": "officer:suspensions"},
    tags=_TAGS,
    summary="How an account was recovered",
)
async def list_recoveries_of(resident_id: FromPath[str], story: NamedDependency[Story]) -> RecoveredList:
    """List the finished recoveries of an account."""
    db = await story()
    found = await contested.listed(db, await whom.resident(db, resident_id))
    return RecoveredList(recoveries=[RecoveredView.of(each) for each in found])


@post(
    "/v1/officer/recoveries/{recovery_id:str}/undo",
    operation_id="undoRecovery",
    opt={"scope": "officer:suspensions"},
    tags=_TAGS,
    summary="Undo a recovery",
    status_code=200,
)
async def undo_recovery(
    recovery_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[UndoneView]:
    """Give a suspended account back to its former passkeys; nobody gets in before two officers lift the suspension."""
    wanted = ids.parse("recovery", recovery_id)

    async def act(story: Story) -> UndoneView:
        await contested.undo(await story(), wanted, actor=me.actor, now=clock.real())
        return UndoneView(id=recovery_id)

    return await once(act)


routes = [list_recoveries_of, undo_recovery]
