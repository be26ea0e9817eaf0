"""Standing orders that are due are paid: each payment once, whatever crashes and however many workers there are.

finds      app/payments/standing_run.py     step(), a step of the worker      <- you are here
pays       app/payments/standing_run.py     pay(), a verb for app/batch.py

Under the lane's lock the order's row says which payment comes next; paying it, writing it down (order, number) and
moving on are one transaction. What can't be paid is tried again three times, then given up for this period, and each
time the payer is told.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, text

from app import db, ids, problems
from app import tables as house_tables
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from app.payments import note, paying, standing_order
from app.payments.events import StandingPaymentDelayed, StandingPaymentFailed, StandingPaymentMade
from app.payments.note import Note, Words
from app.payments.paying import Paying
from app.payments.standing_order import Order, State
from proof import journal
from wallet.desk import Desk
from wallet.transfer import Post, Posted, Reason, Refused, TransferId

_AT_ONCE = 200
_ACTOR = "service:standing_order"
#: When a payment that could not be made is tried again: the same evening, the next two days.
AGAIN = (timedelta(hours=12), timedelta(days=1), timedelta(days=1))

#: After these an order never pays again.
_FOR_GOOD = {Reason.UNKNOWN_ACCOUNT, Reason.ACCOUNT_CLOSED, Reason.WRONG_OWNER}


class Due(NamedTuple):
    """An order that was found due, as it was found: another version is another matter."""

    id: UUID
    version: int
    tries: int
    lane: int
    payee_lane: int
    transfer: TransferId
    notes: list[Note]


async def step(house: House) -> int:
    """Pay what is due; answers how many orders went on.

    Nothing is claimed beforehand: what another worker found too is not due any more under the lane's lock.
    """
    async with db.transaction(house.worker) as story:
        connection, kms = await story(), house.keys.kms
        rows = (await connection.execute(_DUE, {"now": story.now, "limit": _AT_ONCE})).all()
        words = await note.read(connection, kms, [row.id for row in rows])
    due = [_due(house, row, words.get(row.id, Words())) for row in rows]
    return sum(await asyncio.gather(*(_one(house, each) for each in due)))


def _due(house: House, row: Row[Any], words: Words) -> Due:
    transfer = TransferId(ids.new())
    notes = note.seal(house.keys.kms, transfer, words, holder=row.holder)
    return Due(row.id, row.version, row.tries, row.lane, row.payee_lane, transfer, notes)


async def _one(house: House, due: Due) -> bool:
    # An attempt has a name of its own: one that found nothing to pay must not be what every later one is answered with.
    named = claim("standing-order", f"{due.id}/{due.version}/{due.tries}/{ids.new()}", None)
    lanes = sorted({due.lane, due.payee_lane})
    reply = await house.money.submit(pay, [due], lanes=lanes, claim=named, render=_went_on)
    return msgspec.json.decode(reply.stored.body, type=bool)


def _went_on(answers: Sequence[bool]) -> Stored:
    return Stored(200, msgspec.json.encode(answers[0]))


async def pay(desk: Desk, asked: Sequence[Due]) -> Sequence[bool]:
    """Pay orders that are due: a verb for app/batch.py. Answers which went on."""
    rows = await desk.db.execute(_LOCK, {"ids": [each.id for each in asked]})
    found = {row.id: standing_order.read(row) for row in rows}
    posts: dict[UUID, Post] = {each.transfer: _post(found[each.id], each.transfer) for each in asked}
    payments = await Paying.load(desk, posts.values())
    went_on = [await _pay(desk, payments, found, posts, each) for each in asked]
    payments.write()
    return went_on


async def _pay(desk: Desk, payments: Paying, found: dict[UUID, Order], posts: Mapping[UUID, Post], due: Due) -> bool:
    order = found[due.id]
    if (order.version, order.tries) != (due.version, due.tries) or order.due_at is None or order.due_at > desk.now:
        return False
    answer = payments.pay(posts[due.transfer])
    if isinstance(answer, Posted):
        await _settle(desk, order, "paid", transfer=answer.id)
        reader = desk.holder(order.payee)
        await note.store(desk.db, [msgspec.structs.replace(each, reader=reader) for each in due.notes], desk.now)
        fact: msgspec.Struct = StandingPaymentMade(standing_order=order.id, no=order.next_no, transfer=answer.id)
        found[order.id] = await _on(desk, order, fact)
        return True
    reason = _reason(answer)
    if reason not in _FOR_GOOD and order.tries < len(AGAIN):
        again_at = desk.now + AGAIN[order.tries]
        await desk.db.execute(_AGAIN, {"id": order.id, "due_at": again_at})
        fact = StandingPaymentDelayed(standing_order=order.id, no=order.next_no, reason=reason, again_at=again_at)
        await _tell(desk, order, fact)
        found[order.id] = msgspec.structs.replace(order, tries=order.tries + 1, due_at=again_at)
    else:
        await _settle(desk, order, "failed", reason=reason)
        fact = StandingPaymentFailed(standing_order=order.id, no=order.next_no, reason=reason)
        found[order.id] = await _on(desk, order, fact, ends=reason in _FOR_GOOD)
    return True


async def _on(desk: Desk, order: Order, fact: msgspec.Struct, *, ends: bool = False) -> Order:
    """Go on to the next payment, or end."""
    await _tell(desk, order, fact)
    changed = standing_order.advanced(order, None if ends else order.next_no + 1, State.ACTIVE, desk.now)
    await desk.db.execute(_ADVANCE, standing_order.row(changed))
    if changed.state is State.ENDED:
        await standing_order.tell(desk.db, changed, actor=_ACTOR, at=desk.now)
    return changed


async def _settle(
    desk: Desk, order: Order, outcome: str, *, reason: str | None = None, transfer: UUID | None = None
) -> None:
    planned_on = order.rule.day(order.next_no)
    row = {"order": order.id, "no": order.next_no, "holder": order.holder, "planned_on": planned_on, "at": desk.now}
    await desk.db.execute(_SETTLE, row | {"outcome": outcome, "reason": reason, "transfer": transfer})


async def _tell(desk: Desk, order: Order, event: msgspec.Struct) -> None:
    fact = journal.Fact(aggregate=order.id, holder=order.holder, at=desk.now, actor=_ACTOR, event=event)
    await journal.append(desk.db, house_tables.event, fact)


def _post(order: Order, transfer: TransferId) -> Post:
    return Post(
        id=transfer,
        debit=order.account,
        credit=order.payee,
        money=order.money,
        code="transfer.standing",
        reference=f"{order.id}/{order.next_no}",
        owner=order.holder,
    )


def _reason(answer: paying.Answer) -> str:
    assert not isinstance(answer, Posted), "of what was not paid"
    return str(answer.reason) if isinstance(answer, Refused) else problems.of(answer).code


_DUE = text(
    """
    SELECT id, holder, version, tries, lane, payee_lane FROM app.standing_order
    WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit
    """
)
_LOCK = text("SELECT * FROM app.standing_order WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE")
_AGAIN = text("UPDATE app.standing_order SET tries = tries + 1, due_at = :due_at WHERE id = :id")
_ADVANCE = text(
    """
    UPDATE app.standing_order
    SET state = :state, next_no = :next_no, tries = :tries, due_at = :due_at, version = :version WHERE id = :id
    """
)
_SETTLE = text(
    """
    INSERT INTO app.standing_payment (standing_order, no, holder, planned_on, outcome, reason, transfer, at)
    VALUES (:order, :no, :holder, :planned_on, :outcome, :reason, :transfer, :at)
    """
)
