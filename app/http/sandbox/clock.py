"""The clock of a demo or test installation: law and money read it, and it only moves forward."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy import text

from app import clock, due
from app.db import Story
from app.house import House
from app.http.wire import Wire
from app.idempotency import Once

_ADVANCE = text("UPDATE app.clock SET advanced_by = advanced_by + :by RETURNING advanced_by")
_YEAR_S = 366 * 24 * 3600


class Advance(Wire, frozen=True):
    """By how much the clock moves."""

    seconds: Annotated[int, Meta(ge=1, le=10 * _YEAR_S, examples=[86_400])]


class ClockView(Wire, frozen=True):
    """The installation's clock. `caught_up` when the worker has nothing due at this time left to do."""

    now: datetime
    caught_up: bool
    due: Annotated[dict[str, int], Meta(description="Rows due, by kind of work.", examples=[{"relay": 0}])]


@get("/v1/sandbox/clock", operation_id="getClock", opt={"scope": "service:operate"}, tags=["Sandbox"], summary="Clock")
async def get_clock(story: NamedDependency[Story], house: NamedDependency[House]) -> ClockView:
    """Show the clock and whether the worker has caught up with it."""
    await story()
    return await _view(house, story.now)


@post(
    "/v1/sandbox/clock",
    operation_id="advanceClock",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Move the clock forward",
    status_code=200,
)
async def advance_clock(
    data: JSONBody[Advance], once: NamedDependency[Once], house: NamedDependency[House]
) -> Response[ClockView]:
    """Move the whole installation forward; the worker catches up with what is due by then."""

    async def act(story: Story) -> ClockView:
        db = await story()
        by = timedelta(seconds=data.seconds)
        clock.check_reach(story.now + by)
        await db.execute(_ADVANCE, {"by": by})
        return await _view(house, story.now + by)

    return await once(act)


async def _view(house: House, now: datetime) -> ClockView:
    # What is due is the worker's to see: it waits in every room.
    async with house.worker.connect() as db:
        waiting = await due.waiting(db, now)
    return ClockView(now=now, caught_up=not any(waiting.values()), due=waiting)


routes = [get_clock, advance_clock]
