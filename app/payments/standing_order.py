"""Standing orders: set up once with the passkey over payee, amount and rule, then paid by the worker as they fall due.

sets up    app/http/mobile/standing_orders.py
keeps      app/payments/standing_order.py    set_up(), edit(), act()     <- you are here
pays       app/payments/standing_run.py      step(), and its verb for app/batch.py
counts     app/payments/rule.py

What follows the first payment needs no passkey (the exemption for recurring payments, RTS 2018/389 art. 14), as long as
payee, amount and rule stay what was confirmed: whoever pays has no right in the database to change them.
"""

import enum
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import tables as house_tables
from app.payments.events import StandingOrderChanged, StandingPaymentSkipped
from app.payments.rule import BadRule, DaysOff, Frequency, Rule
from law import calendar
from law.money import Currency, Money
from proof import journal
from wallet.transfer import AccountId

ORDERS_MAX = 100


class State(enum.StrEnum):
    """Where an order stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Act(enum.StrEnum):
    """What its payer does with an order."""

    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    CANCEL = "cancel"
    EDIT = "edit"


#: What may be done in which state, and where it leads.
LIFE: Mapping[tuple[State, Act], State] = {
    (State.ACTIVE, Act.PAUSE): State.PAUSED,
    (State.PAUSED, Act.RESUME): State.ACTIVE,
    (State.ACTIVE, Act.SKIP): State.ACTIVE,
    (State.ACTIVE, Act.CANCEL): State.CANCELLED,
    (State.PAUSED, Act.CANCEL): State.CANCELLED,
    (State.ACTIVE, Act.EDIT): State.ACTIVE,
    (State.PAUSED, Act.EDIT): State.ACTIVE,
}


class Unknown(Exception):
    """There is no such order, or it is somebody else's, which looks the same."""


class WrongState(Exception):
    """The order is `state`, in which this can't be done."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class TooMany(Exception):
    """The payer has as many orders as one may have."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `next_no` is the payment that comes next, `tries` how often it was tried, `due_at` when it is made."""

    id: UUID
    holder: UUID
    account: AccountId
    lane: int
    payee: AccountId
    payee_lane: int
    money: Money
    rule: Rule
    state: State
    version: int
    next_no: int
    tries: int
    due_at: datetime | None
    made_at: datetime
    step_up: UUID | None


class Done(msgspec.Struct, frozen=True):
    """What became of one payment of an order."""

    no: int
    planned_on: date
    outcome: str
    reason: str | None
    transfer: UUID | None
    at: datetime


async def set_up(db: AsyncConnection, order: Order, *, actor: str) -> None:
    """Keep a new order; raises TooMany, rule.BadRule."""
    order.rule.check(calendar.statutory_date(order.made_at))
    if (await db.scalar(_COUNT, {"holder": order.holder}) or 0) >= ORDERS_MAX:
        raise TooMany
    await db.execute(_MAKE, row(order))
    await tell(db, order, actor=actor, at=order.made_at)


async def lock(db: AsyncConnection, order: UUID, holder: UUID) -> Order:
    """Load an order for who changes it; raises Unknown."""
    found = (await db.execute(_LOCK, {"id": order, "holder": holder})).one_or_none()
    if found is None:
        raise Unknown
    return read(found)


async def find(db: AsyncConnection, order: UUID, holder: UUID) -> Order:
    """Load an order; raises Unknown."""
    found = (await db.execute(_FIND, {"id": order, "holder": holder})).one_or_none()
    if found is None:
        raise Unknown
    return read(found)


async def page(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Order]:
    """List a payer's orders, the newest first."""
    rows = await db.execute(_PAGE, {"holder": holder, "before": before, "limit": limit})
    return [read(each) for each in rows]


async def payments(db: AsyncConnection, order: UUID, limit: int) -> list[Done]:
    """List what became of the last payments of an order."""
    rows = await db.execute(_PAYMENTS, {"id": order, "limit": limit})
    return [Done(*each) for each in rows]


async def act(db: AsyncConnection, order: Order, what: Act, *, actor: str, at: datetime) -> Order:
    """Pause, resume, skip the next payment or cancel; raises WrongState."""
    state = LIFE.get((order.state, what))
    if state is None:
        raise WrongState(order.state)
    no: int | None = order.next_no
    if what is Act.SKIP:
        skipped = {"order": order.id, "no": order.next_no, "holder": order.holder, "at": at}
        await db.execute(_SKIP, skipped | {"planned_on": order.rule.day(order.next_no)})
        fact = StandingPaymentSkipped(standing_order=order.id, no=order.next_no)
        await _append(db, order, fact, actor=actor, at=at)
        no = order.next_no + 1
    elif what is Act.RESUME:
        no = order.rule.from_(order.next_no, calendar.statutory_date(at))
    changed = advanced(order, no, state, at)
    await write(db, changed)
    await tell(db, changed, actor=actor, at=at)
    return changed


async def edit(
    db: AsyncConnection, order: Order, money: Money, rule: Rule, *, step_up: UUID | None, actor: str, at: datetime
) -> Order:
    """Change amount and rule as they were confirmed anew; raises WrongState, rule.BadRule.

    How often and since when stays, so that what was paid stays counted; another rhythm is another order.
    """
    if (order.state, Act.EDIT) not in LIFE:
        raise WrongState(order.state)
    if rule.until_on is not None and not order.rule.first_on <= rule.until_on <= calendar.LAST_DAY:
        raise BadRule
    edited = msgspec.structs.replace(order, money=money, rule=rule, step_up=step_up)
    no = rule.from_(order.next_no, calendar.statutory_date(at))
    changed = advanced(edited, no, State.ACTIVE, at)
    await write(db, changed)
    await tell(db, changed, actor=actor, at=at)
    return changed


def advanced(order: Order, no: int | None, state: State, at: datetime) -> Order:
    """Let payment `no` be the next one, in `state`; an order of which nothing is left has ended."""
    due_at = None if no is None else order.rule.due_at(no, calendar.current(calendar.statutory_date(at)))
    if due_at is None and state is State.ACTIVE:
        state = State.ENDED
    return msgspec.structs.replace(
        order,
        state=state,
        next_no=order.next_no if no is None else no,
        tries=0,
        due_at=due_at if state is State.ACTIVE else None,
        version=order.version + 1,
    )


async def write(db: AsyncConnection, order: Order) -> None:
    """Store an order as its payer changed it."""
    await db.execute(_WRITE, row(order))


async def tell(db: AsyncConnection, order: Order, *, actor: str, at: datetime) -> None:
    """Tell the payer where the order stands."""
    fact = StandingOrderChanged(
        standing_order=order.id,
        version=order.version,
        state=str(order.state),
        next_on=order.rule.day(order.next_no) if order.state is State.ACTIVE else None,
    )
    await _append(db, order, fact, actor=actor, at=at)


async def _append(db: AsyncConnection, order: Order, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=order.id, holder=order.holder, at=at, actor=actor, event=event)
    await journal.append(db, house_tables.event, fact)


def row(order: Order) -> dict[str, object]:
    """Write an order as its row."""
    fields = msgspec.structs.asdict(order)
    money, rule = fields.pop("money"), fields.pop("rule")
    fields |= {"amount": money.minor, "currency": str(money.currency), "state": str(order.state)}
    return fields | msgspec.structs.asdict(rule)


def read(row_: Row[Any]) -> Order:
    """Read an order from its row."""
    known = row_._mapping  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping
    ruled = {name: known[name] for name in Rule.__struct_fields__ if name not in {"frequency", "days_off"}}
    rule = Rule(frequency=Frequency(known["frequency"]), days_off=DaysOff(known["days_off"]), **ruled)
    named = {"money", "rule", "state"}
    fields = {name: known[name] for name in Order.__struct_fields__ if name not in named}
    money = Money(known["amount"], Currency.of(known["currency"]))
    return Order(**fields, money=money, rule=rule, state=State(known["state"]))


_COUNT = text("SELECT count(*) FROM app.standing_order WHERE holder = :holder AND state IN ('active', 'paused')")
_MAKE = text(
    """
    INSERT INTO app.standing_order (id, holder, account, lane, payee, payee_lane, amount, currency, frequency, every,
        first_on, days_off, until_on, payments_max, state, next_no, tries, due_at, version, step_up, made_at)
    VALUES (:id, :holder, :account, :lane, :payee, :payee_lane, :amount, :currency, :frequency, :every, :first_on,
        :days_off, :until_on, :payments_max, :state, :next_no, :tries, :due_at, :version, :step_up, :made_at)
    """
)
_WRITE = text(
    """
    UPDATE app.standing_order SET amount = :amount, days_off = :days_off, until_on = :until_on,
        payments_max = :payments_max, state = :state, next_no = :next_no, tries = :tries, due_at = :due_at,
        version = :version, step_up = :step_up
    WHERE id = :id
    """
)
_FIND = text("SELECT * FROM app.standing_order WHERE id = :id AND holder = :holder")
_LOCK = text("SELECT * FROM app.standing_order WHERE id = :id AND holder = :holder FOR UPDATE")
_PAGE = text(
    """
    SELECT * FROM app.standing_order WHERE holder = :holder AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_PAYMENTS = text(
    """
    SELECT no, planned_on, outcome, reason, transfer, at FROM app.standing_payment
    WHERE standing_order = :id ORDER BY no DESC LIMIT :limit
    """
)
_SKIP = text(
    """
    INSERT INTO app.standing_payment (standing_order, no, holder, planned_on, outcome, at)
    VALUES (:order, :no, :holder, :planned_on, 'skipped', :at)
    """
)
