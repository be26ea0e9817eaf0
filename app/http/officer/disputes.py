"""Officers and disputes: a queue, what the person showed, what to answer the network, and losses under four eyes.

path   POST /v1/officer/disputes/{id}/acts                ->  app/cards/disputing.py                submit(), in a batch
       POST /v1/officer/disputes/{id}/write-offs               ->  cards/disputes/write_off.py      propose()
       POST /v1/officer/dispute-write-offs/{id}/decision       ->  app/cards/disputing.py           decide(), in a batch
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, idempotency, vault
from app import db as db_
from app import ids as mint
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.cards import disputing
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.mobile.dispute_views import DisputeId, EvidenceContent, EvidenceView, PaymentId
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from app.idempotency_key import Claim, Stored
from cards.disputes import acting, evidence, life, outlook, storing, write_off
from cards.disputes import dispute as disputes
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute, Hop
from cards.disputes.events import What
from cards.disputes.life import Act, State, Turn, Who
from cards.disputes.reason import Reason
from cards.disputes.write_off import Deciding, WriteOff

_TAGS = ["Disputes"]
_SCOPE = {"scope": "officer:disputes"}
_TABLE, _FILES = "cards.dispute", "cards.dispute_evidence"

ResidentId = Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
WriteOffId = Annotated[str, Meta(examples=["dispute_write_off_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Word = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)", examples=["proof_of_delivery"])]
OfficersAct = Literal["ask", "file", "refuse", "escalate", "arbitrate", "give_up"]
StateFilter = Annotated[State | None, QueryParameter(name="state", description="Only disputes in this state.")]
TurnFilter = Annotated[Turn | None, QueryParameter(name="turn", description="Only those where it is their turn.")]


class ActWire(Wire, frozen=True, kw_only=True):
    """What to do, and why in a word; which acts there are where a dispute is, `acts` says."""

    act: Annotated[OfficersAct, Meta(examples=["file"])]
    why: Annotated[Word | None, Meta(examples=[None])] = None


class ProposeWriteOff(Wire, frozen=True, kw_only=True):
    """Bear a loss: what the network does not give, what the person owes of it, or what was lent for the payment."""

    what: Annotated[What, Meta(examples=["receivable"])]
    amount_minor: Minor
    cause: Word


class DecideWriteOff(Wire, frozen=True):
    """Whether an officer agrees; above the threshold another one than who proposed."""

    agree: Annotated[bool, Meta(examples=[False])]


class WriteOffView(Wire, frozen=True, kw_only=True):
    """A proposal, and what was said to it."""

    id: WriteOffId
    dispute_id: DisputeId
    what: Annotated[What, Meta(examples=["receivable"])]
    amount_minor: Minor
    cause: Word
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])] = None
    decided_at: Annotated[datetime | None, Meta(examples=[None])] = None
    agreed: Annotated[bool | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: WriteOff) -> "WriteOffView":
        """Show a proposal."""
        fields = msgspec.structs.asdict(found) | {
            "id": ids.show("dispute_write_off", found.id),
            "dispute_id": ids.show("dispute", found.dispute),
        }
        return cls(**{name: value for name, value in fields.items() if name != "dispute"})


class HopView(Wire, frozen=True, kw_only=True):
    """One hop, with the evidence that came with it and the network's own name for it."""

    number: Annotated[int, Meta(ge=1, examples=[1])]
    act: Annotated[str, Meta(examples=["hand_in"])]
    state: Annotated[State, Meta(examples=["submitted"])]
    amount: MoneyWire
    evidence: Annotated[list[str], Meta(examples=[[]])]
    source: Annotated[str | None, Meta(examples=[None])]
    why: Annotated[str | None, Meta(examples=[None])]
    actor: Annotated[str, Meta(examples=["system"])]
    at: datetime
    due_at: datetime | None

    @classmethod
    def of(cls, about: Dispute, hop: Hop) -> "HopView":
        """Show a hop."""
        return cls(
            number=hop.number,
            act=hop.act,
            state=hop.state,
            amount=MoneyWire.of(about.money(hop.amount_minor)),
            evidence=[ids.show("dispute_evidence", each) for each in hop.evidence],
            source=hop.source,
            why=hop.why,
            actor=hop.actor,
            at=hop.at,
            due_at=hop.due_at,
        )


class QueuedView(Wire, frozen=True, kw_only=True):
    """A dispute in the queue: `credited` to the person, `recovered` from the network, `lost` to us."""

    id: DisputeId
    payment_id: PaymentId
    resident: ResidentId
    network: Annotated[str, Meta(examples=["mspk"])]
    reason: Annotated[Reason, Meta(examples=["duplicate"])]
    condition: Annotated[str, Meta(description="The network's own number for it.", examples=["12.6.1"])]
    amount: MoneyWire
    credited: MoneyWire
    recovered: MoneyWire
    lost: MoneyWire
    owed: MoneyWire
    open: Annotated[MoneyWire, Meta(description="Credited, not recovered, and not to be taken back.")]
    state: Annotated[State, Meta(examples=["submitted"])]
    turn: Annotated[Turn, Meta(examples=["house"])]
    act_by: date | None
    take_back_at: datetime | None
    opened_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, about: Dispute) -> "QueuedView":
        """Show a dispute in a row."""
        money = about.money
        return cls(
            id=ids.show("dispute", about.id),
            payment_id=ids.show("payment", about.payment),
            resident=ids.show("resident", about.holder),
            network=about.network,
            reason=about.reason,
            condition=about.rule.condition,
            amount=MoneyWire.of(about.amount),
            credited=MoneyWire.of(money(about.credited_minor)),
            recovered=MoneyWire.of(money(about.recovered_minor)),
            lost=MoneyWire.of(money(about.lost_minor)),
            owed=MoneyWire.of(money(about.owed_minor)),
            open=MoneyWire.of(money(about.contested_minor)),
            state=about.state,
            turn=about.turn,
            act_by=outlook.of(about).act_by,
            take_back_at=about.take_back_at,
            opened_at=about.opened_at,
            ended_at=about.ended_at,
        )


class QueuePage(Wire, frozen=True):
    """A page of the queue, what is due first before the rest; `next_cursor` is absent on the last."""

    disputes: list[QueuedView]
    next_cursor: str | None = None


class CaseView(Wire, frozen=True, kw_only=True):
    """A dispute with everything: the person's words, files, hops, what was proposed, and what can be done now."""

    dispute: QueuedView
    words: Annotated[str | None, Meta(examples=["I paid twice."])]
    evidence: list[EvidenceView]
    hops: list[HopView]
    write_offs: list[WriteOffView]
    acts: Annotated[list[Act], Meta(examples=[["file"]])]


@get(
    "/v1/officer/disputes",
    operation_id="listDisputeQueue",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="Disputes that are not settled",
)
async def list_queue(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    *,
    only: StateFilter = None,
    turn: TurnFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> QueuePage:
    """List disputes whose money is not settled yet, what is due first before the rest."""
    db = await story()
    pager = Pager(house.keys.cursor, f"dispute-queue/{only or ''}/{turn or ''}")
    place = pager.place(cursor)
    states = [only] if only else list(State)
    found = await disputes.queue(db, states=states, turn=turn, after=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return QueuePage(disputes=[QueuedView.of(each) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/officer/disputes/{dispute_id:str}",
    operation_id="getDisputeCase",
    opt=_SCOPE,
    tags=_TAGS,
    summary="A dispute with everything",
)
async def get_case(dispute_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]) -> CaseView:
    """Show a dispute; reading the person's words is noted in their access log."""
    db = await story()
    about = await disputes.find(db, ids.parse("dispute", dispute_id))
    known = (await storing.known(db, [about.id]))[about.id]
    return CaseView(
        dispute=QueuedView.of(about),
        words=await _words(db, house, about),
        evidence=[EvidenceView.of(each) for each in await evidence.of(db, about.id)],
        hops=[HopView.of(about, each) for each in await disputes.hops(db, about.id)],
        write_offs=[WriteOffView.of(each) for each in await write_off.of(db, about.id)],
        acts=disputing.open_to(about, Who.OFFICER, filed=known.filed),
    )


@get(
    "/v1/officer/disputes/{dispute_id:str}/evidence/{dispute_evidence_id:str}",
    operation_id="getDisputeFile",
    opt=_SCOPE,
    tags=_TAGS,
    summary="A file the person handed in",
)
async def get_file(
    dispute_id: FromPath[str],
    dispute_evidence_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> EvidenceContent:
    """Open a file for an officer; the person can read of it in their access log."""
    db, wanted = await story(), ids.parse("dispute_evidence", dispute_evidence_id)
    file, sealed = await evidence.content(db, ids.parse("dispute", dispute_id), wanted)
    keys = await vault.look(db, house.keys.kms, file.holder, _look(file.dispute, Sees.EVIDENCE))
    return EvidenceContent.of(file, keys.open(sealed, table=_FILES, column="content", row=file.id))


@post(
    "/v1/officer/disputes/{dispute_id:str}/acts",
    operation_id="actOnDispute",
    opt={**_SCOPE, "idempotent": True},
    tags=_TAGS,
    summary="Do something about a dispute",
    status_code=200,
)
async def act_on(
    dispute_id: FromPath[str],
    data: JSONBody[ActWire],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[QueuedView]:
    """Ask the person for more, bring it to the network, refuse it, insist, ask for a ruling, or give up."""
    about, claim = await _about(house, me, dispute_id), await _claim(request, me)

    def render(given: Sequence[acting.Answer]) -> Stored:
        answer = given[0]
        if not isinstance(answer, Dispute):
            return answers.refused(request, answer)
        return Stored(200, msgspec.json.encode(QueuedView.of(answer)))

    doing = Doing(dispute=about.id, act=life.Act(data.act), actor=me.actor, why=data.why)
    reply = await disputing.submit(house, about, doing, claim=claim, render=render)
    answer: Response[Any] = idempotency.respond(reply.stored, replayed=reply.replayed)
    return answer


@post(
    "/v1/officer/disputes/{dispute_id:str}/write-offs",
    operation_id="proposeWriteOff",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose that the operator bears a loss",
)
async def propose(
    dispute_id: FromPath[str],
    data: JSONBody[ProposeWriteOff],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[WriteOffView]:
    """Propose to bear what a dispute that is over left open; above the threshold another officer decides."""

    async def act(story: Story) -> WriteOffView:
        db = await story()
        about = await disputes.find(db, ids.parse("dispute", dispute_id))
        made = WriteOff(
            id=mint.new(),
            dispute=about.id,
            what=data.what,
            amount_minor=data.amount_minor,
            cause=data.cause,
            proposed_by=me.actor,
            proposed_at=story.now,
        )
        return WriteOffView.of(await write_off.propose(db, about, made, at=story.now))

    return await once(act)


@post(
    "/v1/officer/dispute-write-offs/{dispute_write_off_id:str}/decision",
    operation_id="decideWriteOff",
    opt={**_SCOPE, "idempotent": True},
    tags=_TAGS,
    summary="Agree to bear a loss, or not",
    status_code=200,
)
async def decide(
    dispute_write_off_id: FromPath[str],
    data: JSONBody[DecideWriteOff],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[WriteOffView]:
    """Agree, and it is borne at once; or drop it."""
    claim, wanted = await _claim(request, me), ids.parse("dispute_write_off", dispute_write_off_id)
    async with db_.transaction(house.api, audience=me.role, actor=me.actor) as story:
        db = await story()
        about = await disputes.find(db, (await write_off.find(db, wanted)).dispute)

    def render(given: Sequence[write_off.Answer]) -> Stored:
        answer = given[0]
        if not isinstance(answer, WriteOff):
            assert not isinstance(answer, Dispute), "a write-off is answered with itself"
            return answers.refused(request, answer)
        return Stored(200, msgspec.json.encode(WriteOffView.of(answer)))

    said = Deciding(wanted, data.agree, me.actor)
    reply = await disputing.decide(house, about, said, claim=claim, render=render)
    answer: Response[Any] = idempotency.respond(reply.stored, replayed=reply.replayed)
    return answer


async def _claim(request: Request[Any, Any, Any], me: Principal) -> Claim:
    return idempotency.claim_of(request, me.actor, await request.body())


async def _about(house: House, me: Principal, dispute_id: str) -> Dispute:
    """Load a dispute in a story of its own, over before the batch begins: no connection waits for another."""
    async with db_.transaction(house.api, audience=me.role, actor=me.actor) as story:
        return await disputes.find(await story(), ids.parse("dispute", dispute_id))


async def _words(db: AsyncConnection, house: House, about: Dispute) -> str | None:
    if about.words is None:
        return None
    try:
        keys = await vault.look(db, house.keys.kms, about.holder, _look(about.id, Sees.IDENTITY))
    except vault.Erased:
        return None
    return keys.open(about.words, table=_TABLE, column="words", row=about.id).decode()


def _look(about: UUID, sees: Sees) -> Look:
    """Show the person at once who looked: they asked for it."""
    return Look(sees=sees, purpose=Purpose.REQUEST, about=about, delay=_AT_ONCE)


_AT_ONCE = access.case(UUID(int=0), waiting=True).delay

routes = [list_queue, get_case, get_file, act_on, propose, decide]
