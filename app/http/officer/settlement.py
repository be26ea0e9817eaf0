"""Officers and settlement: what networks sent, what does not agree, how old that is, and how it ends.

path   POST /v1/officer/settlement/breaks/{id}/owner               ->  cards/settlement/breaks.py   own()
       POST /v1/officer/settlement/breaks/{id}/proposals           ->  cards/settlement/breaks.py   propose()
       POST /v1/officer/settlement/proposals/{id}/decision         ->  cards/settlement/breaks.py   settle(), in a batch
"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import select

from app import db as db_
from app import idempotency
from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.officer.settlement_views import (
    AgedView,
    AgesView,
    BreakPage,
    BreakView,
    DecideResolution,
    FilePage,
    FileView,
    MissingFiles,
    MissingView,
    ProposalView,
    ProposeResolution,
    ReportView,
)
from app.http.paging import Cursor, Limit, Pager
from app.idempotency import Once
from app.idempotency_key import Stored
from cards.settlement import breaks, missing, tables, taking
from cards.settlement.breaks import Deciding, Kind, Proposal, Resolution
from law import calendar

_TAGS = ["Settlement"]
_MISSING_MAX = 100
_SCOPE = {"scope": "officer:settlement"}

KindFilter = Annotated[Kind | None, QueryParameter(name="kind", description="Only breaks of this kind.")]
ResolvedFilter = Annotated[bool, QueryParameter(name="resolved", description="Those that have ended instead.")]
NetworkFilter = Annotated[
    str | None, QueryParameter(name="network", max_length=64, description="Only files of this network.")
]


@get(
    "/v1/officer/settlement/files",
    operation_id="listSettlementFiles",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="What networks sent",
)
async def list_files(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    *,
    network: NetworkFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> FilePage:
    """List settlement files, the newest first."""
    pager = Pager(house.keys.cursor, f"settlement-files/{network or ''}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await taking.listed(await story(), network=network, before=before, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return FilePage(files=[FileView.of(each) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/officer/settlement/files/{settlement_file_id:str}/report",
    operation_id="getSettlementReport",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="The report of a file's day",
)
async def get_report(settlement_file_id: FromPath[str], story: NamedDependency[Story]) -> ReportView:
    """Show the signed report; there is none before the file is settled."""
    wanted = ids.parse("settlement_file", settlement_file_id)
    row = (await (await story()).execute(select(tables.report).where(tables.report.c.file == wanted))).one_or_none()
    if row is None:
        raise NotFoundException
    return ReportView(file_id=settlement_file_id, sha256=row.sha256.hex(), jws=row.jws, at=row.at)


@get(
    "/v1/officer/settlement/missing-files",
    operation_id="listMissingSettlementFiles",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="What networks did not send",
)
async def list_missing(story: NamedDependency[Story]) -> MissingFiles:
    """List the days of networks whose file has not come by its hour, until it comes."""
    found = await missing.waiting(await story(), limit=_MISSING_MAX)
    return MissingFiles(files=[msgspec.convert(each, MissingView, from_attributes=True) for each in found])


@get(
    "/v1/officer/settlement/breaks",
    operation_id="listBreaks",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="What does not agree",
)
async def list_breaks(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    *,
    kind: KindFilter = None,
    resolved: ResolvedFilter = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> BreakPage:
    """List breaks, the oldest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"settlement-breaks/{kind or ''}/{resolved}")
    place = pager.place(cursor)
    after = UUID(place) if place else None
    found = await breaks.page(db, kind=kind, resolved=resolved, after=after, limit=limit + 1)
    today = calendar.statutory_date(story.now)
    shown = [BreakView.of(each, today, await breaks.proposals(db, each.id)) for each in found[:limit]]
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return BreakPage(breaks=shown, next_cursor=more)


@get(
    "/v1/officer/settlement/ages",
    operation_id="listBreakAges",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="How old what does not agree is",
)
async def list_ages(story: NamedDependency[Story]) -> AgesView:
    """Count open breaks by network, kind and age."""
    db = await story()
    return AgesView(buckets=[AgedView.of(each) for each in await breaks.ages(db, at=story.now)])


@post(
    "/v1/officer/settlement/breaks/{settlement_break_id:str}/owner",
    operation_id="ownBreak",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Take a break upon oneself",
    status_code=200,
)
async def own(
    settlement_break_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[BreakView]:
    """Say that one looks into it; who did before does no more."""

    async def act(story: Story) -> BreakView:
        found = await breaks.own(await story(), ids.parse("settlement_break", settlement_break_id), me.actor)
        return BreakView.of(found, calendar.statutory_date(story.now))

    return await once(act)


@post(
    "/v1/officer/settlement/breaks/{settlement_break_id:str}/proposals",
    operation_id="proposeBreakResolution",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose how a break ends",
)
async def propose(
    settlement_break_id: FromPath[str],
    data: JSONBody[ProposeResolution],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ProposalView]:
    """Propose an end; another officer decides, and only then money moves."""

    async def act(story: Story) -> ProposalView:
        db = await story()
        made = Proposal(
            id=mint.new(),
            about=ids.parse("settlement_break", settlement_break_id),
            resolution=Resolution(data.resolution),
            evidence=data.evidence,
            proposed_by=me.actor,
            proposed_at=story.now,
        )
        return ProposalView.of(await breaks.propose(db, made, at=story.now))

    return await once(act)


@post(
    "/v1/officer/settlement/proposals/{settlement_proposal_id:str}/decision",
    operation_id="decideBreakResolution",
    opt={**_SCOPE, "idempotent": True},
    tags=_TAGS,
    summary="Agree to an end, or not",
    status_code=200,
)
async def decide(
    settlement_proposal_id: FromPath[str],
    data: JSONBody[DecideResolution],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ProposalView]:
    """Agree, and the difference is booked at once; or drop it, and the break waits for another proposal."""
    claim = idempotency.claim_of(request, me.actor, await request.body())
    wanted = ids.parse("settlement_proposal", settlement_proposal_id)
    async with db_.transaction(house.api, audience=me.role, actor=me.actor) as story:
        lane = await breaks.lane_of(await story(), wanted)

    def render(given: Sequence[breaks.Answer]) -> Stored:
        answer = given[0]
        if not isinstance(answer, Proposal):
            return answers.refused(request, answer)
        return Stored(200, msgspec.json.encode(ProposalView.of(answer)))

    said = Deciding(wanted, data.agree, me.actor)
    reply = await house.money.submit(breaks.settle, [said], lanes=[lane], claim=claim, render=render)
    answer: Response[Any] = idempotency.respond(reply.stored, replayed=reply.replayed)
    return answer


routes = [list_files, get_report, list_missing, list_breaks, list_ages, own, propose, decide]
