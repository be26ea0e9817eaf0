"""The person shows that they are the one in the passport: a session, a selfie, and what vendors made of it.

path   POST /v1/identity/face-sessions               ->  kyc/papers/face.py begin()
       POST /v1/identity/face-sessions/{id}/selfie   ->  kyc/papers/face.py show()  ->  app/papers/faces.py asks

Scores are for officers: whoever learns how near a picture came would try the next one.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids as mint
from app import vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.files import FileId
from app.http.wire import Wire
from app.idempotency import Once
from app.papers import faces
from app.vault import Vault
from kyc.papers import face, file
from kyc.papers.face import Session, State
from kyc.papers.file import NotUsable
from kyc.papers.media import Media

_TAGS = ["Papers"]
SessionId = Annotated[str, Meta(examples=["face_session_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_LOOKED_AT_MAX = 5


class SessionView(Wire, frozen=True, kw_only=True):
    """An attempt to show one's face.

    The phone's liveness library records under `id` until `expires_at`; then the selfie is given. `failed` may be tried
    again while `attempts_left` is not 0, `review` is looked at by a person.
    """

    id: SessionId
    document_id: Annotated[str, Meta(examples=["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[State, Meta(examples=["open"])]
    attempt: Annotated[int, Meta(ge=1, examples=[1])]
    attempts_left: Annotated[int, Meta(ge=0, examples=[2])]
    expires_at: datetime
    begun_at: datetime


class SessionsView(Wire, frozen=True):
    """The caller's sessions, newest first."""

    sessions: list[SessionView]


class GiveSelfie(Wire, frozen=True):
    """The selfie: a picture that was sent before and found clean."""

    file: FileId


@post(
    "/v1/identity/face-sessions",
    operation_id="beginFaceSession",
    opt={"scope": "kyc:write", "quota": "own-limits"},
    tags=_TAGS,
    summary="Begin to show one's face",
)
async def begin_session(
    me: NamedDependency[Principal], once: NamedDependency[Once], house: NamedDependency[House]
) -> Response[SessionView]:
    """Begin the next attempt for the latest document whose chip has a portrait that a state signed."""

    async def act(story: Story) -> SessionView:
        db = await story()
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        document = await _with_portrait(db, keys, me)
        begun = await face.begin(db, mint.new(), me.subject, document, at=story.now, actor=me.actor)
        return await _view(db, begun)

    return await once(act, headers=lambda view: {"Location": f"/v1/identity/face-sessions/{view.id}"})


@post(
    "/v1/identity/face-sessions/{face_session_id:str}/selfie",
    operation_id="giveSelfie",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="Give the selfie",
    status_code=202,
)
async def give_selfie(
    face_session_id: FromPath[str],
    data: JSONBody[GiveSelfie],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
) -> Response[SessionView]:
    """Give the session its picture; it is compared with the portrait, and the session says what came of it."""

    async def act(story: Story) -> SessionView:
        db, wanted = await story(), ids.parse("face_session", face_session_id)
        selfie, _ = await file.content(db, ids.parse("file", data.file))
        if selfie.media is Media.PDF:
            raise NotUsable(selfie.scan)
        return await _view(db, await face.show(db, wanted, selfie.id, at=story.now, actor=me.actor))

    return await once(act)


@get(
    "/v1/identity/face-sessions",
    operation_id="listFaceSessions",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="My face sessions",
)
async def list_sessions(me: NamedDependency[Principal], story: NamedDependency[Story]) -> SessionsView:
    """List the caller's sessions, newest first."""
    db = await story()
    return SessionsView([await _view(db, each) for each in await face.of_resident(db, me.subject)])


@get(
    "/v1/identity/face-sessions/{face_session_id:str}",
    operation_id="getFaceSession",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="A face session",
)
async def get_session(face_session_id: FromPath[str], story: NamedDependency[Story]) -> SessionView:
    """Show where a session is."""
    db = await story()
    return await _view(db, await face.find(db, ids.parse("face_session", face_session_id)))


async def _with_portrait(db: AsyncConnection, keys: Vault, me: Principal) -> UUID:
    """Find the latest document whose chip has a portrait that a state signed; raises NoPortrait."""
    for document in await face.offered(db, me.subject, limit=_LOOKED_AT_MAX):
        try:
            await faces.of_document(db, keys, document)
        except face.NoPortrait:
            continue
        return document
    raise face.NoPortrait


async def _view(db: AsyncConnection, found: Session) -> SessionView:
    used = await face.attempts(db, found)
    return SessionView(
        id=ids.show("face_session", found.id),
        document_id=ids.show("document", found.document),
        state=found.state,
        attempt=found.attempt,
        attempts_left=max(0, face.ATTEMPTS_MAX - used),
        expires_at=found.expires_at,
        begun_at=found.at,
    )


routes = [begin_session, give_selfie, list_sessions, get_session]
