"""The resident asks something of the state: drafts, files, watches the case.

path   POST /v1/applications/{id}/submit  ->  residency/filing.py  ->  residency/application.py
checks by the worker: app/pipeline.py; decided by officers: app/http/officer/cases.py
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import language, problems, remarks, vault
from app.account import consent
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, precondition
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from app.vault import Vault
from law.seed import THRESHOLDS
from residency import application, filing, review, timeline
from residency.application import Application
from residency.case import State
from residency.review import Decision
from residency.timeline import Entry, Side

ApplicationId = Annotated[str, Meta(examples=["application_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ServiceCode = Annotated[str, Meta(min_length=1, max_length=60, examples=["eresidency.assign"])]
Answer = Annotated[str, Meta(max_length=200)] | bool
Answers = Annotated[
    dict[Annotated[str, Meta(max_length=60)], Answer],
    Meta(max_length=50, examples=[{"purpose": "investment", "data_consent": True, "rules_accepted": True}]),
]
Receipt = Annotated[str | None, Meta(description="Twelve digits, the last of which checks the others.")]
DueOn = Annotated[
    date | None,
    Meta(description="Last day for the decision, in Kazakhstan; null before filing and while we wait for you."),
]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag the edit is made on.")]
_Text = Annotated[str, Meta(examples=["Your application is filed"])]


class BeginApplication(Wire, frozen=True):
    """Which service is applied for."""

    service: ServiceCode


class GiveAnswers(Wire, frozen=True):
    """The answers of the form, all of them: what is left out is open again."""

    answers: Answers


class DecisionView(Wire, frozen=True):
    """What was decided. A refusal names its reason, the legal ground and the last day for a complaint."""

    outcome: Annotated[State, Meta(examples=["granted"])]
    decided_at: datetime
    reason: Annotated[str | None, Meta(examples=[None])] = None
    ground: str | None = None
    complain_until: date | None = None

    @classmethod
    def of(cls, decision: Decision) -> "DecisionView":
        """Show a decision without the officers who made it."""
        return cls(
            outcome=decision.outcome,
            decided_at=decision.at,
            reason=decision.reason,
            ground=decision.ground,
            complain_until=decision.complain_until,
        )


class ApplicationSummary(Wire, frozen=True):
    """An application in a list."""

    id: ApplicationId
    service: ServiceCode
    state: Annotated[State, Meta(examples=["submitted"])]
    waits_for: Annotated[Side, Meta(description="Who has the next move.", examples=["operator"])]
    receipt: Receipt = None
    submitted_at: datetime | None = None


class ApplicationView(ApplicationSummary, frozen=True, kw_only=True):
    """An application as it stands."""

    version: Annotated[int, Meta(ge=1, description="Grows with each change of it, and is the ETag.", examples=[2])]
    answers: Answers
    due_on: DueOn = None
    overdue_on: Annotated[date | None, Meta(description="The last day we missed.", examples=[None])] = None
    decision: DecisionView | None = None


class ApplicationPage(Wire, frozen=True):
    """A page of the caller's applications, the latest first; `next_cursor` is absent on the last."""

    applications: list[ApplicationSummary]
    next_cursor: str | None = None


class TimelineReason(Wire, frozen=True):
    """Why we ask or refuse, and what can be done about it."""

    code: Annotated[str, Meta(examples=["document_expired"])]
    title: Annotated[str, Meta(examples=["Your travel document has expired"])]
    detail: Annotated[str, Meta(examples=["Scan a valid travel document, then file again."])]


class TimelineEntry(Wire, frozen=True):
    """One thing that happened: what, by whom, what happens next, and the due day as it stood then."""

    fact: Annotated[str, Meta(examples=["application.submitted"])]
    at: datetime
    by: Annotated[Side, Meta(examples=["applicant"])]
    state: Annotated[State, Meta(examples=["submitted"])]
    title: _Text
    next: Annotated[str, Meta(examples=["It is checked automatically."])]
    due_on: DueOn = None
    reason: TimelineReason | None = None
    remark: Annotated[str | None, Meta(description="What the officer adds for you.", examples=[None])] = None


class TimelineView(Wire, frozen=True, kw_only=True):
    """Everything that happened to an application, the first thing first."""

    application: ApplicationId
    state: Annotated[State, Meta(examples=["submitted"])]
    waits_for: Annotated[Side, Meta(examples=["operator"])]
    due_on: DueOn = None
    entries: list[TimelineEntry]


@post(
    "/v1/applications",
    operation_id="beginApplication",
    opt={"scope": "residency:write"},
    tags=["Applications"],
    summary="Begin an application",
)
async def begin_application(
    data: JSONBody[BeginApplication],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ApplicationView]:
    """Start a draft for a service; one application for each service may be open."""

    async def act(story: Story) -> ApplicationView:
        db = await story()
        await vault.of(db, house.keys.kms, me.subject, story.now)  # what officers write about it is sealed with it
        begun = await filing.begin(db, me.subject, data.service, at=story.now, by=me.actor, thresholds=THRESHOLDS)
        return await _view(db, begun)

    return await once(act, headers=lambda view: {"Location": f"/v1/applications/{view.id}", **_etag(view)})


@get(
    "/v1/applications",
    operation_id="listApplications",
    opt={"scope": "residency:read"},
    tags=["Applications"],
    summary="My applications",
)
async def list_applications(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ApplicationPage:
    """List the caller's applications, the latest first."""
    pager = Pager(house.keys.cursor, f"applications/{me.subject}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await application.of_resident(await story(), me.subject, before=before, limit=limit + 1)
    shown = found[:limit]
    more = pager.cursor(str(shown[-1].id)) if len(found) > limit else None
    return ApplicationPage(applications=[_summary(each) for each in shown], next_cursor=more)


@get(
    "/v1/applications/{application_id:str}",
    operation_id="getApplication",
    opt={"scope": "residency:read"},
    tags=["Applications"],
    summary="An application",
)
async def get_application(application_id: FromPath[str], story: NamedDependency[Story]) -> Response[ApplicationView]:
    """Show an application of the caller's as it stands."""
    db = await story()
    found = await application.find(db, ids.parse("application", application_id))
    return await _tagged(db, found)


@put(
    "/v1/applications/{application_id:str}/answers",
    operation_id="giveAnswers",
    opt={"scope": "residency:write"},
    tags=["Applications"],
    summary="Answer the form",
)
async def give_answers(
    application_id: FromPath[str],
    data: JSONBody[GiveAnswers],
    story: NamedDependency[Story],
    if_match: IfMatch = None,
) -> Response[ApplicationView]:
    """Replace the answers of a draft, or of an application we asked about."""
    db = await story()
    locked = await application.lock(db, ids.parse("application", application_id))
    precondition.check(if_match, locked.revision)
    return await _tagged(db, await filing.answer(db, locked, data.answers))


@post(
    "/v1/applications/{application_id:str}/submit",
    operation_id="submitApplication",
    opt={"scope": "residency:write"},
    tags=["Applications"],
    summary="File an application",
    status_code=200,
)
async def submit_application(
    application_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ApplicationView]:
    """File a draft, or send an application in again after a question. The receipt number and the term come back."""

    async def act(story: Story) -> ApplicationView:
        db = await story()
        await consent.require(db, me.subject, consent.SERVICES, at=story.now)
        locked = await application.lock(db, ids.parse("application", application_id))
        filed = await filing.submit(db, locked, at=story.now, by=me.actor, thresholds=THRESHOLDS)
        return await _view(db, filed)

    return await once(act, headers=_etag)


@post(
    "/v1/applications/{application_id:str}/withdraw",
    operation_id="withdrawApplication",
    opt={"scope": "residency:write"},
    tags=["Applications"],
    summary="Take an application back",
    status_code=200,
)
async def withdraw_application(
    application_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ApplicationView]:
    """Take back an application that is not decided yet."""

    async def act(story: Story) -> ApplicationView:
        db = await story()
        locked = await application.lock(db, ids.parse("application", application_id))
        return await _view(db, await filing.withdraw(db, locked, at=story.now, by=me.actor))

    return await once(act, headers=_etag)


@get(
    "/v1/applications/{application_id:str}/timeline",
    operation_id="getTimeline",
    opt={"scope": "residency:read"},
    tags=["Applications"],
    summary="What happened to an application",
)
async def get_timeline(
    request: Request[Any, Any, Any],
    application_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[TimelineView]:
    """Tell an application's whole story in the caller's language: what happened, what happens next, until when."""
    db = await story()
    found = await application.find(db, ids.parse("application", application_id))
    entries = await timeline.of(db, found)
    tag = language.choose(request.headers.get("accept-language"))
    keys = await vault.existing(db, house.keys.kms, me.subject) if any(each.remark for each in entries) else None
    view = TimelineView(
        application=application_id,
        state=found.state,
        waits_for=timeline.waits_for(found.state),
        due_on=entries[-1].due_on,
        entries=[_entry(entry, tag, keys) for entry in entries],
    )
    return Response(view, headers={"Content-Language": tag, "Vary": "Accept-Language"})


async def _tagged(db: AsyncConnection, found: Application) -> Response[ApplicationView]:
    view = await _view(db, found)
    return Response(view, headers=_etag(view))


def _etag(view: ApplicationView) -> dict[str, str]:
    return {"ETag": precondition.etag(view.version)}


async def _view(db: AsyncConnection, found: Application) -> ApplicationView:
    decision = await review.decision(db, found.id)
    return ApplicationView(
        **_fields(found),
        version=found.revision,
        answers=found.answers,
        due_on=application.due_on(found, await application.moves(db, found.id)),
        overdue_on=found.overdue_on,
        decision=DecisionView.of(decision) if decision else None,
    )


def _summary(found: Application) -> ApplicationSummary:
    return ApplicationSummary(**_fields(found))


def _fields(found: Application) -> dict[str, Any]:
    return {
        "id": ids.show("application", found.id),
        "service": found.service,
        "state": found.state,
        "waits_for": timeline.waits_for(found.state),
        "receipt": found.receipt,
        "submitted_at": found.submitted_at,
    }


def _entry(entry: Entry, tag: Language, keys: Vault | None) -> TimelineEntry:
    title, then = problems.texts()[entry.fact][tag]
    return TimelineEntry(
        fact=entry.fact,
        at=entry.at,
        by=entry.by,
        state=entry.state,
        title=title,
        next=then,
        due_on=entry.due_on,
        reason=_reason(entry.reason, tag) if entry.reason else None,
        remark=remarks.opened(keys, entry.remark) if keys and entry.remark else None,
    )


def _reason(code: str, tag: Language) -> TimelineReason:
    title, detail = problems.texts()[f"reason.{code}"][tag]
    return TimelineReason(code=code, title=title, detail=detail)


routes = [
    begin_application,
    list_applications,
    get_application,
    give_answers,
    submit_application,
    withdraw_application,
    get_timeline,
]
