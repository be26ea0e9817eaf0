"""Alerts of screening: an officer of compliance confirms at once; what frees a person two of them decide.

path   POST /v1/officer/screening/alerts/{id}/acts        ->  kyc/screening/act.py   propose()  ->  app/measures.py
       POST /v1/officer/screening/acts/{id}/decision      ->  kyc/screening/act.py   decide()   ->  app/measures.py

Nothing of it is on the mobile API, nor in anybody's own copy of their data. The answer to a POST names no person.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, language, measures, vault
from app import ids as mint
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.officer import screening_views
from app.http.officer.screening_views import (
    ActView,
    AlertPage,
    AlertSummary,
    AlertView,
    DecideAlertAct,
    ProposalList,
    ProposeAlertAct,
    ScreenedPerson,
)
from app.http.paging import Cursor, Limit, Pager
from app.idempotency import Once
from app.restrictions import words
from kyc.document import Person
from kyc.lists import snapshot
from kyc.names.index import Index
from kyc.screening import act, alert, cohort
from kyc.screening.act import Wanted
from kyc.screening.alert import Alert, Place, State
from kyc.screening.subject import Subject

_TAGS = ["Screening"]
_SCOPE = {"scope": "officer:screening"}
_NOTE = "kyc.alert_act"
StateFilter = Annotated[
    State | None, QueryParameter(name="state", description="Only alerts in this state; by default the open ones.")
]
#: Whatever is asked of one entity is explained, however far apart the names are.
_ANY_SCORE = 1


@get(
    "/v1/officer/screening/alerts",
    operation_id="listAlerts",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Alerts to look at",
)
async def list_alerts(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    only: StateFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AlertPage:
    """List alerts, the grave ones first, then the longest waiting; who it is, the alert itself says."""
    state = only or State.OPEN
    pager = Pager(house.keys.cursor, f"alerts/{state}")
    place = pager.place(cursor)
    after = msgspec.json.decode(place, type=Place) if place else None
    found = await alert.queue(await story(), state, after=after, limit=limit + 1)
    shown = found[:limit]
    more = pager.cursor(msgspec.json.encode(_place(shown[-1])).decode()) if len(found) > limit else None
    return AlertPage(alerts=[AlertSummary.of(each) for each in shown], next_cursor=more)


@get(
    "/v1/officer/screening/alerts/{alert_id:str}",
    operation_id="readAlert",
    opt=_SCOPE,
    tags=_TAGS,
    summary="An alert, explained",
)
async def read_alert(
    request: Request[Any, Any, Any],
    alert_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> AlertView:
    """Show both sides of an alert and what speaks for and against that they are one, word by word.

    The person can read half a year later that somebody looked.
    """
    db = await story()
    about = await alert.find(db, ids.parse("alert", alert_id))
    acts = await act.of(db, about.id)
    sealed = {(_NOTE, each.id): each.note for each in acts if each.note is not None}
    notes = await words.read(db, house.keys.kms, about.resident, sealed, about=about.id)
    entity = await snapshot.find(db, about.listed)
    subject = await _subject(db, house, about)
    tag = language.choose(request.headers.get("accept-language"))
    index = Index.build([entity])
    hits = [hit for query in subject.asked for hit in index.search(query, _ANY_SCORE)] if subject else []
    best = max(hits, key=lambda hit: hit.score, default=None)
    return screening_views.whole(
        about,
        entity,
        person=ScreenedPerson.of(subject) if subject else None,
        sentences=screening_views.sentences(best, tag) if best else [],
        acts=[ActView.of(each, notes.get(each.id)) for each in acts],
    )


@post(
    "/v1/officer/screening/alerts/{alert_id:str}/acts",
    operation_id="actOnAlert",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Confirm an alert, or propose to clear it",
)
async def act_on_alert(
    alert_id: FromPath[str],
    data: JSONBody[ProposeAlertAct],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ActView]:
    """Confirm (`same_person`, `ordered_by_authority`), and money stands still at once; or propose to free the person.

    `clear` and `whitelist` (with `until`, within a year) say that it is somebody else: `other_birth`,
    `other_nationality`, `other_name`, `other_documents`. `release` ends what was confirmed: `delisted`,
    `mistaken_identity`, `released_by_authority`. These three wait for another officer.
    """
    wanted = ids.parse("alert", alert_id)

    async def do(story: Story) -> ActView:
        db, made = await story(), mint.new()
        about = await alert.find(db, wanted)
        note = await words.noted(db, house.keys.kms, about.resident, data.note, table=_NOTE, row=made)
        asked = Wanted(act=data.act, reason=data.reason, until=data.until, note=note)
        about, acted = await act.propose(db, wanted, asked, act=made, actor=me.actor, at=story.now)
        await measures.settled(db, about, acted, at=story.now)
        return ActView.of(acted)

    return await once(do)


@get(
    "/v1/officer/screening/acts",
    operation_id="listAlertProposals",
    opt=_SCOPE,
    tags=_TAGS,
    summary="What waits for a second officer",
)
async def list_alert_proposals(story: NamedDependency[Story]) -> ProposalList:
    """List what officers propose in order to free people, the oldest first."""
    return ProposalList(acts=[ActView.of(each) for each in await act.waiting(await story())])


@post(
    "/v1/officer/screening/acts/{alert_act_id:str}/decision",
    operation_id="decideAlertAct",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Agree that somebody is freed of an alert, or not",
    status_code=200,
)
async def decide_alert_act(
    alert_act_id: FromPath[str],
    data: JSONBody[DecideAlertAct],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ActView]:
    """Agree, and the person's case and money go on where nothing else holds them; or drop it, and nothing happened."""
    wanted = ids.parse("alert_act", alert_act_id)

    async def do(story: Story) -> ActView:
        db = await story()
        about, acted = await act.decide(db, wanted, agreed=data.agree, actor=me.actor, at=story.now)
        await measures.settled(db, about, acted, at=story.now)
        return ActView.of(acted)

    return await once(do)


async def _subject(db: AsyncConnection, house: House, about: Alert) -> Subject | None:
    """Read what the person's documents say; None of somebody erased."""
    try:
        safe = await vault.look(db, house.keys.kms, about.resident, _why(about.id))
    except vault.Erased:
        return None
    said = []
    for document, sealed in await cohort.shown_by(db, about.resident):
        opened = safe.open(sealed, table="kyc.document", column="person", row=document)
        said.append(msgspec.json.decode(opened, type=Person))
    return Subject.of(said) if said else None


def _why(about: UUID) -> Look:
    return Look(sees=Sees.IDENTITY, purpose=Purpose.SUSPICION, about=about, delay=access.DELAY)


def _place(last: Alert) -> Place:
    return Place(grave=last.grave, at=last.raised_at, id=last.id)


routes = [list_alerts, read_alert, act_on_alert, list_alert_proposals, decide_alert_act]
