"""Shutting somebody out and letting them in again: one officer of security shuts out, two let in.

path   POST /v1/officer/suspensions              ->  app/auth/suspension.py   impose()
       POST /v1/officer/suspensions/{id}/lift    ->  app/auth/suspension.py   lift()
"""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import subject, suspension
from app.auth.principal import ROLES, Principal
from app.auth.suspension import LiftReason, Reason, Suspension
from app.db import Story
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once

_Subject = Annotated[
    str,
    Meta(
        max_length=40,
        description="Whoever it is: the id says their role.",
        examples=["resident_06AC0Q8DZ9VGYWKXCR2A5NN1WM"],
    ),
]
_TAGS = ["Officers"]


class Suspend(Wire, frozen=True):
    """Who is shut out, and why."""

    subject: _Subject
    reason: Annotated[Reason, Meta(examples=["device_stolen"])]


class Lift(Wire, frozen=True):
    """Why they are let in again."""

    reason: Annotated[LiftReason, Meta(examples=["cleared"])]


class SuspensionView(Wire, frozen=True, kw_only=True):
    """Somebody who is shut out; `lift_proposed` once one officer wants to let them in, `lifted` once two do."""

    id: Annotated[str, Meta(examples=["suspension_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    subject: _Subject
    state: Annotated[Literal["standing", "lift_proposed", "lifted"], Meta(examples=["standing"])]
    reason: Annotated[Reason, Meta(examples=["device_stolen"])]
    suspended_by: Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
    at: datetime
    lift_reason: Annotated[LiftReason | None, Meta(examples=[None])] = None
    lift_proposed_by: Annotated[str | None, Meta(examples=[None])] = None


class SuspensionList(Wire, frozen=True):
    """Everybody who is shut out, the longest first."""

    suspensions: list[SuspensionView]


@get(
    "/v1/officer/suspensions",
    operation_id="listSuspensions",
    opt={"scope": "officer:suspensions"},
    tags=_TAGS,
    summary="Who is shut out",
)
async def list_suspensions(story: NamedDependency[Story]) -> SuspensionList:
    """List the suspensions that stand."""
    found = await suspension.listed(await story())
    return SuspensionList([await _view(story, each) for each in found])


@post(
    "/v1/officer/suspensions",
    operation_id="suspend",
    opt={"scope": "officer:suspensions"},
    tags=_TAGS,
    summary="Shut somebody out",
)
async def suspend(
    data: JSONBody[Suspend], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[SuspensionView]:
    """Let nothing in for a subject: their sessions end and no new ones begin, in every process, from now on."""
    role = data.subject.partition("_")[0]
    who = ids.parse(role if role in ROLES else "resident", data.subject)

    async def act(story: Story) -> SuspensionView:
        made = await suspension.impose(await story(), who, data.reason, actor=me.actor, at=clock.real())
        return await _view(story, made)

    return await once(act)


@post(
    "/v1/officer/suspensions/{suspension_id:str}/lift",
    operation_id="liftSuspension",
    opt={"scope": "officer:suspensions"},
    tags=_TAGS,
    summary="Let somebody in again",
    status_code=200,
)
async def lift_suspension(
    suspension_id: FromPath[str],
    data: JSONBody[Lift],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[SuspensionView]:
    """Propose to lift a suspension or, where another officer has proposed it, lift it; they sign in anew."""
    wanted = ids.parse("suspension", suspension_id)

    async def act(story: Story) -> SuspensionView:
        return await _view(
            story, await suspension.lift(await story(), wanted, data.reason, actor=me.actor, at=clock.real())
        )

    return await once(act)


async def _view(story: Story, found: Suspension) -> SuspensionView:
    who = await subject.find(await story(), found.subject)
    assert who is not None, "a suspension refers to its subject"
    return SuspensionView(
        id=ids.show("suspension", found.id),
        subject=ids.show(who.role, who.id),
        state="lifted" if found.lifted_at else "lift_proposed" if found.lift_proposed_by else "standing",
        reason=found.reason,
        suspended_by=found.suspended_by,
        at=found.at,
        lift_reason=found.lift_reason,
        lift_proposed_by=found.lift_proposed_by,
    )


routes = [list_suspensions, suspend, lift_suspension]
