"""Cases of identification: the queue, one case side by side, and two officers who decide it.

path   POST /v1/officer/identity-cases/{id}/claim      ->  kyc/cases/claim.py    take()
       DELETE /v1/officer/identity-cases/{id}/claim    ->  kyc/cases/claim.py    release()
       POST /v1/officer/identity-cases/{id}/reviews    ->  kyc/cases/review.py   give()

Who claims a case works on it alone. The answer to a POST names no person: it is kept for repeats of the request.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, clock, language, vault
from app import ids as mint
from app.access import Look
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.officer import identity_case_views as views
from app.http.officer.identity_case_views import (
    ClaimView,
    Code,
    DocumentSide,
    IdentityCasePage,
    IdentityCaseSummary,
    IdentityCaseView,
    RefusedView,
    ReviewView,
)
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from app.vault import Vault
from kyc import document
from kyc import tables as kyc_tables
from kyc.cases import case, claim, decision, keeping, life, queue, records, review, tables
from kyc.cases.case import Case
from kyc.cases.life import State
from kyc.cases.queue import Place
from kyc.cases.review import Opinion, Verdict
from kyc.document import Person

_TAGS = ["Identity cases"]

Note = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        description="For colleagues; sealed, and never shown to the person.",
        examples=["The issuer is new; the embassy confirmed the certificate."],
    ),
]
StateFilter = Annotated[
    State | None,
    QueryParameter(name="state", description="Only cases in this state; by default all that wait for an officer."),
]


class GiveIdentityReview(Wire, frozen=True, kw_only=True):
    """An officer's opinion. Only `reason_code` ever reaches the person, in words of the catalogue."""

    decision: Annotated[Verdict, Meta(examples=["grant"])]
    reason_code: Annotated[
        Code | None, Meta(description="A code of the catalogue; required to refuse or ask.", examples=[None])
    ] = None
    note: Note = ""


@get(
    "/v1/officer/identity-cases",
    operation_id="listIdentityCases",
    opt={"scope": "officer:read"},
    tags=_TAGS,
    summary="The queue of identification",
)
async def list_identity_cases(  # noqa: PLR0917  called by name, in the order of the document
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    only: StateFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> IdentityCasePage:
    """List cases that wait for an officer, the soonest due first."""
    whole = views.LISTS in me.scopes
    pager = Pager(house.keys.cursor, f"identity-cases/{only or 'waiting'}/{whole}")
    place = pager.place(cursor)
    after = msgspec.json.decode(place, type=Place) if place else None
    found = await queue.page(await story(), _wanted(only, whole=whole), after=after, limit=limit + 1)
    shown = found[:limit]
    more = pager.cursor(msgspec.json.encode(Place.of(shown[-1])).decode()) if len(found) > limit else None
    return IdentityCasePage(cases=[IdentityCaseSummary.of(each, whole=whole) for each in shown], next_cursor=more)


@get(
    "/v1/officer/identity-cases/{identity_case_id:str}",
    operation_id="getIdentityCase",
    opt={"scope": "officer:read"},
    tags=_TAGS,
    summary="A case of identification",
)
async def get_identity_case(
    request: Request[Any, Any, Any],
    identity_case_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> IdentityCaseView:
    """Show documents and checks side by side, what follows from them, and what would change it.

    What lists, scores and comparisons with other people say is shown to those whose duty it is.
    """
    db, whole = await story(), views.LISTS in me.scopes
    held = await case.find(db, ids.parse("identity_case", identity_case_id))
    keys = await _keys(db, house, held)
    tag = language.choose(request.headers.get("accept-language"))
    known = await records.latest(db, held.id)
    now = decision.decide(known, purpose=held.purpose)
    claimed = await claim.pending(db, held.id, at=clock.real())
    return IdentityCaseView(
        **views.summary(held, whole=whole),
        told=list(held.told),
        claim=ClaimView.of(claimed) if claimed is not None else None,
        documents=await _documents(db, held, keys),
        checks=views.checks(known, tag, whole=whole),
        decision=views.decided(known, now, whole=whole),
        reviews=await _reviews(db, held, keys),
        refusal=await _refusal(db, held, keys),
        moves=views.moves(await case.moves(db, held.id), whole=whole),
    )


@post(
    "/v1/officer/identity-cases/{identity_case_id:str}/claim",
    operation_id="claimIdentityCase",
    opt={"scope": "officer:cases"},
    tags=_TAGS,
    summary="Claim a case of identification",
)
async def claim_identity_case(
    identity_case_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ClaimView]:
    """Work on a case alone, for half an hour or until the review; claiming again changes nothing.

    A suspended case goes under review by that: two officers may grant it again.
    """

    async def act(story: Story) -> ClaimView:
        db = await story()
        held = await case.lock(db, ids.parse("identity_case", identity_case_id))
        held = await keeping.resume(db, held.resident, at=story.now, by=me.actor) or held
        return ClaimView.of(await claim.take(db, held, me.subject, id_=mint.new(), at=clock.real()))

    return await once(act)


@delete(
    "/v1/officer/identity-cases/{identity_case_id:str}/claim",
    operation_id="releaseIdentityCase",
    opt={"scope": "officer:cases"},
    tags=_TAGS,
    summary="Release a case of identification",
)
async def release_identity_case(
    identity_case_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> None:
    """Let other officers act on a case that the caller has claimed."""
    db = await story()
    held = await case.lock(db, ids.parse("identity_case", identity_case_id))
    await claim.release(db, held, me.subject, at=clock.real())


@post(
    "/v1/officer/identity-cases/{identity_case_id:str}/reviews",
    operation_id="reviewIdentityCase",
    opt={"scope": "officer:cases"},
    tags=_TAGS,
    summary="Review a case of identification",
)
async def review_identity_case(
    identity_case_id: FromPath[str],
    data: JSONBody[GiveIdentityReview],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[IdentityCaseSummary]:
    """Grant, refuse for good or ask. The first officer proposes, a second one confirms.

    To ask sends the case back to the person at once, by one officer alone. What failed can't be granted; while an alert
    about the person is open or confirmed nothing can. What only officers of another duty see, only they grant.
    """

    async def act(story: Story) -> IdentityCaseSummary:
        db, row = await story(), mint.new()
        held = await case.lock(db, ids.parse("identity_case", identity_case_id))
        opinion = Opinion(
            id=row,
            officer=me.subject,
            verdict=data.decision,
            reason=data.reason_code,
            note=await _sealed(db, house, held, data.note, row),
        )
        whole = views.LISTS in me.scopes
        moved = await review.give(db, held, opinion, whole=whole, at=story.now, now=clock.real(), by=me.actor)
        return IdentityCaseSummary.of(moved, whole=whole)

    return await once(act)


def _wanted(only: State | None, *, whole: bool) -> frozenset[State]:
    """Say which states are asked for: who sees no alerts finds them under review."""
    if only is None:
        return life.WAITS_FOR_OFFICERS
    if whole or only not in life.ALERTS | {State.MANUAL_REVIEW}:
        return frozenset({only})
    return life.ALERTS | {State.MANUAL_REVIEW} if only is State.MANUAL_REVIEW else frozenset()


def _why(held: Case) -> Look:
    return access.identity_case(held.id, waiting=held.state in life.WAITS_FOR_OFFICERS)


async def _keys(db: AsyncConnection, house: House, held: Case) -> Vault | None:
    try:
        return await vault.look(db, house.keys.kms, held.resident, _why(held))
    except vault.Erased:
        return None


async def _sealed(db: AsyncConnection, house: House, held: Case, note: str, row: UUID) -> bytes | None:
    if not note:
        return None
    keys = await vault.look(db, house.keys.kms, held.resident, _why(held))
    return keys.seal(note.encode(), table="kyc.case_review", column="note", row=row)


async def _documents(db: AsyncConnection, held: Case, keys: Vault | None) -> list[DocumentSide]:
    mine = kyc_tables.document.c.resident == held.resident
    shown = []
    for wanted in await db.scalars(select(kyc_tables.document.c.id).where(mine).order_by(kyc_tables.document.c.id)):
        stored = await document.find(db, wanted)
        assert stored is not None, "its id was read in this story"
        opened = keys.open(stored.person, table="kyc.document", column="person", row=stored.id) if keys else None
        shown.append(views.side(stored, msgspec.json.decode(opened, type=Person) if opened else None))
    return shown


async def _reviews(db: AsyncConnection, held: Case, keys: Vault | None) -> list[ReviewView]:
    def opened(note: bytes | None, row: UUID) -> str | None:
        if note is None or keys is None:
            return None
        return keys.open(note, table="kyc.case_review", column="note", row=row).decode()

    return [views.review(each, opened(each.note, each.id)) for each in await review.of(db, held.id)]


async def _refusal(db: AsyncConnection, held: Case, keys: Vault | None) -> RefusedView | None:
    if (found := await review.refusal(db, held.id)) is None:
        return None
    columns = tables.case_appeal.c
    row = (await db.execute(select(columns.id, columns.words).where(columns.case_id == held.id))).first()
    if row is None or keys is None:
        return RefusedView.of(found, None)
    words = keys.open(row.words, table="kyc.case_appeal", column="words", row=row.id)
    return RefusedView.of(found, words.decode())


routes = [list_identity_cases, get_identity_case, claim_identity_case, release_identity_case, review_identity_case]
