"""Money nobody could be found for: two officers match it to a resident or send it back, each by a transfer, once.

lists      app/banking/suspense.py        waiting()
proposes   app/banking/suspense.py        propose()
approves   app/banking/suspense.py        resolve()     <- you are here, a verb of app/batch.py
goes back  app/banking/asking.py          the bank is asked, as for any order (Kind.REFUND)
ages       app/banking/suspense.py        step()        an alarm, once, when a payment has waited too long
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids
from app import tables as app_tables
from app.allowance import Allowances, LimitReached, Operation, Spend
from app.banking import arriving, booking, incoming, order, tables
from app.banking.booking import Places
from app.banking.events import PaymentAged, ResolutionDecided, ResolutionProposed
from app.banking.incoming import Incoming, Step
from app.banking.order import Kind, Order
from app.batch import Render, Reply
from app.house import House
from app.idempotency_key import Claim
from app.partners import registry
from app.partners.events import PaymentCredited
from law import calendar
from law.calendar import Calendar
from law.money import Money
from proof import journal
from wallet import account, transfer
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Refused, TransferId

#: Working days a payment may wait before it is an alarm.
AGED_AFTER = 3
_AT_ONCE = 50

Action = Literal["match", "return"]
#: Why officers do it, in a word; what they saw is with the bank's message.
Reason = Literal[
    "reference_misspelt", "payer_confirmed", "payee_confirmed", "wrong_payee", "payer_asked", "not_allowed"
]


class NotSuspended(Exception):
    """The payment does not wait for anybody: it was resolved, or never suspended."""


class ProposalOpen(Exception):
    """An officer has proposed something already: approve or refuse that first."""


class NotReturnable(Exception):
    """Nobody paid it in: it is our own payment that came back, so there is only somebody to match it to."""


class CantReceive(Exception):
    """The wallet may not take it now, as `why` says in the words a payment is suspended with."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class UnknownProposal(Exception):
    """There is no such proposal, or it was decided."""


class SameOfficer(Exception):
    """Who approves is another officer than who proposed."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer proposed for a payment, and what another one said."""

    id: UUID
    incoming: UUID
    action: Action
    account: UUID | None
    reason: Reason
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    verdict: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """An approval: by whom, how much, and the accounts it goes between."""

    proposal: UUID
    actor: str
    money: Money
    places: Places
    wallet: AccountId | None


Refusal = Refused | CantReceive
Answer = Proposal | Refusal | NotSuspended | UnknownProposal | SameOfficer


async def waiting(db_: AsyncConnection, *, after: UUID | None, limit: int) -> list[Incoming]:
    """List suspended payments, the longest waiting first: ids are in the order payments were first heard of."""
    columns = tables.incoming.c
    query = select(columns.id).where(columns.stage == "suspended").order_by(columns.id).limit(limit)
    wanted = await db_.scalars(query if after is None else query.where(columns.id > after))
    return [await incoming.find(db_, each) for each in wanted]


def working_days(since: datetime, now: datetime) -> int:
    """Count the working days a payment has waited."""
    start, end = calendar.statutory_date(since), calendar.statutory_date(now)
    known: Calendar = calendar.current(end)
    return known.working_days_between(start, end)


async def proposals(db_: AsyncConnection, payment: UUID) -> list[Proposal]:
    """List what was proposed for a payment, the last one last."""
    columns = tables.suspense_proposal.c
    query = select(tables.suspense_proposal).where(columns.incoming == payment).order_by(columns.id)
    return [Proposal(**row._asdict()) for row in await db_.execute(query)]


async def propose(
    db_: AsyncConnection, payment: UUID, action: Action, to: UUID | None, reason: Reason, *, actor: str, at: datetime
) -> Proposal:
    """Propose what to do.

    Raises UnknownIncoming, NotSuspended, NotReturnable, ProposalOpen, wallet.account.NoWallet.
    """
    found = await incoming.find(db_, payment)
    if found.stage != "suspended":
        raise NotSuspended
    if found.strayed and action == "return":
        raise NotReturnable
    if to is not None:
        query = text("SELECT 1 FROM wallet.account WHERE id = :id AND purpose = 'wallet' AND closed_at IS NULL")
        if await db_.scalar(query, {"id": to}) is None:
            raise account.NoWallet
    made = Proposal(
        id=ids.new(), incoming=payment, action=action, account=to, reason=reason, proposed_by=actor, proposed_at=at
    )
    await db_.execute(_LOCK, {"payment": str(payment)})
    if any(each.verdict is None for each in await proposals(db_, payment)):
        raise ProposalOpen
    undecided = {name: value for name, value in msgspec.structs.asdict(made).items() if name not in _DECIDED}
    await db_.execute(insert(tables.suspense_proposal).values(undecided))
    fact = ResolutionProposed(payment, made.id, action, reason)
    await _tell(db_, payment, fact, actor=actor, at=at)
    return made


async def refuse(db_: AsyncConnection, proposal: UUID, *, actor: str, at: datetime) -> Proposal:
    """Say no to a proposal, or take one's own back; raises UnknownProposal."""
    columns = tables.suspense_proposal.c
    query = select(tables.suspense_proposal).where((columns.id == proposal) & columns.verdict.is_(None))
    row = (await db_.execute(query.with_for_update())).one_or_none()
    if row is None:
        raise UnknownProposal
    return await _decide(db_, Proposal(**row._asdict()), "refused", actor=actor, at=at)


async def approve(house: House, proposal: UUID, *, actor: str, claim: Claim, render: Render) -> Reply:
    """Approve a proposal, which does it; raises UnknownProposal where there is none, `render` gets the Answer else."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        columns = tables.suspense_proposal.c
        query = select(tables.suspense_proposal).where(columns.id == proposal)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise UnknownProposal
        asked = Proposal(**row._asdict())
        payment = await incoming.find(connection, asked.incoming)
        assert payment.lane is not None, "what was suspended was booked"
        bank = await registry.find(connection, payment.partner)
        refund = _refund(payment, AccountId(payment.id), story.now)
    places = await booking.places(house, refund, bank.code)
    item = Resolution(
        proposal=proposal,
        actor=actor,
        money=payment.amount,
        places=places,
        wallet=None if asked.account is None else AccountId(asked.account),
    )
    lanes = {payment.lane} | await house.money.lanes([asked.account] if asked.account else [])
    return await house.money.submit(resolve, [item], lanes=sorted(lanes), claim=claim, render=render)


async def resolve(desk: Desk, asked: Sequence[Resolution]) -> Sequence[Answer]:
    """Do what two officers agreed on, one after the other: a verb for app/batch.py."""
    await desk.load(
        side
        for each in asked
        for side in (each.places.suspense, each.places.clearing, *([each.wallet] if each.wallet else []))
    )
    await desk.load_crossing()
    allowances = await arriving.allowances(desk, [spend for each in asked if (spend := _spend(desk, each))])
    answers = [await _resolve(desk, allowances, each) for each in asked]
    allowances.write()
    return answers


async def _resolve(desk: Desk, allowances: Allowances, asked: Resolution) -> Answer:
    columns = tables.suspense_proposal.c
    query = select(tables.suspense_proposal).where((columns.id == asked.proposal) & columns.verdict.is_(None))
    row = (await desk.db.execute(query.with_for_update())).one_or_none()
    if row is None:
        return UnknownProposal()
    proposal = Proposal(**row._asdict())
    if proposal.proposed_by == asked.actor:
        return SameOfficer()
    payment = await incoming.lock_one(desk.db, proposal.incoming)
    if payment is None or payment.stage != "suspended":
        return NotSuspended()
    assert payment.amount == asked.money, "what was received stays as it is"
    held = desk.available(asked.places.suspense)
    if held is None or held < asked.money:
        # The account has no floor: what is not there would be somebody else's.
        return Refused(transfer.Reason.INSUFFICIENT_FUNDS)
    if proposal.action == "match":
        refused = await _match(desk, allowances, asked, payment)
    else:
        refused = await _send_back(desk, asked, payment)
    if refused is not None:
        return refused
    return await _decide(desk.db, proposal, "approved", actor=asked.actor, at=desk.now)


async def _match(desk: Desk, allowances: Allowances, asked: Resolution, payment: Incoming) -> Refusal | None:
    assert asked.wallet is not None, "a match names the wallet"
    spend = _spend(desk, asked)
    if spend is not None and (stop := allowances.claim(spend)) is not None:
        return CantReceive("receive_limit" if isinstance(stop, LimitReached) else "receive_restricted")
    post = Post(
        id=TransferId(ids.new()),
        debit=asked.places.suspense,
        credit=asked.wallet,
        money=asked.money,
        code="payment.matched",
        reference=str(payment.id),
    )
    answer = desk.post(post)
    if isinstance(answer, Refused):
        if spend is not None:
            allowances.give_back(spend)
        return answer
    holder = desk.holder(asked.wallet)
    found = msgspec.structs.replace(payment, stage="credited", holder=holder, ended_at=desk.now)
    await incoming.write(desk.db, [(found, [Step("credited", desk.now, "matched_by_officers")])])
    amount = (payment.amount_minor, payment.currency.value)
    event = PaymentCredited(post.id, payment.partner, asked.wallet, *amount)
    fact = journal.Fact(aggregate=post.id, holder=holder, at=desk.now, actor=asked.actor, event=event)
    await journal.append(desk.db, app_tables.event, fact)
    return None


def _spend(desk: Desk, asked: Resolution) -> Spend | None:
    holder = None if asked.wallet is None else desk.holder(asked.wallet)
    return None if holder is None else Spend(holder, Operation.RECEIVE, asked.money)


async def _send_back(desk: Desk, asked: Resolution, payment: Incoming) -> Refused | None:
    refund = _refund(payment, asked.places.suspense, desk.now)
    answer = desk.place(booking.hold(refund, asked.places))
    if isinstance(answer, Refused):
        return answer
    await order.insert(desk.db, [refund], actor=asked.actor, due_at=clock.real())
    going = msgspec.structs.replace(payment, stage="returning")
    await incoming.write(desk.db, [(going, [Step("returning", desk.now, "agreed_by_officers")])])
    return None


def _refund(payment: Incoming, suspense: AccountId, at: datetime) -> Order:
    assert payment.lane is not None, "what was suspended was booked"
    return Order(
        id=ids.new(),
        kind=Kind.REFUND,
        holder=None,
        partner=payment.partner,
        about=payment.id,
        lane=payment.lane,
        source=suspense,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        requested_at=at,
    )


async def _decide(db_: AsyncConnection, proposal: Proposal, verdict: str, *, actor: str, at: datetime) -> Proposal:
    columns = tables.suspense_proposal.c
    said = {"decided_by": actor, "decided_at": at, "verdict": verdict}
    await db_.execute(update(tables.suspense_proposal).where(columns.id == proposal.id).values(**said))
    fact = ResolutionDecided(proposal.incoming, proposal.id, proposal.action, verdict)
    await _tell(db_, proposal.incoming, fact, actor=actor, at=at)
    return msgspec.structs.replace(proposal, decided_by=actor, decided_at=at, verdict=verdict)


async def _tell(db_: AsyncConnection, payment: UUID, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=payment, at=at, actor=actor, event=event)
    await journal.append(db_, app_tables.event, fact)


async def step(house: House) -> int:
    """Raise an alarm for each payment that has waited too long, once; answers how many."""
    raised = 0
    async with db.transaction(house.worker) as story:
        connection = await story()
        rows = (await connection.execute(_UNAGED, {"at_once": _AT_ONCE})).all()
        for row in rows:
            days = working_days(row.received_at, story.now)
            if days <= AGED_AFTER:
                break
            await connection.execute(_AGED, {"id": row.id, "at": story.now})
            event = PaymentAged(row.id, row.partner, row.amount_minor, row.currency, days)
            await _tell(connection, row.id, event, actor="system", at=story.now)
            raised += 1
    return raised


_DECIDED = {"decided_by", "decided_at", "verdict"}  # said by who decides
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.suspense:' || :payment, 0))")
_UNAGED = text(
    """
    SELECT id, partner, amount_minor, currency, received_at FROM app.incoming
    WHERE stage = 'suspended' AND aged_at IS NULL ORDER BY received_at, id LIMIT :at_once FOR UPDATE SKIP LOCKED
    """
)
_AGED = text("UPDATE app.incoming SET aged_at = :at WHERE id = :id")
