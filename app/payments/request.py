"""Asking for money: one person asks another, or whoever scans the code; it is paid once, declined, taken back, or ends.

route      app/http/mobile/money_requests.py
makes      app/payments/request.py      make(), cancel(), decline()      <- you are here
pays       app/payments/request.py      pay(), a verb for app/batch.py
ends       app/payments/request.py      step(), a step of the worker
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db as db_
from app import tables as house_tables
from app.auth.confirmed import Confirmations, Confirmed, Refusal
from app.auth.principal import Principal
from app.house import House
from app.payments import paying
from app.payments.events import (
    MoneyRequestCancelled,
    MoneyRequestDeclined,
    MoneyRequested,
    MoneyRequestExpired,
    MoneyRequestPaid,
)
from app.payments.paying import Paying
from law.money import Currency, Money
from proof import journal
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Posted, TransferId

OPEN_MAX = 200
LIFETIME_MAX = timedelta(days=90)
_AT_ONCE = 200
_ACTOR = "service:money_request"


class State(enum.StrEnum):
    """Where a request stands."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


#: How an open request ends without money, and what both sides are told.
_ENDS: Mapping[State, type[msgspec.Struct]] = {
    State.DECLINED: MoneyRequestDeclined,
    State.CANCELLED: MoneyRequestCancelled,
    State.EXPIRED: MoneyRequestExpired,
}


class Unknown(Exception):
    """There is no such request, or it is between others, which looks the same."""


class NotOpen(Exception):
    """The request is over: `state` says how."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class OtherSide(Exception):
    """This is for the other side of the request: who asks cancels and shows the code, who is asked pays or declines."""


class TooMany(Exception):
    """The person waits for as many answers as one may wait for."""


class CannotBeAsked(Exception):
    """The person takes no requests, or none from who asks."""


class NotAskable(Exception):
    """Nobody asks themselves, or for anything but tenge."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `holder` asks, to be paid into `account`; `payer` None is whoever has the id."""

    id: UUID
    holder: UUID
    account: AccountId
    lane: int
    payer: UUID | None
    money: Money
    state: State
    version: int
    split: UUID | None
    made_at: datetime
    expires_at: datetime
    transfer: UUID | None

    def standing(self, at: datetime) -> State:
        """Say where it stands at the instant `at`: what the worker has not ended yet has ended all the same."""
        return State.EXPIRED if self.state is State.OPEN and at >= self.expires_at else self.state


class Paid(msgspec.Struct, frozen=True):
    """A request that its payer confirmed: the transfer to be made, unless it is over or not theirs."""

    request: UUID
    payer: UUID
    actor: str
    post: Post
    confirmed: Confirmed


Answer = paying.Answer | Refusal | Unknown | OtherSide | NotOpen


async def make(db: AsyncConnection, made: Sequence[Request], me: Principal) -> None:
    """Ask; raises TooMany, CannotBeAsked."""
    payers = [each.payer for each in made if each.payer is not None]
    if (await db.execute(_UNWILLING, {"people": payers, "asker": me.subject})).first() is not None:
        raise CannotBeAsked
    waiting = await db.scalar(_WAITING, {"holder": me.subject})
    if (waiting or 0) + len(made) > OPEN_MAX:
        raise TooMany
    await db.execute(_MAKE, [_row(each) for each in made])
    for each in made:
        fact = _asked(each)
        await _tell(db, each, fact, [me.subject], actor=me.actor, at=each.made_at)


async def find(db: AsyncConnection, request: UUID) -> Request:
    """Load a request that the story sees, or one that is asked of whoever has its id; raises Unknown."""
    rows = (await db.execute(_FIND, {"id": request})).all() or (await db.execute(_OF_ANYBODY, {"id": request})).all()
    if not rows:
        raise Unknown
    return _request(rows[0])


async def page(db: AsyncConnection, me: UUID, *, asked_of_me: bool, before: UUID | None, limit: int) -> list[Request]:
    """List requests by me, or of me, the newest first."""
    query = _OF_ME if asked_of_me else _BY_ME
    rows = await db.execute(query, {"me": me, "before": before, "limit": limit})
    return [_request(row) for row in rows]


async def end(db: AsyncConnection, request: UUID, me: Principal, ends: State, at: datetime) -> Request:
    """Cancel what `me` asked for, or decline what `me` is asked for; raises Unknown, OtherSide, NotOpen."""
    row = (await db.execute(_LOCK, {"id": request})).one_or_none()
    if row is None:
        raise Unknown
    found = _request(row)
    if me.subject not in {found.holder, found.payer}:
        raise Unknown
    if me.subject != (found.holder if ends is State.CANCELLED else found.payer):
        raise OtherSide
    if found.standing(at) is not State.OPEN:
        raise NotOpen(found.standing(at))
    await db.execute(_END, {"id": found.id, "state": ends})
    await _tell(db, found, _ENDS[ends](money_request=found.id), [me.subject], actor=me.actor, at=at)
    return msgspec.structs.replace(found, state=ends, version=found.version + 1)


async def of_payer(db: AsyncConnection, request: UUID, me: Principal) -> Request:
    """Load what `me` by name is asked for; raises Unknown, OtherSide."""
    row = (await db.execute(_FIND, {"id": request})).one_or_none()
    if row is None or me.subject not in {row.holder, row.payer}:
        raise Unknown
    if row.payer != me.subject:
        raise OtherSide
    return _request(row)


async def decline_all(db: AsyncConnection, asker: UUID, me: Principal, at: datetime) -> None:
    """Decline everything that `asker` asks `me` for."""
    rows = await db.execute(_DECLINE_ALL, {"asker": asker, "me": me.subject, "now": at})
    for each in [_request(row) for row in rows]:
        await _tell(db, each, MoneyRequestDeclined(money_request=each.id), [me.subject], actor=me.actor, at=at)


async def pay(desk: Desk, asked: Sequence[Paid]) -> Sequence[Answer]:
    """Pay requests, each once: a verb for app/batch.py."""
    confirmations = await Confirmations.load(desk.db, (each.confirmed for each in asked))
    rows = await desk.db.execute(_LOCK_MANY, {"ids": [each.request for each in asked]})
    open_ = {row.id: _request(row) for row in rows}
    payments = await Paying.load(desk, (each.post for each in asked))
    answers: list[Answer] = []
    for each in asked:
        answer = _pay(desk, confirmations, payments, open_, each)
        if isinstance(answer, Posted):
            found = open_[each.request]
            open_[each.request] = msgspec.structs.replace(found, state=State.PAID)
            await desk.db.execute(_PAID, {"id": found.id, "payer": each.payer, "transfer": answer.id})
            fact = MoneyRequestPaid(money_request=found.id, transfer=answer.id)
            await _tell(desk.db, found, fact, [found.holder, each.payer], actor=each.actor, at=desk.now)
        answers.append(answer)
    payments.write()
    await confirmations.write()
    return answers


def _pay(
    desk: Desk, confirmations: Confirmations, payments: Paying, open_: Mapping[UUID, Request], asked: Paid
) -> Answer:
    found = open_.get(asked.request)
    if found is None or (found.payer not in {None, asked.payer} and found.holder != asked.payer):
        return Unknown()
    if found.holder == asked.payer:
        return OtherSide()
    if found.standing(desk.now) is not State.OPEN:
        return NotOpen(found.standing(desk.now))
    if (refusal := confirmations.claim(asked.confirmed)) is not None:
        return refusal
    answer = payments.pay(asked.post)
    if isinstance(answer, Posted):
        confirmations.use(asked.confirmed)
    return answer


def post(found: Request, *, payer: AccountId, transfer: TransferId) -> Post:
    """Write the transfer that pays a request."""
    return Post(id=transfer, debit=payer, credit=found.account, money=found.money, code="transfer.requested")


async def step(house: House) -> int:
    """End what nobody paid in time, and tell each side what the other one did; answers how many."""
    async with db_.transaction(house.worker) as story:
        db, now = await story(), story.now
        over = [_request(row) for row in await db.execute(_OVER, {"now": now, "limit": _AT_ONCE})]
        for each in over:
            await db.execute(_END, {"id": each.id, "state": State.EXPIRED})
        # Nobody writes into the feed of another, so what one's own story could not tell is told here.
        untold = [_request(row) for row in await db.execute(_UNTOLD, {"limit": _AT_ONCE})]
        for each in untold:
            fact = _asked(each) if each.state is State.OPEN else _ENDS[each.state](money_request=each.id)
            await _tell(db, each, fact, _hearers(each), actor=_ACTOR, at=now)
        await db.execute(_TOLD, {"ids": [each.id for each in untold]})
    return len(over) + len(untold)


def _hearers(found: Request) -> list[UUID]:
    """Say who has not heard of it yet: whoever did not do it."""
    both = (found.holder, found.payer)
    sides = {State.OPEN: both[1:], State.CANCELLED: both[1:], State.DECLINED: both[:1]}.get(found.state, both)
    return [side for side in sides if side is not None]


def _asked(each: Request) -> MoneyRequested:
    return MoneyRequested(
        money_request=each.id,
        amount_minor=each.money.minor,
        currency=str(each.money.currency),
        expires_at=each.expires_at,
    )


async def _tell(
    db: AsyncConnection, found: Request, event: msgspec.Struct, sides: Sequence[UUID], *, actor: str, at: datetime
) -> None:
    """Tell `sides`; nobody is named in it."""
    facts = [
        journal.Fact(aggregate=_log_of(found, side), holder=side, at=at, actor=actor, event=event) for side in sides
    ]
    await journal.append(db, house_tables.event, *facts)


def _log_of(found: Request, side: UUID) -> UUID:
    """Name one side's log of a request: neither sees the other's, so each has versions of its own."""
    return found.id if side == found.holder else uuid5(found.id, "payer")


def _row(each: Request) -> dict[str, object]:
    row = msgspec.structs.asdict(each)
    money: Money = row.pop("money")
    return row | {"amount": money.minor, "currency": str(money.currency), "state": str(each.state)}


def _request(row: Row[Any]) -> Request:
    fields = {name: getattr(row, name) for name in Request.__struct_fields__ if name not in {"money", "state"}}
    return Request(**fields, money=Money(row.amount, Currency.of(row.currency)), state=State(row.state))


_WAITING = text("SELECT count(*) FROM app.money_request WHERE holder = :holder AND state = 'open'")
_MAKE = text(
    """
    INSERT INTO app.money_request (id, holder, account, lane, payer, amount, currency, state, version, split, made_at,
                                   expires_at, due_at)
    VALUES (:id, :holder, :account, :lane, :payer, :amount, :currency, :state, :version, :split, :made_at, :expires_at,
            :expires_at)
    """
)
_FIND = text("SELECT * FROM app.money_request WHERE id = :id")
_OF_ANYBODY = text("SELECT * FROM app.asked_of_anybody(:id)")
_BY_ME = text(
    """
    SELECT * FROM app.money_request WHERE holder = :me AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_OF_ME = text(
    """
    SELECT * FROM app.money_request WHERE payer = :me AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_LOCK = text("SELECT * FROM app.money_request WHERE id = :id FOR UPDATE")
_LOCK_MANY = text("SELECT * FROM app.money_request WHERE id = ANY (:ids) ORDER BY id FOR UPDATE")
_END = text("UPDATE app.money_request SET state = :state, version = version + 1, due_at = NULL WHERE id = :id")
_DECLINE_ALL = text(
    """
    UPDATE app.money_request SET state = 'declined', version = version + 1, due_at = NULL
    WHERE holder = :asker AND payer = :me AND state = 'open' AND expires_at > :now RETURNING *
    """
)
_UNWILLING = text("SELECT app.not_to_be_asked(CAST(:people AS uuid[]), :asker)")
_PAID = text(
    """
    UPDATE app.money_request
    SET state = 'paid', version = version + 1, told = version + 1, due_at = NULL, payer = :payer, transfer = :transfer
    WHERE id = :id
    """
)
_OVER = text(
    """
    SELECT * FROM app.money_request WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_UNTOLD = text("SELECT * FROM app.money_request WHERE told < version ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED")
_TOLD = text("UPDATE app.money_request SET told = version WHERE id = ANY (:ids)")
