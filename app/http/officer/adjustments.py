"""Corrections of wallets under four eyes: one officer of the treasury proposes, another one decides, and it is done.

path   POST /v1/officer/adjustments                  ->  app/adjustments/adjustment.py   propose()
       POST /v1/officer/adjustments/{id}/decision    ->  app/adjustments/deciding.py     decide()  ->  app/batch.py
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from app import db as db_
from app import idempotency
from app import ids as mint
from app.adjustments import adjustment, deciding
from app.adjustments.adjustment import Adjustment, State, Wanted
from app.adjustments.reason import Kind, Reason
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.officer import whom
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from app.restrictions import words
from law.money import KZT, Money
from wallet.account import Purpose

_TAGS = ["Adjustments"]
_SCOPE = {"scope": "officer:adjustments"}

AdjustmentId = Annotated[str, Meta(examples=["adjustment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ResidentId = Annotated[str, Meta(max_length=40, examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
TransferId = Annotated[str, Meta(max_length=40, examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Label = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_.:/-]*$(?!\n)", examples=[""])]
Evidence = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{1,12}(-[0-9]{1,12}){1,3}$(?!\n)",
        examples=["CASE-2026-0117"],
        description="Where the evidence is filed: a word in capitals and numbers, nothing about a person.",
    ),
]
Note = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        examples=["The bank paid twice; see the case."],
        description="For colleagues; sealed, and never shown to the person.",
    ),
]
StateFilter = Annotated[State | None, QueryParameter(name="state", description="Only corrections in this state.")]
ResidentFilter = Annotated[
    str | None,
    QueryParameter(
        name="resident", pattern=ids.pattern("resident"), description="Only corrections of this person's wallet."
    ),
]


class ProposeAdjustment(Wire, frozen=True, kw_only=True):
    """A correction. A credit or debit names the operator's account on the other side; a reversal names the transfer."""

    resident: ResidentId
    kind: Annotated[Kind, Meta(examples=["credit"])]
    reason: Annotated[Reason, Meta(examples=["goodwill"])]
    evidence: Evidence
    amount_minor: Annotated[Minor | None, Meta(description="Tiyn; of a reversal a part of it, or null for all.")] = None
    purpose: Annotated[Purpose | None, Meta(examples=["adjustment"])] = None
    label: Label = ""
    reverses: Annotated[TransferId | None, Meta(examples=[None])] = None
    effective_on: Annotated[date | None, Meta(description="The value date; null is today.", examples=[None])] = None
    note: Note = ""

    def wanted(self) -> Wanted:
        """Read it in; raises app.http.ids.UnknownId."""
        return Wanted(
            kind=self.kind,
            reason=self.reason,
            evidence=self.evidence,
            money=None if self.amount_minor is None else Money(self.amount_minor, KZT),
            purpose=self.purpose,
            label=self.label,
            reverses=None if self.reverses is None else ids.parse("transfer", self.reverses),
            effective_on=self.effective_on,
        )


class DecideAdjustment(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


class AdjustmentView(Wire, frozen=True, kw_only=True):
    """A correction: `proposed` until another officer decides, then `executed` by `transfer`, or `dropped`."""

    id: AdjustmentId
    resident: ResidentId
    kind: Annotated[Kind, Meta(examples=["credit"])]
    reason: Annotated[Reason, Meta(examples=["goodwill"])]
    purpose: Annotated[Purpose | None, Meta(examples=["adjustment"])]
    label: Annotated[str | None, Meta(examples=[""])]
    amount: MoneyWire
    reverses: Annotated[TransferId | None, Meta(examples=[None])]
    effective: Annotated[datetime | None, Meta(examples=[None])]
    evidence: Evidence
    state: Annotated[State, Meta(examples=["proposed"])]
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    transfer: Annotated[TransferId | None, Meta(examples=[None])]
    note: Annotated[str | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: Adjustment, note: str | None = None) -> "AdjustmentView":
        """Show a correction."""
        return cls(
            id=ids.show("adjustment", found.id),
            resident=ids.show("resident", found.holder),
            kind=found.kind,
            reason=found.reason,
            purpose=found.purpose,
            label=found.label,
            amount=MoneyWire.of(found.money),
            reverses=ids.show("transfer", found.reverses) if found.reverses else None,
            effective=found.effective,
            evidence=found.evidence,
            state=found.state,
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            decided_by=found.decided_by,
            decided_at=found.decided_at,
            transfer=ids.show("transfer", found.transfer) if found.transfer else None,
            note=note,
        )


class AdjustmentPage(Wire, frozen=True):
    """A page of corrections, the newest first; `next_cursor` is absent on the last."""

    adjustments: list[AdjustmentView]
    next_cursor: str | None = None


@get(
    "/v1/officer/adjustments",
    operation_id="listAdjustments",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="Corrections of wallets",
)
async def list_adjustments(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    *,
    only: StateFilter = None,
    resident: ResidentFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AdjustmentPage:
    """List what was proposed, decided and done."""
    db = await story()
    holder = None if resident is None else await whom.resident(db, resident)
    pager = Pager(house.keys.cursor, f"adjustments/{only or ''}/{holder or ''}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await adjustment.page(db, state=only, holder=holder, before=before, limit=limit + 1)
    shown = found[:limit]
    return AdjustmentPage(
        adjustments=[AdjustmentView.of(each) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/officer/adjustments/{adjustment_id:str}",
    operation_id="getAdjustment",
    opt=_SCOPE,
    tags=_TAGS,
    summary="One correction",
)
async def get_adjustment(
    adjustment_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> AdjustmentView:
    """Show a correction with what was noted."""
    db = await story()
    found = await adjustment.find(db, ids.parse("adjustment", adjustment_id))
    sealed = {("app.adjustment", found.id): found.note} if found.note is not None else {}
    said = await words.read(db, house.keys.kms, found.holder, sealed, about=found.id)
    return AdjustmentView.of(found, said.get(found.id))


@post(
    "/v1/officer/adjustments",
    operation_id="proposeAdjustment",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose a correction",
)
async def propose_adjustment(
    data: JSONBody[ProposeAdjustment],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[AdjustmentView]:
    """Ask that a wallet be corrected; nothing moves until another officer agrees.

    A credit or debit names an account of the operator and an amount (`names_account_and_amount`), a reversal a transfer
    of this wallet (`reversal_names_transfer`, `transfer_of_another`, `not_reversible`, `reversal_proposed`) and no
    value date (`reversal_is_of_today`). What a bank, a card network or a placement answers for, and a part of a group,
    is not moved back here (`part_of_another_flow`). A value date is neither to come (`value_date_in_future`) nor in a
    closed period (`period_closed`).

    What goes together (`reason_and_kind`, `reason_and_account`): misposted and duplicate with adjustment, debits with
    suspense too, which is only put into here; fee_refund and fee_due with fees; goodwill with adjustment;
    card_shortfall with card_receivable; dispute_won and dispute_lost with dispute_receivable; court_order with
    suspense. Only dispute_receivable has a label, the network's (`account_and_label`).
    """

    async def act(story: Story) -> AdjustmentView:
        db, made = await story(), mint.new()
        holder = await whom.resident(db, data.resident)
        note = await words.noted(db, house.keys.kms, holder, data.note, table="app.adjustment", row=made)
        wanted = data.wanted()
        return AdjustmentView.of(
            await adjustment.propose(db, holder, wanted, adjustment=made, note=note, actor=me.actor, at=story.now)
        )

    return await once(act)


@post(
    "/v1/officer/adjustments/{adjustment_id:str}/decision",
    operation_id="decideAdjustment",
    opt={**_SCOPE, "idempotent": True},
    tags=_TAGS,
    summary="Agree to a correction, or not",
    status_code=200,
)
async def decide_adjustment(
    request: Request[Any, Any, Any],
    adjustment_id: FromPath[str],
    data: JSONBody[DecideAdjustment],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[AdjustmentView]:
    """Agree, and the money moves at once; or drop it, and nothing happened."""
    claim = idempotency.claim_of(request, me.actor, await request.body())
    # A story of its own, over before the batch begins: no connection waits for another.
    async with db_.transaction(house.api, audience=me.role, actor=me.actor) as story:
        found = await adjustment.find(await story(), ids.parse("adjustment", adjustment_id))
        lanes = await deciding.lanes(await story(), found)
    render = answers.one(request, Adjustment, AdjustmentView.of)
    reply = await deciding.decide(
        house, found, agreed=data.agree, actor=me.actor, lanes=lanes, claim=claim, render=render
    )
    return answers.sent(reply)


routes = [list_adjustments, get_adjustment, propose_adjustment, decide_adjustment]
