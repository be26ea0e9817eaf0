"""Officers and papers: the queue, a paper with what was found of it, its files, a face, and the verdict.

path   POST /v1/officer/papers/{id}/verdict   ->  kyc/papers/paper.py judge()  ->  app/papers/reporting.py

Every look into somebody's papers leaves a row that they can read (app/access.py): they handed them in to be looked at,
so it shows at once.
"""

import base64
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import language, vault
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile import papers
from app.http.mobile.files import FileContent, Hex
from app.http.mobile.papers import PaperId, PaperView
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import NotTogether, Wire
from app.idempotency import Once
from app.papers import faces, reporting, scanning
from app.vault import Vault
from kyc.packs.pack import Kind
from kyc.papers import face, file, paper
from kyc.papers.face import Result, State
from kyc.papers.paper import Accepted, Paper, Reason, Verdict

_TAGS = ["Papers"]
_SCOPE = {"scope": "officer:cases"}
ResidentId = Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Base64 = Annotated[str, Meta(examples=["/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="])]
Score = Annotated[int, Meta(ge=0, le=10_000, description="Ten-thousandths.", examples=[9_321])]


class WaitingPaperView(Wire, frozen=True, kw_only=True):
    """A paper nobody has judged yet."""

    id: PaperId
    resident: ResidentId
    kind: Annotated[Kind, Meta(examples=["diploma"])]
    country: papers.Country
    given_at: datetime


class WaitingPapersView(Wire, frozen=True):
    """The queue, the oldest first."""

    papers: list[WaitingPaperView]
    next_cursor: str | None = None


class OfficersPaperView(Wire, frozen=True, kw_only=True):
    """A paper as officers see it, and whose it is."""

    resident: ResidentId
    paper: PaperView


class JudgePaper(Wire, frozen=True):
    """What an officer makes of a paper; not accepting it takes a reason."""

    outcome: Annotated[Accepted, Meta(examples=["not_accepted"])]
    reason: Annotated[Reason | None, Meta(examples=["unreadable"])] = None


class FaceResultView(Wire, frozen=True, kw_only=True):
    """What a vendor said: its score, the threshold it was held against, and the pictures by their digests."""

    kind: Annotated[Literal["match", "liveness"], Meta(examples=["match"])]
    vendor: Annotated[str, Meta(examples=["Demo Faces"])]
    version: Annotated[str, Meta(examples=["2026-11"])]
    score: Score
    threshold: Score
    images: list[Hex]
    outcome: Annotated[Literal["pass", "fail", "review"], Meta(examples=["pass"])]

    @classmethod
    def of(cls, found: Result) -> "FaceResultView":
        """Show a result."""
        return cls(
            kind=found.kind.value,
            vendor=found.vendor,
            version=found.version,
            score=found.score,
            threshold=found.threshold,
            images=list(found.images),
            outcome=found.outcome,  # type: ignore[arg-type]  # the database holds it to these words
        )


class OfficersFaceView(Wire, frozen=True, kw_only=True):
    """A session with what vendors said."""

    id: Annotated[str, Meta(examples=["face_session_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    resident: ResidentId
    document_id: Annotated[str, Meta(examples=["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[State, Meta(examples=["review"])]
    attempt: Annotated[int, Meta(ge=1, examples=[3])]
    tries: Annotated[int, Meta(ge=0, description="How often vendors were asked.", examples=[1])]
    results: list[FaceResultView]
    at: datetime


class PicturesView(Wire, frozen=True):
    """The portrait of the chip and the selfie, side by side, in base64."""

    portrait: Base64
    portrait_media: Annotated[Literal["image/jpeg", "image/jp2"], Meta(examples=["image/jpeg"])]
    selfie: Base64
    selfie_media: Annotated[Literal["image/jpeg", "image/png"], Meta(examples=["image/jpeg"])]


@get("/v1/officer/papers", operation_id="listWaitingPapers", opt=_SCOPE, tags=_TAGS, summary="Papers that wait")
async def list_waiting(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> WaitingPapersView:
    """List the papers nobody has judged, the oldest first."""
    db = await story()
    pager = Pager(house.keys.cursor, "officer/papers")
    place = pager.place(cursor)
    found = await paper.waiting(db, after=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return WaitingPapersView([_waiting(each) for each in found[:limit]], more)


@get("/v1/officer/papers/{paper_id:str}", operation_id="lookAtPaper", opt=_SCOPE, tags=_TAGS, summary="Look at a paper")
async def look_at_paper(
    request: Request[Any, Any, Any],
    paper_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> OfficersPaperView:
    """Show a paper with what it says and what was found of it; its owner can read that somebody looked."""
    db = await story()
    found = await paper.find(db, ids.parse("paper", paper_id))
    return _shown(found, await _look(db, house, found.resident, found.id, Sees.IDENTITY), request)


@get(
    "/v1/officer/papers/{paper_id:str}/files/{file_id:str}",
    operation_id="lookAtFile",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Look at a file of a paper",
)
async def look_at_file(
    paper_id: FromPath[str], file_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> FileContent:
    """Show a file of a paper; its owner can read that somebody looked."""
    db, wanted = await story(), ids.parse("file", file_id)
    found = await paper.find(db, ids.parse("paper", paper_id))
    if wanted not in {each.id for each in found.files}:
        raise file.UnknownFile
    told, sealed = await file.content(db, wanted)
    keys = await _look(db, house, found.resident, found.id, Sees.EVIDENCE)
    return FileContent.of(told, keys.open(sealed, table=scanning.TABLE, column=scanning.COLUMN, row=told.id))


@post(
    "/v1/officer/papers/{paper_id:str}/verdict",
    operation_id="judgePaper",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Judge a paper",
)
async def judge_paper(
    request: Request[Any, Any, Any],
    paper_id: FromPath[str],
    data: JSONBody[JudgePaper],
    *,
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[OfficersPaperView]:
    """Accept a paper or not, with a reason that its owner is told; once."""
    if (data.outcome is Accepted.NOT_ACCEPTED) != (data.reason is not None):
        raise NotTogether("outcome", "reason")

    async def act(story: Story) -> OfficersPaperView:
        db = await story()
        found = await paper.find(db, ids.parse("paper", paper_id))
        verdict = Verdict(outcome=data.outcome, reason=data.reason, officer=me.actor, at=story.now)
        judged = await paper.judge(db, found, verdict)
        keys = await _look(db, house, judged.resident, judged.id, Sees.IDENTITY)
        looks = await reporting.report(db, keys, judged, at=story.now, actor=me.actor)
        shown = papers.view(judged, looks, _tag(request))
        return OfficersPaperView(resident=ids.show("resident", judged.resident), paper=shown)

    return await once(act)


@get(
    "/v1/officer/face-sessions/{face_session_id:str}",
    operation_id="lookAtFaceSession",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Look at a face session",
)
async def look_at_session(face_session_id: FromPath[str], story: NamedDependency[Story]) -> OfficersFaceView:
    """Show what vendors said of a face, without any picture."""
    db = await story()
    found = await face.find(db, ids.parse("face_session", face_session_id))
    return OfficersFaceView(
        id=ids.show("face_session", found.id),
        resident=ids.show("resident", found.resident),
        document_id=ids.show("document", found.document),
        state=found.state,
        attempt=found.attempt,
        tries=found.tries,
        results=[FaceResultView.of(each) for each in await face.results(db, found.id)],
        at=found.at,
    )


@get(
    "/v1/officer/face-sessions/{face_session_id:str}/pictures",
    operation_id="lookAtFaces",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Look at two faces",
)
async def look_at_faces(
    face_session_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> PicturesView:
    """Show portrait and selfie side by side; their owner can read that somebody looked."""
    db = await story()
    found = await face.find(db, ids.parse("face_session", face_session_id))
    if found.selfie is None:
        raise face.NotShown
    told, sealed = await file.content(db, found.selfie)
    keys = await _look(db, house, found.resident, found.id, Sees.EVIDENCE)
    portrait = await faces.of_document(db, keys, found.document)
    selfie = keys.open(sealed, table=scanning.TABLE, column=scanning.COLUMN, row=told.id)
    return PicturesView(
        portrait=base64.b64encode(portrait.image).decode(),
        portrait_media=portrait.media,  # type: ignore[arg-type]  # one of both: kyc/papers/portrait.py
        selfie=base64.b64encode(selfie).decode(),
        selfie_media=told.media.value,  # type: ignore[arg-type]  # no PDF: app/http/mobile/faces.py
    )


async def _look(db: AsyncConnection, house: House, person: UUID, about: UUID, sees: Sees) -> Vault:
    """Open the vault of whom a paper is, who asked for it to be looked at."""
    return await vault.look(db, house.keys.kms, person, Look(sees=sees, purpose=Purpose.REQUEST, about=about))


def _shown(found: Paper, keys: Vault, request: Request[Any, Any, Any]) -> OfficersPaperView:
    details = reporting.opened(keys, found)
    shown = papers.view(found, reporting.looks(found, details), _tag(request), details)
    return OfficersPaperView(resident=ids.show("resident", found.resident), paper=shown)


def _waiting(found: Paper) -> WaitingPaperView:
    return WaitingPaperView(
        id=ids.show("paper", found.id),
        resident=ids.show("resident", found.resident),
        kind=found.kind,
        country=found.country,
        given_at=found.at,
    )


def _tag(request: Request[Any, Any, Any]) -> language.Language:
    return language.choose(request.headers.get("accept-language"))


routes = [list_waiting, look_at_paper, look_at_file, judge_paper, look_at_session, look_at_faces]
