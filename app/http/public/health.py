"""Is it alive, is it ready, has it started: for whoever runs the process. Says nothing of versions or insides."""

from typing import Annotated, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy import text

from app import migrate
from app.db import Story
from app.http.wire import Wire

_REVISION = text("SELECT version_num FROM public.alembic_version")


class Health(Wire, frozen=True):
    """One word."""

    status: Annotated[Literal["ok", "starting"], Meta(examples=["ok"])]


@get(
    "/health/live",
    operation_id="getLiveness",
    opt={"scope": "public", "unlimited": True},
    tags=["Health"],
    summary="Alive?",
)
async def live() -> Health:
    """Answer without asking anything else: a process that can't is to be restarted."""
    return Health(status="ok")


@get(
    "/health/ready",
    operation_id="getReadiness",
    opt={"scope": "public", "unlimited": True},
    tags=["Health"],
    summary="Ready?",
)
async def ready(story: NamedDependency[Story]) -> Response[Health]:
    """Answer 200 while the database is reached and has this code's schema, else 503.

    A process that was told to stop accepts no connection any more, which is as unready as can be.
    """
    return await _started(story)


@get(
    "/health/startup",
    operation_id="getStartup",
    opt={"scope": "public", "unlimited": True},
    tags=["Health"],
    summary="Started?",
)
async def startup(story: NamedDependency[Story]) -> Response[Health]:
    """Answer 200 once the database has this code's schema, else 503."""
    return await _started(story)


async def _started(story: Story) -> Response[Health]:
    db = await story()
    started = await db.scalar(_REVISION) == migrate.head()
    return Response(Health(status="ok" if started else "starting"), status_code=200 if started else 503)


routes = [live, ready, startup]
