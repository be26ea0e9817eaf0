"""A payment is not right: the resident says so from the payment, shows what happened, and sees what becomes of it.

path   POST /v1/card-payments/{id}/disputes   ->  cards/disputes/dispute.py   open_()
       POST /v1/disputes/{id}/evidence        ->  cards/disputes/evidence.py  add()
       POST /v1/disputes/{id}/submission      ->  app/cards/disputing.py            submit(), in a batch: money may move
       POST /v1/disputes/{id}/withdrawal      ->  the same
"""

import asyncio
import base64
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import db as db_
from app import idempotency, language, vault
from app import ids as mint
from app.auth.principal import Principal
from app.cards import disputing, processors
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.mobile import dispute_views
from app.http.mobile.dispute_views import (
    DisputeId,
    DisputePage,
    DisputeView,
    EvidenceContent,
    EvidenceView,
    OptionsView,
    SubmittedView,
)  # fmt: skip
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import BASE64, Minor, Wire
from app.idempotency import Once
from app.idempotency_key import Stored
from app.papers import scanning
from cards.disputes import acting, evidence, paid
from cards.disputes import dispute as disputes
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute, Wanted
from cards.disputes.life import Act
from cards.disputes.reason import Proof, Reason
from kyc.papers import media
from law.money import Money

_TAGS = ["Disputes"]
_TABLE, _FILES = "cards.dispute", "cards.dispute_evidence"
#: A file in base64, and what stands around it.
_BODY_MAX = 6_000_000

File = Annotated[
    str,
    Meta(
        pattern=BASE64,
        min_length=4,
        max_length=-(-evidence.BYTES_MAX // 3) * 4,
        description="A JPEG, a PNG or a PDF, in base64: what it is, its bytes say. Its notes are taken out.",
        examples=["/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="],
    ),
]
Words = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        description="What happened, in the person's own words; sealed.",
        examples=["I paid twice."],
    ),
]


class OpenDispute(Wire, frozen=True, kw_only=True):
    """What is not right: why, and how much of it. `expected_on` is the day something was due, where the reason asks."""

    reason: Annotated[Reason, Meta(examples=["duplicate"])]
    amount_minor: Minor
    expected_on: Annotated[date | None, Meta(examples=[None])] = None
    words: Words = ""


class GiveEvidence(Wire, frozen=True):
    """A file, and what it shows."""

    kind: Annotated[Proof, Meta(examples=["receipt"])]
    content: File


@get(
    "/v1/card-payments/{payment_id:str}/dispute-options",
    operation_id="getDisputeOptions",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="What can be disputed, and what it takes",
)
async def get_options(
    payment_id: FromPath[str], request: Request[Any, Any, Any], story: NamedDependency[Story]
) -> OptionsView:
    """Show how much of a payment can be disputed, and for each reason what is needed and until when."""
    db = await story()
    payment = await paid.find(db, ids.parse("payment", payment_id))
    others = await disputes.of_payment(db, payment)
    return dispute_views.options(payment, others, tag=_tag(request), now=story.now)


@post(
    "/v1/card-payments/{payment_id:str}/disputes",
    operation_id="openDispute",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Begin a dispute",
)
async def open_dispute(
    payment_id: FromPath[str],
    data: JSONBody[OpenDispute],
    request: Request[Any, Any, Any],
    *,
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[DisputeView]:
    """Begin a dispute as a draft: nothing is told to anybody before it is handed in."""

    async def act(story: Story) -> DisputeView:
        db, made = await story(), mint.new()
        payment = await paid.find(db, ids.parse("payment", payment_id))
        words = None
        if data.words:
            keys = await vault.of(db, house.keys.kms, me.subject, story.now)
            words = keys.seal(data.words.encode(), table=_TABLE, column="words", row=made)
        wanted = Wanted(
            id=made,
            reason=data.reason,
            amount=Money(data.amount_minor, payment.currency),
            expected_on=data.expected_on,
            words=words,
        )
        about = await disputes.open_(db, payment, wanted, actor=me.actor, at=story.now)
        return await dispute_views.shown(db, about, tag=_tag(request))

    return await once(act, headers=lambda view: {"Location": f"/v1/disputes/{view.id}"})


@get("/v1/disputes", operation_id="listDisputes", opt={"scope": "cards:read"}, tags=_TAGS, summary="The disputes")
async def list_disputes(
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    *,
    story: NamedDependency[Story],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> DisputePage:
    """List the caller's disputes, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"disputes/{me.subject}")
    place = pager.place(cursor)
    found = await disputes.of_holder(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    shown = [await dispute_views.shown(db, each, tag=_tag(request)) for each in found[:limit]]
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return DisputePage(disputes=shown, next_cursor=more)


@get(
    "/v1/disputes/{dispute_id:str}",
    operation_id="getDispute",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="One dispute",
)
async def get_dispute(
    dispute_id: FromPath[str], request: Request[Any, Any, Any], story: NamedDependency[Story]
) -> DisputeView:
    """Show where a dispute is, what is still needed, what comes next and by when."""
    db = await story()
    return await dispute_views.shown(db, await disputes.find(db, _id(dispute_id)), tag=_tag(request))


@post(
    "/v1/disputes/{dispute_id:str}/evidence",
    operation_id="giveEvidence",
    opt={"scope": "cards:write", "quota": "bulk"},
    tags=_TAGS,
    summary="Add a file",
    request_max_body_size=_BODY_MAX,
)
async def give_evidence(
    dispute_id: FromPath[str],
    data: JSONBody[GiveEvidence],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[EvidenceView]:
    """Add a picture or a document that shows what happened; it is sealed with the caller's own key."""
    content = base64.b64decode(data.content)
    async with db_.transaction(house.api, holder=me.holder, audience=me.role, actor=me.actor) as looking:
        await disputes.find(await looking(), _id(dispute_id))  # of nobody else's dispute anything is looked at
    taken = await asyncio.to_thread(media.take, content)  # a third of a second for the worst of files
    await scanning.let_in(house, content)

    async def act(story: Story) -> EvidenceView:
        db, made = await story(), mint.new()
        about = await disputes.find(db, _id(dispute_id))
        by = await processors.asking(story, me.actor)
        await processors.of_network(house, about.network).check_evidence(by, about)
        file = evidence.told(about, made, data.kind, taken.content, media=taken.media, by=me.actor, at=story.now)
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        await evidence.add(db, about, file, keys.seal(taken.content, table=_FILES, column="content", row=made))
        return EvidenceView.of(file)

    return await once(act)


@get(
    "/v1/disputes/{dispute_id:str}/evidence/{dispute_evidence_id:str}",
    operation_id="getEvidence",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="A file of a dispute",
)
async def get_evidence(
    dispute_id: FromPath[str],
    dispute_evidence_id: FromPath[str],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> EvidenceContent:
    """Give a file back as it is kept."""
    db, wanted = await story(), ids.parse("dispute_evidence", dispute_evidence_id)
    file, sealed = await evidence.content(db, _id(dispute_id), wanted)
    keys = await vault.existing(db, house.keys.kms, me.subject)
    return EvidenceContent.of(file, keys.open(sealed, table=_FILES, column="content", row=file.id))


@post(
    "/v1/disputes/{dispute_id:str}/submission",
    operation_id="submitDispute",
    opt={"scope": "cards:write", "idempotent": True},
    tags=_TAGS,
    summary="Hand a dispute in",
    status_code=200,
)
async def submit_dispute(
    dispute_id: FromPath[str],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[SubmittedView]:
    """Hand it in. Is something still missing, the claim counts as made in time, and the rest follows."""
    return await _act(dispute_id, Act.HAND_IN, request, me, house)


@post(
    "/v1/disputes/{dispute_id:str}/withdrawal",
    operation_id="withdrawDispute",
    opt={"scope": "cards:write", "idempotent": True},
    tags=_TAGS,
    summary="Withdraw a dispute",
    status_code=200,
)
async def withdraw_dispute(
    dispute_id: FromPath[str],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[SubmittedView]:
    """Say that the payment was right after all: what was credited leaves the wallet again, so it has to be there."""
    return await _act(dispute_id, Act.WITHDRAW, request, me, house)


async def _act(
    dispute_id: str, act: Act, request: Request[Any, Any, Any], me: Principal, house: House
) -> Response[SubmittedView]:
    claim = idempotency.claim_of(request, me.actor, await request.body())
    # A story of its own, over before the batch begins: no connection waits for another.
    async with db_.transaction(house.api, holder=me.holder, audience=me.role, actor=me.actor) as story:
        about = await disputes.find(await story(), _id(dispute_id))
        by = await processors.asking(story, me.actor)
        await processors.of_network(house, about.network).check_dispute(by, about, act)

    def render(given: Sequence[acting.Answer]) -> Stored:
        answer = given[0]
        if not isinstance(answer, Dispute):
            return answers.refused(request, answer)
        return Stored(200, msgspec.json.encode(SubmittedView.of(answer)))

    doing = Doing(dispute=about.id, act=act, actor=me.actor)
    reply = await disputing.submit(house, about, doing, claim=claim, render=render)
    answer: Response[Any] = idempotency.respond(reply.stored, replayed=reply.replayed)
    return answer


def _id(dispute_id: DisputeId) -> UUID:
    return ids.parse("dispute", dispute_id)


def _tag(request: Request[Any, Any, Any]) -> language.Language:
    return language.choose(request.headers.get("accept-language"))


routes = [
    get_options,
    open_dispute,
    list_disputes,
    get_dispute,
    give_evidence,
    get_evidence,
    submit_dispute,
    withdraw_dispute,
]
