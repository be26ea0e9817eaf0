"""Officers look at cases and decide them, two by two.

path   POST /v1/officer/cases/{id}/reviews  ->  residency/review.py  ->  residency/status.py
reads  app/applicant.py for what kyc knows; here, and nowhere else, the confidential checks are shown

The answer to a review names no person: it is kept for repeats of the request.
"""

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, applicant, language, remarks
from app.access import Look
from app.applicant import Applicant
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from app.remarks import Written
from law.calendar import statutory_date
from residency import application, checking, queue, review, timeline
from residency.application import Application, Move
from residency.case import State
from residency.comment import Audience
from residency.queue import Place
from residency.review import Opinion, Review, Verdict

CaseId = Annotated[str, Meta(examples=["application_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
OfficerId = Annotated[str, Meta(examples=["officer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ReasonCode = Annotated[str, Meta(max_length=60)]
Comment = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)")]
StateFilter = Annotated[
    State | None,
    QueryParameter(name="state", description="Only cases in this state; by default all that are not decided."),
]


class CaseSummary(Wire, frozen=True, kw_only=True):
    """A case in the queue. `due_on` is null while the applicant is waited for."""

    id: CaseId
    service: Annotated[str, Meta(examples=["eresidency.assign"])]
    receipt: Annotated[str | None, Meta(examples=["260000000012"])]
    state: Annotated[State, Meta(examples=["in_review"])]
    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    submitted_at: datetime | None
    due_on: date | None
    overdue_on: Annotated[date | None, Meta(examples=[None])]


class CasePage(Wire, frozen=True):
    """A page of the queue, the longest waiting first; `next_cursor` is absent on the last."""

    cases: list[CaseSummary]
    next_cursor: str | None = None


class CaseCheck(Wire, frozen=True, kw_only=True):
    """One check: what it looks at and why, in the officer's language, and what it found. `params` are for experts."""

    check: Annotated[str, Meta(examples=["person.screening"])]
    verdict: Annotated[str, Meta(examples=["review"])]
    title: Annotated[str, Meta(examples=["Sanctions and watch lists"])]
    explanation: Annotated[str, Meta(examples=["Compares the name and the date of birth with the lists of today."])]
    reason: Annotated[str | None, Meta(examples=[None])]
    params: Annotated[dict[str, str], Meta(examples=[{"lists": "ofac@0b1c2d3e4f5a6b7c"}])]


class CaseDocument(Wire, frozen=True, kw_only=True):
    """The document the applicant is judged by, whom it names, and every check of it, the confidential ones too."""

    id: Annotated[str, Meta(examples=["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    outcome: Annotated[str, Meta(examples=["identified"])]
    grade: Annotated[str, Meta(examples=["valid"])]
    issuer: Annotated[str, Meta(examples=["CZE"])]
    expires: date
    surname: Annotated[str, Meta(examples=["NOVAK"])]
    given: Annotated[str, Meta(examples=["TOMAS"])]
    born: Annotated[str, Meta(examples=["2001-05-05"])]
    nationality: Annotated[str, Meta(examples=["CZE"])]
    checks: list[CaseCheck]


class CaseReview(Wire, frozen=True, kw_only=True):
    """What an officer said; a round ends with a decision, a question or a disagreement."""

    round: Annotated[int, Meta(examples=[4])]
    officer: OfficerId
    decision: Annotated[Verdict, Meta(examples=["approve"])]
    reason_code: Annotated[str | None, Meta(examples=[None])]
    comment_internal: str
    comment_applicant: Annotated[str | None, Meta(examples=[None])]
    at: datetime


class CaseMove(Wire, frozen=True, kw_only=True):
    """One move of the case, by whom."""

    state: Annotated[State, Meta(examples=["submitted"])]
    at: datetime
    actor: Annotated[str, Meta(examples=["service:pipeline"])]
    reason: Annotated[str | None, Meta(examples=[None])]


class CaseView(CaseSummary, frozen=True, kw_only=True):
    """A case with everything an officer decides by. `checks` are those of the latest round."""

    waits_for: Annotated[timeline.Side, Meta(examples=["operator"])]
    answers: Annotated[dict[str, str | bool], Meta(examples=[{"purpose": "investment"}])]
    document: CaseDocument | None
    checks: list[CaseCheck]
    reviews: list[CaseReview]
    moves: list[CaseMove]


class GiveReview(Wire, frozen=True, kw_only=True):
    """An officer's opinion. Only `reason_code` and `comment_applicant` may reach the applicant."""

    decision: Annotated[Verdict, Meta(examples=["approve"])]
    reason_code: Annotated[ReasonCode | None, Meta(description="Required to refuse or ask.", examples=[None])] = None
    comment_internal: Annotated[Comment, Meta(examples=["The hit is another person: born in 1954."])] = ""
    comment_applicant: Annotated[Comment | None, Meta(examples=[None])] = None


@get(
    "/v1/officer/cases",
    operation_id="listCases",
    opt={"scope": "officer:read"},
    tags=["Cases"],
    summary="The queue",
)
async def list_cases(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    only: StateFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> CasePage:
    """List filed cases in the order they were filed."""
    pager = Pager(house.keys.cursor, f"cases/{only or 'open'}")
    place = pager.place(cursor)
    after = msgspec.json.decode(place, type=Place) if place else None
    db = await story()
    found = await queue.page(db, state=only, after=after, limit=limit + 1)
    shown = found[:limit]
    moves = await application.moves_of(db, [each.id for each in shown])
    more = pager.cursor(_place(shown[-1])) if len(found) > limit else None
    return CasePage(cases=[CaseSummary(**_summary(each, moves[each.id])) for each in shown], next_cursor=more)


@get(
    "/v1/officer/cases/{application_id:str}",
    operation_id="getCase",
    opt={"scope": "officer:read"},
    tags=["Cases"],
    summary="A case",
)
async def get_case(
    request: Request[Any, Any, Any],
    application_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> CaseView:
    """Show a case with its applicant, every check explained, and what other officers said."""
    db = await story()
    found = await application.find(db, ids.parse("application", application_id))
    who = await applicant.find(db, house.keys.kms, found.resident, statutory_date(story.now), _why(found))
    given = await review.of(db, found.id)
    comments = [comment for each in given for comment in each.comments]
    said = await remarks.read(db, house.keys.kms, found.resident, comments, _why(found))
    tag = language.choose(request.headers.get("accept-language"))
    return await _case(db, found, who, [_review(each, said) for each in given], tag)


@post(
    "/v1/officer/cases/{application_id:str}/reviews",
    operation_id="reviewCase",
    opt={"scope": "officer:cases"},
    tags=["Cases"],
    summary="Review a case",
)
async def review_case(
    application_id: FromPath[str],
    data: JSONBody[GiveReview],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[CaseSummary]:
    """Approve, refuse or ask. The first officer proposes, a second one confirms; nobody reviews a round twice.

    Nothing is approved before the applicant's own case (`/v1/officer/identity-cases`) is.
    """
    written = Written(data.comment_internal, data.comment_applicant)

    async def act(story: Story) -> CaseSummary:
        db = await story()
        locked = await application.lock(db, ids.parse("application", application_id))
        who = await applicant.find(db, house.keys.kms, locked.resident, statutory_date(story.now), _why(locked))
        opinion = Opinion(
            officer=me.subject,
            verdict=data.decision,
            reason=data.reason_code,
            comments=await remarks.sealed(db, house.keys.kms, locked.resident, written, _why(locked)),
        )
        if data.decision is Verdict.APPROVE:
            await applicant.require_identified(db, locked.resident, statutory_date(story.now))
        person = applicant.proven(who, story.now)
        moved = await review.give(db, locked, opinion, person=person, at=story.now, by=me.actor)
        return CaseSummary(**_summary(moved, await application.moves(db, moved.id)))

    return await once(act)


async def _case(
    db: AsyncConnection, found: Application, who: Applicant | None, reviews: list[CaseReview], tag: Language
) -> CaseView:
    moves = await application.moves(db, found.id)
    began = max((move.sort for move in moves if move.state is State.CHECKING), default=0)
    return CaseView(
        **_summary(found, moves),
        waits_for=timeline.waits_for(found.state),
        answers=found.answers,
        document=_document(who, tag) if who else None,
        checks=[
            _check(each.check, each.verdict, tag, reason=each.reason)
            for each in await checking.found(db, found.id, began)
        ],
        reviews=reviews,
        moves=[CaseMove(state=each.state, at=each.at, actor=each.actor, reason=each.reason) for each in moves],
    )


def _why(found: Application) -> Look:
    return access.case(found.id, waiting=timeline.waits_for(found.state) is timeline.Side.OPERATOR)


def _summary(found: Application, moves: list[Move]) -> dict[str, Any]:
    return {
        "id": ids.show("application", found.id),
        "service": found.service,
        "receipt": found.receipt,
        "state": found.state,
        "resident": ids.show("resident", found.resident),
        "submitted_at": found.submitted_at,
        "due_on": application.due_on(found, moves),
        "overdue_on": found.overdue_on,
    }


def _document(who: Applicant, tag: Language) -> CaseDocument:
    person = {name: getattr(who.person, name) for name in ("surname", "given", "born", "nationality")}
    shown = {name: getattr(who.document, name) for name in ("outcome", "grade", "issuer", "expires")}
    return CaseDocument(
        **person,
        **shown,
        id=ids.show("document", who.document.id),
        checks=[_check(each.check, each.verdict, tag, params=each.params) for each in who.document.checks],
    )


def _check(
    name: str, verdict: str, tag: Language, *, reason: str | None = None, params: dict[str, str] | None = None
) -> CaseCheck:
    title, explanation = (explanations().get(name) or explanations()["other"])[tag]
    return CaseCheck(
        check=name, verdict=verdict, title=title, explanation=explanation, reason=reason, params=params or {}
    )


def _review(given: Review, said: dict[UUID, str]) -> CaseReview:
    words = {each.audience: said[each.id] for each in given.comments if each.id in said}
    return CaseReview(
        round=given.round,
        officer=ids.show("officer", given.officer),
        decision=given.verdict,
        reason_code=given.reason,
        comment_internal=words.get(Audience.OFFICERS, ""),
        comment_applicant=words.get(Audience.APPLICANT),
        at=given.at,
    )


def _place(last: Application) -> str:
    assert last.submitted_at is not None, "the queue holds filed cases"
    return msgspec.json.encode(Place(last.submitted_at, last.id)).decode()


@cache
def explanations() -> dict[str, dict[str, tuple[str, str]]]:
    """Read what each check looks at and why, by its name and the language."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


routes = [list_cases, get_case, review_case]
