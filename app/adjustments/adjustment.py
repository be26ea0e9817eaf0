"""A correction of a wallet: proposed by one officer, done by the word of another, once, as a transfer like any other.

proposes   POST /v1/officer/adjustments                  propose()     <- you are here
decides    POST /v1/officer/adjustments/{id}/decision    app/adjustments/deciding.py
"""

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adjustments import reason
from app.adjustments.events import AdjustmentProposed
from app.adjustments.reason import Incompatible, Kind, Reason, Why
from app.limiting import tables
from app.tables import event
from law import calendar
from law.money import Currency, Money
from proof import journal
from wallet import account, crossing, period
from wallet.account import Balance, Purpose
from wallet.transfer import MOVES
from wallet.transfer import Kind as Moved


class State(enum.StrEnum):
    """Where a correction stands."""

    PROPOSED = "proposed"
    DROPPED = "dropped"
    EXECUTED = "executed"


class UnknownAdjustment(Exception):
    """There is no such correction."""


class Decided(Exception):
    """The correction is decided already."""


class SameOfficer(Exception):
    """Who proposes a correction and who decides it are two people."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A correction. `note` is sealed; `transfer` is the one that was made, `reverses` the one that is moved back."""

    id: UUID
    holder: UUID
    lane: int
    wallet: UUID
    kind: Kind
    reason: Reason
    purpose: Purpose | None
    label: str | None
    minor: int
    currency: Currency
    reverses: UUID | None
    effective: datetime | None
    evidence: str
    note: bytes | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    state: State = State.PROPOSED
    transfer: UUID | None = None

    @property
    def money(self) -> Money:
        """How much is corrected."""
        return Money(self.minor, self.currency)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer asks for: of a reversal the transfer and perhaps a part of it, else an account and an amount."""

    kind: Kind
    reason: Reason
    evidence: str
    money: Money | None = None
    purpose: Purpose | None = None
    label: str = ""
    reverses: UUID | None = None
    effective_on: date | None = None


_DECIDED = {"decided_by", "decided_at", "transfer"}  # said by who decides
_COLUMNS = [tables.adjustment.c[name] for name in Adjustment.__struct_fields__]


async def propose(
    db: AsyncConnection, holder: UUID, wanted: Wanted, *, adjustment: UUID, note: bytes | None, actor: str, at: datetime
) -> Adjustment:
    """Propose a correction of somebody's wallet; raises wallet.account.NoWallet, Incompatible."""
    reason.check(wanted.reason, wanted.kind, wanted.purpose, wanted.label)
    mine = await account.wallet(db, holder)
    reversal = wanted.kind is Kind.REVERSAL
    money = await _reversed(db, mine, wanted) if reversal else _moved(wanted)
    made = Adjustment(
        id=adjustment,
        holder=holder,
        lane=mine.lane,
        wallet=mine.account,
        kind=wanted.kind,
        reason=wanted.reason,
        purpose=wanted.purpose,
        label=None if reversal else wanted.label,
        minor=money.minor,
        currency=money.currency,
        reverses=wanted.reverses,
        effective=await _effective(db, wanted, at),
        evidence=wanted.evidence,
        note=note,
        proposed_by=actor,
        proposed_at=at,
    )
    undecided = {name: value for name, value in msgspec.structs.asdict(made).items() if name not in _DECIDED}
    await db.execute(insert(tables.adjustment).values(undecided | {"currency": str(money.currency)}))
    told = AdjustmentProposed(kind=made.kind, reason=made.reason, amount_minor=made.minor)
    await journal.append(db, event, journal.Fact(aggregate=made.id, at=at, actor=actor, event=told))
    return made


def _moved(wanted: Wanted) -> Money:
    if wanted.money is None or wanted.purpose is None or wanted.reverses is not None:
        raise Incompatible(Why.NEEDS_AMOUNT)
    return wanted.money


async def _reversed(db: AsyncConnection, mine: Balance, wanted: Wanted) -> Money:
    if wanted.reverses is None or wanted.purpose is not None:
        raise Incompatible(Why.NEEDS_TRANSFER)
    await db.execute(_LOCK, {"transfer": str(wanted.reverses)})
    asked = {"transfer": wanted.reverses, "wallet": mine.account, "lane": mine.lane}
    row = (await db.execute(_TRANSFER, asked | {"twin": crossing.twin(wanted.reverses)})).one_or_none()
    if row is None:
        raise Incompatible(Why.NOT_THEIRS)
    if Moved(row.kind) not in MOVES - {Moved.REVERSAL}:
        raise Incompatible(Why.REVERSAL_OF_REVERSAL)
    if row.owned or row.grouped:
        raise Incompatible(Why.OWNED)
    if row.proposed:
        raise Incompatible(Why.PROPOSED_ALREADY)
    return wanted.money or Money(row.amount, Currency.of(row.currency))


async def _effective(db: AsyncConnection, wanted: Wanted, at: datetime) -> datetime | None:
    """Give the value date as an instant; today's is that of the recording."""
    today = calendar.statutory_date(at)
    if wanted.effective_on is None or wanted.effective_on == today:
        return None
    if wanted.kind is Kind.REVERSAL:
        raise Incompatible(Why.NO_VALUE_DATE)
    if wanted.effective_on > today:
        raise Incompatible(Why.FUTURE)
    effective, closed = calendar.day_starts(wanted.effective_on), await period.closed_until(db)
    if closed is not None and effective < closed:
        raise Incompatible(Why.PERIOD_CLOSED)
    return effective


async def find(db: AsyncConnection, wanted: UUID) -> Adjustment:
    """Load a correction; raises UnknownAdjustment."""
    found = await _found(db, tables.adjustment.c.id == wanted, limit=1)
    if not found:
        raise UnknownAdjustment
    return found[0]


async def page(
    db: AsyncConnection, *, state: State | None, holder: UUID | None, before: UUID | None, limit: int
) -> list[Adjustment]:
    """List corrections, the newest first: of one state, of one person, or all."""
    column = tables.adjustment.c
    wanted: ColumnElement[bool] = column.id.is_not(None)
    if state is not None:
        wanted &= column.state == state
    if holder is not None:
        wanted &= column.holder == holder
    if before is not None:
        wanted &= column.id < before
    return await _found(db, wanted, limit=limit)


async def _found(db: AsyncConnection, wanted: ColumnElement[bool], *, limit: int) -> list[Adjustment]:
    query = select(*_COLUMNS).where(wanted).order_by(tables.adjustment.c.id.desc()).limit(limit)
    return [msgspec.convert(row, Adjustment, from_attributes=True) for row in await db.execute(query)]


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.adjustment:' || :transfer, 0))")
# What a bank, a card network or a placement still answers for goes back by their own word; and of moves that happened
# together, but for the two of a crossing, none goes back alone.
_TRANSFER = text(
    """
    SELECT transfer.kind, transfer.amount, transfer.currency,
           EXISTS (SELECT FROM app.adjustment WHERE reverses = transfer.id AND state <> 'dropped') AS proposed,
           transfer.code LIKE 'payment.%' OR transfer.reference LIKE 'card_payment:%'
           OR EXISTS (SELECT FROM app.bank_order WHERE id IN (named.id, transfer.of))
           OR EXISTS (SELECT FROM invest.placement WHERE id IN (named.id, transfer.of)) AS owned,
           EXISTS (
               SELECT FROM wallet.lane
               JOIN wallet.transfer AS other ON other.lane = lane.lane AND other.linked = transfer.linked
               WHERE other.id NOT IN (transfer.id, :twin)
           ) AS grouped
    FROM wallet.account JOIN wallet.transfer ON transfer.lane = account.lane AND transfer.id = :transfer
    CROSS JOIN LATERAL (
        SELECT CASE WHEN transfer.reference ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    THEN CAST(transfer.reference AS uuid) END AS id
    ) AS named
    WHERE account.lane = :lane AND account.id = :wallet AND :wallet IN (transfer.debit, transfer.credit)
    """
)
