"""A correction is decided by another officer, and done in the same batch: once, or not at all.

route    app/http/officer/adjustments.py    POST /v1/officer/adjustments/{id}/decision
asks     app/adjustments/deciding.py        decide()
moves    wallet/desk.py                     post(), reverse()       <- settle(), a verb of app/batch.py, is here

Its transfer's id is derived from the correction's, so the ledger itself, where ids are unique, refuses to do one twice.
It never takes more than the wallet has: what is owed beyond is claimed otherwise.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adjustments.adjustment import Adjustment, Decided, SameOfficer, State, UnknownAdjustment
from app.adjustments.events import AdjustmentDropped, AdjustmentExecuted
from app.adjustments.reason import Kind
from app.batch import Render, Reply
from app.house import House
from app.idempotency_key import Claim
from app.limiting import tables
from app.tables import event
from proof import journal
from wallet import crossing
from wallet.desk import Desk
from wallet.transfer import AccountId, Move, Post, Posted, Refused, Reverse, TransferId

CODE = "adjustment"

Answer = Adjustment | Refused | UnknownAdjustment | Decided | SameOfficer


class Deciding(NamedTuple):
    """What an officer says to a correction; `other` is the operator's account, None for a reversal."""

    adjustment: UUID
    agreed: bool
    other: AccountId | None
    actor: str


async def decide(
    house: House, found: Adjustment, *, agreed: bool, actor: str, lanes: Sequence[int], claim: Claim, render: Render
) -> Reply:
    """Decide a correction that is known to exist; `render` gets the Answer."""
    other = None
    if agreed and found.purpose is not None:
        other = await house.money.operator(found.purpose, lane=found.lane, label=found.label or "")
    said = Deciding(found.id, agreed, other, actor)
    return await house.money.submit(settle, [said], lanes=lanes, claim=claim, render=render)


async def lanes(db: AsyncConnection, found: Adjustment) -> list[int]:
    """Say which lanes a correction moves money on: those of the transfer it moves back, else the wallet's."""
    if found.reverses is None:
        return [found.lane]
    ids = [found.reverses, crossing.twin(found.reverses)]
    return list(await db.scalars(_LANES, {"ids": ids}))


async def settle(desk: Desk, asked: Sequence[Deciding]) -> Sequence[Answer]:
    """Decide corrections one after the other: a verb for app/batch.py."""
    found = await _lock(desk.db, [each.adjustment for each in asked])
    moves = [each for each in found.values() if each.state is State.PROPOSED]
    await desk.load_period()
    await desk.load_moved(TransferId(each.reverses) for each in moves if each.reverses)
    await desk.load(each.other for each in asked if each.other)
    await desk.load(each.wallet for each in moves)
    answers = []
    for said in asked:
        answer = _settle(desk, said, found.get(said.adjustment))
        if isinstance(answer, Adjustment):
            found[answer.id] = answer  # a second entry for it in this batch finds it decided
            await _store(desk, answer)
        answers.append(answer)
    return answers


def _settle(desk: Desk, said: Deciding, found: Adjustment | None) -> Answer:
    if found is None:
        return UnknownAdjustment()
    if found.state is not State.PROPOSED:
        return Decided()
    if said.actor == found.proposed_by:
        return SameOfficer()
    decided = {"decided_by": said.actor, "decided_at": desk.now}
    if not said.agreed:
        return msgspec.structs.replace(found, state=State.DROPPED, **decided)
    done = desk.move(_move(found, said))
    if not isinstance(done, Posted):
        return done
    return msgspec.structs.replace(found, state=State.EXECUTED, transfer=done.id, **decided)


def _move(found: Adjustment, said: Deciding) -> Move:
    id_, reference = TransferId(UUID(int=found.id.int ^ 2)), f"adjustment:{found.id}"
    if found.reverses is not None:
        return Reverse(id=id_, of=TransferId(found.reverses), money=found.money, code=CODE, reference=reference)
    assert said.other is not None, "a credit or debit has another side"
    wallet, gives = AccountId(found.wallet), found.kind is Kind.CREDIT
    return Post(
        id=id_,
        debit=said.other if gives else wallet,
        credit=wallet if gives else said.other,
        money=found.money,
        code=CODE,
        reference=reference,
        effective=found.effective,
    )


async def _lock(db: AsyncConnection, wanted: Sequence[UUID]) -> dict[UUID, Adjustment]:
    columns = [tables.adjustment.c[name] for name in Adjustment.__struct_fields__]
    mine = tables.adjustment.c.id.in_(wanted)
    rows = await db.execute(select(*columns).where(mine).order_by(tables.adjustment.c.id).with_for_update())
    return {row.id: msgspec.convert(row, Adjustment, from_attributes=True) for row in rows}


async def _store(desk: Desk, decided: Adjustment) -> None:
    names = ("decided_by", "decided_at", "state", "transfer")
    values = {name: getattr(decided, name) for name in names}
    await desk.db.execute(update(tables.adjustment).where(tables.adjustment.c.id == decided.id).values(values))
    assert decided.decided_by is not None, "decided by whoever said so"
    done = decided.transfer is not None
    fact = journal.Fact(
        aggregate=decided.id,
        holder=decided.holder if done else None,
        at=desk.now,
        actor=decided.decided_by,
        event=_executed(decided, decided.transfer) if decided.transfer else AdjustmentDropped(),
    )
    await journal.append(desk.db, event, fact)


def _executed(decided: Adjustment, transfer: UUID) -> AdjustmentExecuted:
    return AdjustmentExecuted(
        adjustment=decided.id,
        transfer=transfer,
        kind=decided.kind,
        reason=decided.reason,
        amount_minor=decided.minor,
        currency=str(decided.currency),
    )


_LANES = text("SELECT DISTINCT lane FROM wallet.transfer WHERE id = ANY (:ids) ORDER BY lane")
