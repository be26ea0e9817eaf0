"""A payment on its way to a resident: its stages, when it was promised, and when it will be there by what is known now.

announced  app/partners/payments.py   announced()    the payer's bank has it
received   app/partners/payments.py   received()     our bank has it; screened, then credited or suspended
resolved   app/banking/suspense.py    resolve()      two officers say whose it is, or that it goes back
shown      app/banking/incoming.py    expected()     <- you are here

A promise is made once and kept as it was made, so that promised and actual can be compared. What is shown corrects
itself: a payment that is late is promised anew from now, and says so.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.banking import tables
from app.banking.order import Act
from law import rails
from law.money import Currency, Money
from law.rails import Rail, Why, Window

Stage = Literal["announced", "received", "screened", "credited", "suspended", "returning", "returned"]


class UnknownIncoming(Exception):
    """There is no such payment, or it is somebody else's, which looks the same."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as it stands. `payment_id` is the bank's, `reason` why it was suspended, `lane` where it is booked.

    Until it is received its figures are those of the announcement, then those of what arrived, which the ledger moved.
    """

    id: UUID
    partner: UUID
    payment_id: str
    amount_minor: int
    currency: Currency
    rail: Rail
    stage: Stage
    promised_from: datetime
    promised_by: datetime
    announced_at: datetime
    version: int
    message: UUID | None = None
    holder: UUID | None = None
    topup: UUID | None = None
    lane: int | None = None
    reason: str | None = None
    received_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def amount(self) -> Money:
        """What comes."""
        return Money(self.amount_minor, self.currency)

    @property
    def strayed(self) -> bool:
        """Whether it is our own payment that came back for nobody: no payer of a bank's sent it."""
        return self.payment_id.startswith(_STRAY)


class Step(msgspec.Struct, frozen=True):
    """One stage a payment came to, when and, in a word, why."""

    stage: Stage
    at: datetime
    why: str | None


def promised(partner: UUID, payment_id: str, money: Money, rail: Rail, *, sent_at: datetime, at: datetime) -> Incoming:
    """Begin with a payment that was handed in at `sent_at`: what can be promised by its rail."""
    window = rails.window(rail, sent_at)
    return Incoming(
        id=ids.new(),
        partner=partner,
        payment_id=payment_id,
        amount_minor=money.minor,
        currency=money.currency,
        rail=rail,
        stage="announced",
        promised_from=window.earliest,
        promised_by=window.by,
        announced_at=at,
        version=0,
    )


def stray(partner: UUID, order: str, money: Money, rail: Rail, *, lane: int, reason: str, at: datetime) -> Incoming:
    """Begin with money of our `order` that came back for nobody. It is named as no bank can name a payment."""
    came = promised(partner, f"{_STRAY}{order}", money, rail, sent_at=at, at=at)
    return msgspec.structs.replace(came, stage="suspended", reason=reason, received_at=at, lane=lane)


def expected(found: Incoming, now: datetime) -> Window | None:
    """Say when the money will be there as of `now`; None where it is there, or nobody knows whose it is."""
    if found.stage != "announced":
        return None
    if now <= found.promised_by:
        why = rails.window(found.rail, found.announced_at).why
        return Window(rail=found.rail, earliest=found.promised_from, by=found.promised_by, why=why)
    return msgspec.structs.replace(rails.window(found.rail, now), why=Why.LATE)


async def find(db: AsyncConnection, wanted: UUID) -> Incoming:
    """Load a payment the story sees; raises UnknownIncoming."""
    found = await _found(db, tables.incoming.c.id == wanted, limit=1)
    if not found:
        raise UnknownIncoming
    return found[0]


async def page(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Incoming]:
    """List payments to `holder`, newest first, older than `before`."""
    columns = tables.incoming.c
    mine = columns.holder == holder
    return await _found(db, mine if before is None else mine & (columns.id < before), limit=limit)


async def of_topup(db: AsyncConnection, topup: UUID) -> list[Incoming]:
    """List what came in for a top-up, newest first."""
    return await _found(db, tables.incoming.c.topup == topup, limit=100)


async def steps(db: AsyncConnection, wanted: UUID) -> list[Step]:
    """List the stages of a payment that the story sees, the first one first."""
    columns = tables.incoming_stage.c
    query = select(columns.stage, columns.at, columns.why).where(columns.incoming == wanted).order_by(columns.version)
    return [Step(*row) for row in await db.execute(query)]


async def lock(db: AsyncConnection, payments: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Incoming]:
    """Load and lock payments by bank and the bank's id; those nobody announced are absent."""
    wanted, columns = sorted(set(payments)), tables.incoming.c
    query = select(tables.incoming).where(tuple_(columns.partner, columns.payment_id).in_(wanted))
    rows = (await db.execute(query.order_by(columns.id).with_for_update())).mappings()
    return {(row["partner"], row["payment_id"]): _incoming(dict(row)) for row in rows}


async def lock_one(db: AsyncConnection, wanted: UUID) -> Incoming | None:
    """Load and lock a payment."""
    query = select(tables.incoming).where(tables.incoming.c.id == wanted).with_for_update()
    row = (await db.execute(query)).mappings().one_or_none()
    return None if row is None else _incoming(dict(row))


async def write(db: AsyncConnection, changed: Sequence[tuple[Incoming, Sequence[Step]]]) -> None:
    """Store payments as they stand now, with the stages they came to since `version`."""
    if not changed:
        return
    rows, stages = [], []
    for found, reached in changed:
        for nth, step in enumerate(reached, start=1):
            row = {"incoming": found.id, "version": found.version + nth, "holder": found.holder}
            stages.append(row | {"stage": step.stage, "why": step.why, "at": step.at})
        now = msgspec.structs.replace(found, version=found.version + len(reached))
        rows.append(msgspec.to_builtins(now))
    await db.execute(_WRITE, {"rows": msgspec.json.encode(rows).decode()})
    await db.execute(tables.incoming_stage.insert(), stages)


async def refunded(db: AsyncConnection, wanted: UUID, act: Act, *, at: datetime, reason: str | None) -> None:
    """Follow the order that sends a payment back: it is gone, or waits for an officer again."""
    found = await lock_one(db, wanted)
    assert found is not None, "orders name payments there are"
    if act is Act.FINISH:
        gone = msgspec.structs.replace(found, stage="returned", ended_at=at)
        await write(db, [(gone, [Step("returned", at, found.reason)])])
        return
    why = reason or "not_said"
    waits = msgspec.structs.replace(found, stage="suspended", reason=f"return_{why}"[:64], ended_at=None)
    await write(db, [(waits, [Step("suspended", at, waits.reason)])])


async def _found(db: AsyncConnection, wanted: ColumnElement[bool], *, limit: int) -> list[Incoming]:
    query = select(tables.incoming).where(wanted).order_by(tables.incoming.c.id.desc()).limit(limit)
    return [_incoming(dict(row)) for row in (await db.execute(query)).mappings()]


def _incoming(row: dict[str, object]) -> Incoming:
    return msgspec.convert({name: row[name] for name in Incoming.__struct_fields__}, Incoming, strict=False)


_STRAY = "~"
_WRITE = text(
    """
    INSERT INTO app.incoming AS known (
        id, partner, payment_id, message, holder, topup, amount_minor, currency, rail, lane, stage, reason,
        promised_from, promised_by, announced_at, received_at, ended_at, version
    )
    SELECT id, partner, payment_id, message, holder, topup, amount_minor, currency, rail, lane, stage, reason,
           promised_from, promised_by, announced_at, received_at, ended_at, version
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (
        id uuid, partner uuid, payment_id text, message uuid, holder uuid, topup uuid, amount_minor bigint,
        currency text, rail text, lane integer, stage text, reason text, promised_from timestamptz,
        promised_by timestamptz, announced_at timestamptz, received_at timestamptz, ended_at timestamptz,
        version integer
    )
    ON CONFLICT (id) DO UPDATE SET
        message = EXCLUDED.message, holder = EXCLUDED.holder, topup = EXCLUDED.topup, lane = EXCLUDED.lane,
        amount_minor = EXCLUDED.amount_minor, currency = EXCLUDED.currency, rail = EXCLUDED.rail,
        stage = EXCLUDED.stage, reason = EXCLUDED.reason, received_at = EXCLUDED.received_at,
        ended_at = EXCLUDED.ended_at, version = EXCLUDED.version
    """
)
