"""Confirmed lists are paid: some at a time, so that nobody waits long behind ten thousand; each payment once.

finds      app/payments/list_run.py     step(), a step of the worker      <- you are here
pays       app/payments/list_run.py     pay(), a verb for app/batch.py

An item gets its answer in the transaction of its transfer, so whoever goes on after a crash finds what is left.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, text

from app import db, ids, problems
from app import tables as house_tables
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from app.payments import paying
from app.payments.events import PaymentListDone
from app.payments.paying import Paying
from law.money import KZT, Money
from proof import journal
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Posted, Refused, TransferId

#: How many payments one transaction makes: a lane is held for less than a tenth of a second.
CHUNK = 200
_LISTS_AT_ONCE = 10
_ACTOR = "service:payment_list"


class Chunk(NamedTuple):
    """The next payments of a list, as they were found."""

    id: UUID
    account: AccountId
    nos: list[int]


async def step(house: House) -> int:
    """Make the next payments of each running list; answers how many got their answer."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        lists = (await connection.execute(_DUE, {"now": story.now, "limit": _LISTS_AT_ONCE})).all()
        waiting = [
            (list_, (await connection.execute(_WAITING, {"list": list_.id, "limit": CHUNK})).all()) for list_ in lists
        ]
    return sum([await _chunk(house, list_, rows) for list_, rows in waiting])


async def _chunk(house: House, list_: Row[Any], rows: Sequence[Row[Any]]) -> int:
    # An attempt has a name of its own: what it finds answered already it leaves alone.
    named = claim("payment-list", f"{list_.id}/{ids.new()}", None)
    lanes = sorted({list_.lane, *(row.lane for row in rows)})
    chunk = Chunk(list_.id, AccountId(list_.account), [row.no for row in rows])
    reply = await house.money.submit(pay, [chunk], lanes=lanes, claim=named, render=_answered)
    return msgspec.json.decode(reply.stored.body, type=int)


def _answered(counts: Sequence[int]) -> Stored:
    return Stored(200, msgspec.json.encode(sum(counts)))


async def pay(desk: Desk, asked: Sequence[Chunk]) -> Sequence[int]:
    """Make the payments of chunks that have no answer yet: a verb for app/batch.py."""
    taken: set[tuple[UUID, int]] = set()
    found = [(each, await _left(desk, each, taken)) for each in asked]
    posts = [[_post(each, row) for row in rows] for each, rows in found]
    payments = await Paying.load(desk, (post for of_one in posts for post in of_one))
    counts = []
    for (each, rows), of_one in zip(found, posts, strict=True):
        answers = [payments.pay(post) for post in of_one]
        await _write(desk, each.id, rows, answers)
        counts.append(len(answers))
    payments.write()
    return counts


async def _left(desk: Desk, chunk: Chunk, taken: set[tuple[UUID, int]]) -> list[Row[Any]]:
    """Lock what of a chunk has no answer yet; what another chunk of this very batch takes is not locked against it."""
    rows = (await desk.db.execute(_LOCK, {"list": chunk.id, "nos": chunk.nos})).all()
    left = [row for row in rows if (chunk.id, row.no) not in taken]
    taken.update((chunk.id, row.no) for row in left)
    return left


def _post(chunk: Chunk, row: Row[Any]) -> Post:
    return Post(
        id=TransferId(ids.new()),
        debit=chunk.account,
        credit=AccountId(row.payee),
        money=Money(row.amount, KZT),
        code="transfer.list",
        reference=f"{chunk.id}/{row.no}",
        owner=row.holder,
    )


async def _write(desk: Desk, list_: UUID, rows: Sequence[Row[Any]], answers: Sequence[paying.Answer]) -> None:
    pairs = list(zip(rows, answers, strict=True))
    answered = await desk.db.execute(
        _ANSWER,
        {
            "list": list_,
            "nos": [row.no for row in rows],
            "transfers": [answer.id if isinstance(answer, Posted) else None for answer in answers],
            "refused": [_refused(answer) for answer in answers],
        },
    )
    assert answered.rowcount == len(pairs), "each has its first answer"
    paid = [row.amount for row, answer in pairs if isinstance(answer, Posted)]
    counts = {"paid": len(paid), "paid_amount": sum(paid), "refused": len(pairs) - len(paid)}
    done = (await desk.db.execute(_COUNT, {"list": list_, "now": desk.now, **counts})).one_or_none()
    if done is not None:
        fact = PaymentListDone(payment_list=list_, paid=done.paid, refused=done.refused)
        told = journal.Fact(aggregate=list_, holder=done.holder, at=desk.now, actor=_ACTOR, event=fact)
        await journal.append(desk.db, house_tables.event, told)


def _refused(answer: paying.Answer) -> str | None:
    if isinstance(answer, Posted):
        return None
    return str(answer.reason) if isinstance(answer, Refused) else problems.of(answer).code


_DUE = text("SELECT id, account, lane FROM app.payment_list WHERE due_at <= :now ORDER BY due_at LIMIT :limit")
_WAITING = text(
    """
    SELECT no, lane FROM app.payment_item WHERE list = :list AND transfer IS NULL AND refused IS NULL
    ORDER BY no LIMIT :limit
    """
)
_LOCK = text(
    """
    SELECT no, holder, payee, amount FROM app.payment_item
    WHERE list = :list AND no = ANY (:nos) AND transfer IS NULL AND refused IS NULL ORDER BY no FOR UPDATE
    """
)
_ANSWER = text(
    """
    UPDATE app.payment_item SET transfer = answer.transfer, refused = answer.refused
    FROM unnest(CAST(:nos AS integer[]), CAST(:transfers AS uuid[]), CAST(:refused AS text[]))
         AS answer (no, transfer, refused)
    WHERE payment_item.list = :list AND payment_item.no = answer.no
      AND payment_item.transfer IS NULL AND payment_item.refused IS NULL
    """
)
_COUNT = text(
    """
    WITH counted AS (
        UPDATE app.payment_list
        SET paid = paid + :paid, paid_amount = paid_amount + :paid_amount, refused = refused + :refused,
            state = CASE WHEN paid + refused + :paid + :refused = items THEN 'done' ELSE state END,
            due_at = CASE WHEN paid + refused + :paid + :refused = items THEN NULL ELSE due_at END,
            done_at = CASE WHEN paid + refused + :paid + :refused = items THEN CAST(:now AS timestamptz) END
        WHERE id = :list RETURNING *
    )
    SELECT holder, paid, refused FROM counted WHERE state = 'done'
    """
)
