"""Whatever a bank is asked to do for a resident, and every step on the way as a row.

requests   app/banking/requesting.py   request()      sets the money aside and writes the order, in one batch
asks bank  app/banking/asking.py       step()         the worker, under the order's own key until the bank answers
hears      app/banking/hearing.py      heard()        the same words by webhook and when asked
concludes  app/banking/concluding.py   conclude()     moves the money and the state, in one batch
records    app/banking/order.py        record()       <- you are here

requested  the money is set aside            -> sent: the bank is being asked | rejected: it can't be asked
sent       the bank is asked or at work      -> done | rejected | unknown: it did not answer
unknown    it may have done it or not        -> sent: it was found there | done | rejected
done       the bank did it, the money moved  -> returned: the money came back
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import tables as app_tables
from app.banking import events, tables
from app.http import ids as public_ids
from law.money import Currency, Money
from law.rails import Rail
from proof import journal
from wallet.limit import Operation


class Kind(enum.StrEnum):
    """What the bank is asked for."""

    ACCOUNT = "account"
    NAME_CHECK = "name_check"
    PAYOUT = "payout"
    TO_ACCOUNT = "to_account"
    FROM_ACCOUNT = "from_account"
    EXCHANGE = "exchange"
    REFUND = "refund"


#: How orders of a kind are named outside, towards residents and banks.
PREFIX = {
    Kind.ACCOUNT: "bank_account",
    Kind.NAME_CHECK: "name_check",
    Kind.PAYOUT: "payout",
    Kind.TO_ACCOUNT: "bank_transfer",
    Kind.FROM_ACCOUNT: "bank_transfer",
    Kind.EXCHANGE: "exchange",
    Kind.REFUND: "refund",
}
#: Kinds that move no money.
ERRANDS = frozenset({Kind.ACCOUNT, Kind.NAME_CHECK})
#: Kinds that move an account of a resident at the bank, one or both sides.
MOVES_ACCOUNTS = frozenset({Kind.TO_ACCOUNT, Kind.FROM_ACCOUNT, Kind.EXCHANGE})
#: Kinds whose money may come back after the bank sent it on.
RETURNABLE = frozenset({Kind.PAYOUT, Kind.REFUND})


class State(enum.StrEnum):
    """Where an order is."""

    REQUESTED = "requested"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"
    RETURNED = "returned"


class Act(enum.StrEnum):
    """What can happen to it."""

    SEND = "send"
    LOSE = "lose"
    FIND = "find"
    FINISH = "finish"
    REJECT = "reject"
    RETURN = "return"


LIFE = {
    (State.REQUESTED, Act.SEND): State.SENT,
    (State.REQUESTED, Act.REJECT): State.REJECTED,
    (State.SENT, Act.LOSE): State.UNKNOWN,
    (State.SENT, Act.FINISH): State.DONE,
    (State.SENT, Act.REJECT): State.REJECTED,
    (State.UNKNOWN, Act.FIND): State.SENT,
    (State.UNKNOWN, Act.FINISH): State.DONE,
    (State.UNKNOWN, Act.REJECT): State.REJECTED,
    (State.DONE, Act.RETURN): State.RETURNED,
}
#: The bank may be at work on it: what it has done is not known here.
UNDER_WAY = frozenset({State.SENT, State.UNKNOWN})
ENDED = frozenset({State.DONE, State.REJECTED, State.RETURNED})


class WrongState(Exception):
    """The order's state knows no such act (yet)."""

    def __init__(self, act: Act, state: State) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


class UnknownOrder(Exception):
    """There is no such order, or it is somebody else's, which looks the same."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it stands. The money set aside is held under the order's own id.

    `about` is a beneficiary, an account at the bank or a payment that came in, by kind; `source` and `target` are
    accounts of the ledger, `operation` is how it counts against limits. `reason` is the bank's for refusing or sending
    back, `trouble` what the last attempt ran into.
    """

    id: UUID
    kind: Kind
    holder: UUID | None
    partner: UUID
    about: UUID
    lane: int
    amount_minor: int
    currency: Currency
    requested_at: datetime
    quote: UUID | None = None
    source: UUID | None = None
    target: UUID | None = None
    fee_minor: int = 0
    gets_minor: int | None = None
    gets_currency: Currency | None = None
    operation: Operation | None = None
    rail: Rail | None = None
    promised_from: datetime | None = None
    promised_by: datetime | None = None
    ended_at: datetime | None = None
    state: State = State.REQUESTED
    version: int = 1
    bank_reference: str | None = None
    reason: str | None = None
    trouble: str | None = None
    attempts: int = 0

    @property
    def money(self) -> Money:
        """What the bank moves."""
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        """What we keep for it."""
        return Money(self.fee_minor, self.currency)

    @property
    def gets(self) -> Money | None:
        """What an exchange brings."""
        return (
            None
            if self.gets_minor is None or self.gets_currency is None
            else Money(self.gets_minor, self.gets_currency)
        )

    @property
    def key(self) -> str:
        """How the bank knows it: the idempotency key of every request about it."""
        return show(self.kind, self.id)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One act on an order as it was loaded and locked. `due_at` (real clock) is when to try the next step."""

    order: Order
    act: Act
    at: datetime
    actor: str
    due_at: datetime | None = None
    bank_reference: str | None = None
    reason: str | None = None
    trouble: str | None = None


def show(kind: Kind, order: UUID) -> str:
    """Name an order of this kind outside."""
    return public_ids.show(PREFIX[kind], order)


def after(state: State, act: Act) -> State:
    """Answer where `act` leads from `state`; raises WrongState."""
    found = LIFE.get((state, act))
    if found is None:
        raise WrongState(act, state)
    return found


def read_key(key: str) -> UUID:
    """Read a key back, of whatever kind; raises app.http.ids.UnknownId."""
    prefix = key.rpartition("_")[0]
    return public_ids.parse(prefix if prefix in PREFIX.values() else "payout", key)


async def find(db: AsyncConnection, order: UUID, *kinds: Kind) -> Order:
    """Load an order of these kinds, of whom the story speaks for; raises UnknownOrder."""
    columns = tables.bank_order.c
    found = await _orders(db, (columns.id == order) & columns.kind.in_([kind.value for kind in kinds]), limit=1)
    if not found:
        raise UnknownOrder
    return found[0]


async def page(db: AsyncConnection, holder: UUID, *kinds: Kind, before: UUID | None, limit: int) -> list[Order]:
    """List orders of `holder`, newest first, older than `before`."""
    columns = tables.bank_order.c
    mine = (columns.holder == holder) & columns.kind.in_([kind.value for kind in kinds])
    return await _orders(db, mine if before is None else mine & (columns.id < before), limit=limit)


async def lock(db: AsyncConnection, orders: Iterable[UUID]) -> dict[UUID, Order]:
    """Load and lock `orders` in the order of their ids; those that don't exist are absent."""
    columns = tables.bank_order.c
    query = select(tables.bank_order).where(columns.id.in_(sorted(orders))).order_by(columns.id).with_for_update()
    return {row["id"]: _order(dict(row)) for row in (await db.execute(query)).mappings()}


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Order]:
    """Take orders whose step is due at `now` (real clock) and keep other workers off them `until` then."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [_order(row._asdict()) for row in rows]


async def postpone(db: AsyncConnection, order: Order, *, due_at: datetime, trouble: str) -> None:
    """Try the step again at `due_at` (real clock), unless the order moved on meanwhile; `trouble` stays visible."""
    given = {"id": order.id, "version": order.version, "due_at": due_at, "trouble": trouble[:200]}
    await db.execute(_POSTPONE, given)


async def insert(db: AsyncConnection, orders: Sequence[Order], *, actor: str, due_at: datetime) -> None:
    """Write new orders with their first step and event, set-wise; `due_at` (real clock) is when the bank is asked."""
    if not orders:
        return
    await db.execute(
        tables.bank_order.insert(),
        [{name: getattr(new, name) for name in Order.__struct_fields__} | {"due_at": due_at} for new in orders],
    )
    await db.execute(
        tables.bank_order_step.insert(), [_step(new, "request", actor, new.requested_at) for new in orders]
    )
    facts = [
        _fact(new, events.OrderRequested(new.id, new.kind, new.partner, *_amount(new)), actor, new.requested_at)
        for new in orders
    ]
    await journal.append(db, app_tables.event, *facts)


async def record(db: AsyncConnection, changes: Sequence[Change]) -> list[Order]:
    """Write the acts, set-wise: steps, the running end of each, events. Raises WrongState, then nothing is.

    The orders were locked by this transaction, and each is named once.
    """
    if not changes:
        return []
    moved = [_moved(change) for change in changes]
    pairs = list(zip(changes, moved, strict=True))
    rows = [{name: getattr(now, name) for name in _RUNNING} | {"due_at": change.due_at} for change, now in pairs]
    written = await db.execute(_RECORD, {"rows": msgspec.json.encode(rows).decode()})
    assert written.scalar_one() == len(changes), "a locked order moved on"
    steps = [_step(now, change.act, change.actor, change.at) for change, now in pairs]
    await db.execute(tables.bank_order_step.insert(), steps)
    await journal.append(
        db, app_tables.event, *(_fact(now, _EVENTS[change.act](now), change.actor, change.at) for change, now in pairs)
    )
    return moved


async def steps(db: AsyncConnection, order: UUID) -> list[tuple[State, datetime]]:
    """List the states an order went through, with when."""
    columns = tables.bank_order_step.c
    query = select(columns.state, columns.at).where(columns.order == order).order_by(columns.version)
    return [(State(row.state), row.at) for row in await db.execute(query)]


def _moved(change: Change) -> Order:
    before = change.order
    state = after(before.state, change.act)
    return msgspec.structs.replace(
        before,
        state=state,
        version=before.version + 1,
        bank_reference=change.bank_reference or before.bank_reference,
        reason=change.reason or before.reason,
        trouble=change.trouble,
        ended_at=change.at if state in ENDED else None,
        attempts=0,
    )


def _step(order: Order, act: str, actor: str, at: datetime) -> dict[str, object]:
    held = {"order": order.id, "version": order.version, "holder": order.holder}
    return held | {"act": str(act), "state": order.state.value, "actor": actor, "at": at}


def _amount(order: Order) -> tuple[int, str]:
    return order.amount_minor, order.currency.value


def _fact(order: Order, event: msgspec.Struct, actor: str, at: datetime) -> journal.Fact:
    return journal.Fact(aggregate=order.id, holder=order.holder, at=at, actor=actor, event=event)


_EVENTS: dict[Act, Callable[[Order], msgspec.Struct]] = {
    Act.SEND: lambda it: events.OrderSent(it.id, it.kind, it.partner),
    Act.FIND: lambda it: events.OrderSent(it.id, it.kind, it.partner),
    Act.LOSE: lambda it: events.OrderUnknown(it.id, it.kind, it.partner),
    Act.FINISH: lambda it: events.OrderDone(it.id, it.kind, it.partner, *_amount(it), it.gets_minor, it.gets_currency),
    Act.REJECT: lambda it: events.OrderRejected(it.id, it.kind, it.partner, it.reason or ""),
    Act.RETURN: lambda it: events.OrderReturned(it.id, it.kind, it.partner, *_amount(it), it.reason or ""),
}
_RUNNING = ("id", "state", "version", "bank_reference", "reason", "trouble", "ended_at")


async def _orders(db: AsyncConnection, wanted: ColumnElement[bool], *, limit: int) -> list[Order]:
    query = select(tables.bank_order).where(wanted).order_by(tables.bank_order.c.id.desc()).limit(limit)
    return [_order(dict(row)) for row in (await db.execute(query)).mappings()]


def _order(row: dict[str, object]) -> Order:
    return msgspec.convert({name: row[name] for name in Order.__struct_fields__}, Order, strict=False)


_CLAIM = text(
    """
    UPDATE app.bank_order SET leased_until = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM app.bank_order WHERE due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING *
    """
)
_POSTPONE = text(
    """
    UPDATE app.bank_order SET due_at = :due_at, trouble = :trouble, leased_until = NULL
    WHERE id = :id AND version = :version
    """
)
_RECORD = text(
    """
    WITH moved AS (
        UPDATE app.bank_order SET
            state = change.state, version = change.version, bank_reference = change.bank_reference,
            reason = change.reason, trouble = change.trouble, due_at = change.due_at, ended_at = change.ended_at,
            attempts = 0, leased_until = NULL
        FROM jsonb_to_recordset(CAST(:rows AS jsonb))
             AS change (id uuid, state text, version integer, bank_reference text, reason text, trouble text,
                        due_at timestamptz, ended_at timestamptz)
        WHERE bank_order.id = change.id AND bank_order.version = change.version - 1
        RETURNING bank_order.id
    )
    SELECT count(*) FROM moved
    """
)
