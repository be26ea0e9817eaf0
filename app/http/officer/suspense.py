"""Money nobody could be found for: officers see it with its evidence, one proposes, another one approves.

path   POST /v1/officer/suspense/{incoming_payment_id}/proposals  ->  app/banking/suspense.py  propose()
       POST /v1/officer/suspense-proposals/{id}/approval          ->  app/banking/suspense.py  resolve(), in a batch
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.auth.principal import Principal
from app.banking import banks, suspense
from app.banking.incoming import Incoming
from app.banking.suspense import Proposal
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.mobile.orders import RailName
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import MoneyWire, NotTogether, Wire
from app.idempotency import Once
from app.partners import registry, tables
from app.partners.message import Envelope, read
from app.partners.payments import Received

_TAGS = ["Suspense"]
_Payment = Annotated[str, Meta(examples=["incoming_payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Action = Annotated[Literal["match", "return"], Meta(examples=["match"])]
_Reason = Annotated[suspense.Reason, Meta(examples=["payer_asked"])]
_Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]


class Evidence(Wire, frozen=True):
    """What the bank wrote: the payer, and the reference as it was; absent once it need not be kept any more."""

    payer: Annotated[str, Meta(examples=["Lucia Rivera"])]
    country: Annotated[str | None, Meta(examples=["ES"])]
    reference: Annotated[str, Meta(examples=["for the flat"])]


class Propose(Wire, frozen=True, kw_only=True):
    """Give it to a resident's wallet, or send it back to who paid."""

    action: _Action
    wallet_id: Annotated[
        str | None, Meta(description="To match: whose it is.", examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])
    ] = None
    reason: _Reason


class ProposalView(Wire, frozen=True, kw_only=True):
    """What an officer proposed, and what another one said."""

    id: Annotated[str, Meta(examples=["suspense_proposal_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    payment_id: _Payment
    action: _Action
    wallet_id: Annotated[str | None, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None
    reason: _Reason
    proposed_by: _Officer
    proposed_at: datetime
    decided_by: _Officer | None = None
    decided_at: datetime | None = None
    verdict: Annotated[Literal["approved", "refused"] | None, Meta(examples=["approved"])] = None

    @classmethod
    def of(cls, found: Proposal) -> "ProposalView":
        """Show a proposal."""
        verdict: Any = found.verdict
        return cls(
            id=ids.show("suspense_proposal", found.id),
            payment_id=ids.show("incoming_payment", found.incoming),
            action=found.action,
            wallet_id=ids.show("wallet", found.account) if found.account else None,
            reason=found.reason,
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            decided_by=found.decided_by,
            decided_at=found.decided_at,
            verdict=verdict,
        )


class SuspendedView(Wire, frozen=True, kw_only=True):
    """A payment that waits. `aged` is the alarm: it has waited for more working days than it may."""

    id: _Payment
    bank: Annotated[str, Meta(examples=["demo-bank"])]
    amount: MoneyWire
    rail: RailName
    reason: Annotated[str, Meta(examples=["no_wallet_matches"])]
    received_at: datetime
    working_days: Annotated[int, Meta(ge=0, examples=[2])]
    aged: bool
    evidence: Evidence | None = None
    proposals: list[ProposalView]


class SuspendedPage(Wire, frozen=True):
    """A page of the queue, the longest waiting first; `next_cursor` is absent on the last."""

    payments: list[SuspendedView]
    next_cursor: str | None = None


@get(
    "/v1/officer/suspense",
    operation_id="listSuspense",
    opt={"scope": "officer:suspense"},
    tags=_TAGS,
    summary="Money nobody could be found for",
)
async def list_suspense(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> SuspendedPage:
    """List suspended payments with their age, what the bank wrote, and what was proposed."""
    db = await story()
    pager = Pager(house.keys.cursor, "suspense")
    place = pager.place(cursor)
    found = await suspense.waiting(db, after=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    known = await banks.listed(db)
    shown = [await _view(db, house, each, known[each.partner][0], story.now) for each in found[:limit]]
    return SuspendedPage(payments=shown, next_cursor=more)


@post(
    "/v1/officer/suspense/{incoming_payment_id:str}/proposals",
    operation_id="proposeResolution",
    opt={"scope": "officer:suspense"},
    tags=_TAGS,
    summary="Propose what to do with it",
)
async def propose(
    incoming_payment_id: FromPath[str],
    data: JSONBody[Propose],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ProposalView]:
    """Propose to match a payment to a wallet, or to send it back; another officer decides."""
    if (data.wallet_id is None) == (data.action == "match"):
        raise NotTogether("action", "wallet_id")
    payment = ids.parse("incoming_payment", incoming_payment_id)
    to = ids.parse("wallet", data.wallet_id) if data.wallet_id else None

    async def act(story: Story) -> ProposalView:
        made = await suspense.propose(
            await story(), payment, data.action, to, data.reason, actor=me.actor, at=story.now
        )
        return ProposalView.of(made)

    return await once(act)


@post(
    "/v1/officer/suspense-proposals/{suspense_proposal_id:str}/approval",
    operation_id="approveResolution",
    opt={"scope": "officer:suspense", "idempotent": True},
    tags=_TAGS,
    summary="Approve a proposal",
    status_code=200,
)
async def approve(
    suspense_proposal_id: FromPath[str],
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ProposalView]:
    """Do what another officer proposed: the money moves with this."""
    claim = idempotency.claim_of(request, me.actor, await request.body())
    wanted = ids.parse("suspense_proposal", suspense_proposal_id)
    render = answers.one(request, Proposal, ProposalView.of)
    reply = await suspense.approve(house, wanted, actor=me.actor, claim=claim, render=render)
    return answers.sent(reply)


@post(
    "/v1/officer/suspense-proposals/{suspense_proposal_id:str}/refusal",
    operation_id="refuseResolution",
    opt={"scope": "officer:suspense"},
    tags=_TAGS,
    summary="Refuse a proposal",
    status_code=200,
)
async def refuse(
    suspense_proposal_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ProposalView]:
    """Say no to a proposal, or take one's own back: the payment waits for another one."""
    wanted = ids.parse("suspense_proposal", suspense_proposal_id)

    async def act(story: Story) -> ProposalView:
        return ProposalView.of(await suspense.refuse(await story(), wanted, actor=me.actor, at=story.now))

    return await once(act)


async def _view(db: AsyncConnection, house: House, found: Incoming, bank: str, now: datetime) -> SuspendedView:
    assert found.received_at is not None, "what is suspended was received"
    days = suspense.working_days(found.received_at, now)
    return SuspendedView(
        id=ids.show("incoming_payment", found.id),
        bank=bank,
        amount=MoneyWire.of(found.amount),
        rail=found.rail.value,
        reason=found.reason or "",
        received_at=found.received_at,
        working_days=days,
        aged=days > suspense.AGED_AFTER,
        evidence=await _evidence(db, house, found),
        proposals=[ProposalView.of(each) for each in await suspense.proposals(db, found.id)],
    )


async def _evidence(db: AsyncConnection, house: House, found: Incoming) -> Evidence | None:
    inbox = tables.inbox.c
    body: bytes | None = await db.scalar(select(inbox.body).where(inbox.id == found.message))
    if not body:
        return None
    partner = await registry.find(db, found.partner)
    assert found.message is not None, "its body was found by it"
    opened = registry.unseal(house.keys.kms, partner, body, row=found.message)
    envelope: Envelope = read(opened, Envelope)
    said: Received = read(msgspec.json.encode(envelope.data), Received)
    return Evidence(payer=said.payer.name, country=said.payer.country, reference=said.reference)


routes = [list_suspense, propose, approve, refuse]
