"""Where one is signed in: the sessions of the caller, and the end of one or of all others.

lists   GET    /v1/me/sessions         app/auth/session.py    listed()
ends    DELETE /v1/me/sessions/{id}    app/auth/session.py    sign_out()
        DELETE /v1/me/sessions         app/auth/session.py    sign_out_elsewhere()
holds   in every process from the commit on: app/auth/gate.py asks with every request
"""

from datetime import datetime
from typing import Annotated

from litestar import delete, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta

from app import clock
from app.auth import session
from app.auth.principal import Principal
from app.auth.subject import Subject
from app.db import Story
from app.http import ids
from app.http.wire import Wire

_TAGS = ["Sign-in"]


class OpenSession(Wire, frozen=True, kw_only=True):
    """One sign-in that stands. Times are of the real clock."""

    id: Annotated[str, Meta(examples=["session_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    this_one: Annotated[bool, Meta(description="It is the session of this request.")]
    client: Annotated[str, Meta(description="The app, or the wallet it was opened for.", examples=["app"])]
    device: Annotated[
        str | None,
        Meta(
            description="Whose passkey opened it, or let the wallet in: see /v1/me/devices.",
            examples=["device_06AC0Q8DZ9VGYWKXCR2A5NN1WM"],
        ),
    ] = None
    opened_at: datetime
    renewed_at: Annotated[datetime, Meta(description="When its tokens were exchanged last.")]
    idle_until: Annotated[datetime, Meta(description="It ends then, unless its tokens are exchanged before.")]
    expires_at: Annotated[datetime, Meta(description="It ends then, however much it is used.")]


class OpenSessions(Wire, frozen=True):
    """Every session of the caller that stands, the newest first."""

    sessions: list[OpenSession]


@get(
    "/v1/me/sessions",
    operation_id="listSessions",
    opt={"scope": "me:read"},
    tags=_TAGS,
    summary="Where am I signed in?",
)
async def list_sessions(me: NamedDependency[Principal], story: NamedDependency[Story]) -> OpenSessions:
    """List the caller's sessions that stand."""
    found = await session.listed(await story(), me.subject, clock.real())
    return OpenSessions([_view(each, me) for each in found])


@delete(
    "/v1/me/sessions/{session_id:str}",
    operation_id="endSession",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Sign out there",
)
async def end_session(session_id: FromPath[str], me: NamedDependency[Principal], story: NamedDependency[Story]) -> None:
    """End one of the caller's sessions: its tokens are void from now on, everywhere."""
    await session.sign_out(await story(), ids.parse("session", session_id), _who(me), clock.real())


@delete(
    "/v1/me/sessions",
    operation_id="endOtherSessions",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Sign out everywhere else",
)
async def end_other_sessions(me: NamedDependency[Principal], story: NamedDependency[Story]) -> None:
    """End every session of the caller but the one of this request."""
    assert me.session is not None, "whoever holds a scope has a session"
    await session.sign_out_elsewhere(await story(), me.session, _who(me), clock.real())


def _who(me: Principal) -> Subject:
    return Subject(me.subject, me.role, me.name)


def _view(open_: session.Open, me: Principal) -> OpenSession:
    return OpenSession(
        id=ids.show("session", open_.id),
        this_one=open_.id == me.session,
        client=open_.client_id,
        device=ids.show("device", open_.device) if open_.device else None,
        opened_at=open_.at,
        renewed_at=open_.renewed_at,
        idle_until=open_.idle_until,
        expires_at=open_.expires_at,
    )


routes: list[HTTPRouteHandler] = [list_sessions, end_session, end_other_sessions]
