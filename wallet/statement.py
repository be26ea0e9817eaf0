"""Statements: what an account had when a period began, everything that moved, and what it had when the period ended.

asks     POST /v1/wallets/me/statements    app/statements/issue.py
decides  wallet/statement.py               open_(), seal()   <- you are here
shows    app/statements/document.py        JSON, CSV, PDF, camt.053

A statement is by the day a row was booked, so nothing is ever added to one whose days are over: the closing of one is
the opening of the next. The record names the legs by their versions; the log is immutable, so its rows are the same
whenever they are read. The hash is the root of a Merkle tree (RFC 6962) over the head and the rows.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from law.calendar import statutory_date
from law.money import Currency, Money
from proof import chain, journal, merkle
from wallet import asof, tables
from wallet.events import StatementIssued
from wallet.transfer import MOVES, AccountId

#: What the first leaf says, so that a hash of these fields is never one of others.
FORMAT = "eresidency-statement/1"
#: Up to so many legs the rows are read while the caller waits; beyond, the worker does it.
INLINE_MAX = 2_000
DAYS_MAX = 366
#: Nothing here is older.
FIRST_DAY = date(2020, 1, 1)
CHUNK = 2_000
_CODE = re.compile(r"[0-9a-f]{32}")
_DAY = timedelta(days=1)


class Period(msgspec.Struct, frozen=True):
    """Days in Kazakhstan, both included. Today is told as far as it has come, and says so (`final` is false)."""

    begins_on: date
    ends_on: date


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what moved (out is negative) and the balance after it. `version` is the leg's number on the account."""

    version: int
    id: UUID
    at: datetime
    effective: datetime
    kind: str
    code: str
    reference: str
    moved: Money
    balance: Money


class Summed(msgspec.Struct, frozen=True):
    """What the rows come to, once they were read: `root` is the statement's hash."""

    entries: int
    credits: Money
    debits: Money
    root: bytes


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that was issued. `code` finds it in public; `letterhead` is sealed: whose it is, as of then.

    `summed` is None while the worker reads a long one.
    """

    id: UUID
    holder: UUID
    lane: int
    account: UUID
    code: bytes
    period: Period
    final: bool
    opening_version: int
    closing_version: int
    opening: Money
    closing: Money
    made_at: datetime
    letterhead: bytes
    summed: Summed | None = None

    @property
    def currency(self) -> Currency:
        """The one currency of all its amounts."""
        return self.opening.currency

    @property
    def legs(self) -> int:
        """How many rows there can be at most: holds and releases are legs and no rows."""
        return self.closing_version - self.opening_version


class UnknownStatement(Exception):
    """There is no such statement, or it is somebody else's, which looks the same."""


class BadPeriod(Exception):
    """The days are in the wrong order, in the future, or too many: `days_max`."""

    def __init__(self) -> None:
        super().__init__()
        self.days_max = DAYS_MAX


class DayNotClosed(Exception):
    """The last day is over, but its books are being closed: in a moment."""


async def open_(
    db: AsyncConnection,
    *,
    statement: UUID,
    code: bytes,
    holder: UUID,
    account: AccountId,
    lane: int,
    currency: Currency,
    period: Period,
    letterhead: bytes,
    at: datetime,
) -> Statement:
    """Fix which legs belong to `period` as known at `at`; raises BadPeriod, DayNotClosed."""
    final = await _settled(db, lane, period, statutory_date(at))
    day_before = period.begins_on - _DAY
    before = await asof.at_end(db, account=account, lane=lane, currency=currency, day=day_before)
    after = (
        await asof.at_end(db, account=account, lane=lane, currency=currency, day=period.ends_on)
        if final
        else await asof.as_of(db, account=account, lane=lane, currency=currency, recorded_at=at)
    )
    return Statement(
        id=statement,
        holder=holder,
        lane=lane,
        account=account,
        code=code,
        period=period,
        final=final,
        opening_version=before.version,
        closing_version=max(after.version, before.version),
        opening=before.recorded,
        closing=after.recorded,
        made_at=at,
        letterhead=letterhead,
    )


async def _settled(db: AsyncConnection, lane: int, period: Period, today: date) -> bool:
    """Say whether the last day is over and closed."""
    days = (period.ends_on - period.begins_on).days
    if not 0 <= days < DAYS_MAX or period.ends_on > today or period.begins_on < FIRST_DAY:
        raise BadPeriod
    if period.ends_on == today:
        return False
    closed = await asof.closed_through(db, lane)
    if closed is None or closed < period.ends_on:
        raise DayNotClosed
    return True


async def issue(db: AsyncConnection, made: Statement, *, actor: str) -> Statement:
    """Store a statement: with its hash, or due for the worker where it is long."""
    summed = await sum_up(db, made) if made.legs <= INLINE_MAX else None
    issued = msgspec.structs.replace(made, summed=summed)
    await db.execute(insert(tables.statement).values(_row(issued)))
    event = StatementIssued(
        account=made.account,
        begins_on=made.period.begins_on,
        ends_on=made.period.ends_on,
        final=made.final,
        code_sha256=hashlib.sha256(made.code).hexdigest(),
    )
    fact = journal.Fact(aggregate=made.id, holder=made.holder, at=made.made_at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)
    return issued


async def sum_up(db: AsyncConnection, made: Statement) -> Summed:
    """Read all rows and hash them."""
    hashes, came, went = [merkle.leaf_hash(head(made))], 0, 0
    async for chunk in lines(db, made):
        for line in chunk:
            hashes.append(merkle.leaf_hash(leaf(line)))
            came += max(line.moved.minor, 0)
            went += max(-line.moved.minor, 0)
    currency, entries = made.currency, len(hashes) - 1
    return Summed(entries, Money(came, currency), Money(went, currency), merkle.root_of_hashes(hashes))


async def complete(db: AsyncConnection, made: Statement, summed: Summed) -> None:
    """Store what the rows of a long statement come to."""
    values = {"due_at": None, **_summed(summed)}
    await db.execute(update(tables.statement).where(tables.statement.c.id == made.id).values(values))


def root(made: Statement, rows: Iterable[Line]) -> bytes:
    """Hash a head and rows, as anybody can who has the statement as JSON."""
    return merkle.root([head(made), *(leaf(line) for line in rows)])


def head(made: Statement) -> bytes:
    """Encode what the first leaf vouches for."""
    period = made.period
    return chain.encode(
        FORMAT,
        made.account,
        str(made.currency),
        period.begins_on.isoformat(),
        period.ends_on.isoformat(),
        made.final,
        made.opening.minor,
        made.closing.minor,
    )


def leaf(line: Line) -> bytes:
    """Encode one row."""
    return chain.encode(
        line.version,
        line.id,
        line.at,
        line.effective,
        line.kind,
        line.code,
        line.reference,
        line.moved.minor,
        line.balance.minor,
    )


# The two sides are ranges of the account's own indexes.
_LINES = text(
    """
    SELECT debit_version AS version, id, at, effective, kind, code, reference, -amount AS moved,
           debit_posted AS balance
    FROM wallet.transfer WHERE lane = :lane AND debit = :account AND debit_version > :after AND debit_version <= :last
     AND kind = ANY(:moves)
    UNION ALL
    SELECT credit_version, id, at, effective, kind, code, reference, amount, credit_posted
    FROM wallet.transfer WHERE lane = :lane AND credit = :account AND credit_version > :after
     AND credit_version <= :last AND kind = ANY(:moves)
    ORDER BY version
    """
)


async def lines(db: AsyncConnection, made: Statement, *, chunk: int = CHUNK) -> AsyncIterator[list[Line]]:
    """Read the rows in order, a bounded number at a time."""
    after, currency = made.opening_version, made.currency
    while after < made.closing_version:
        last = min(after + chunk, made.closing_version)
        span = {"lane": made.lane, "account": made.account, "after": after, "last": last, "moves": sorted(MOVES)}
        yield [_line(row, currency) for row in await db.execute(_LINES, span)]
        after = last


def _line(row: Row[tuple[object, ...]], currency: Currency) -> Line:
    fields = row._asdict()
    return Line(**fields | {"moved": Money(row.moved, currency), "balance": Money(row.balance, currency)})


async def find(db: AsyncConnection, statement: UUID) -> Statement:
    """Load a statement that the story may see; raises UnknownStatement."""
    row = (await db.execute(select(tables.statement).where(tables.statement.c.id == statement))).one_or_none()
    if row is None:
        raise UnknownStatement
    return _statement(row)


async def of_holder(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Statement]:
    """List somebody's statements, the newest first."""
    column = tables.statement.c
    mine = select(tables.statement).where(column.holder == holder).order_by(column.id.desc()).limit(limit)
    rows = await db.execute(mine if before is None else mine.where(column.id < before))
    return [_statement(row) for row in rows]


_DUE = text("SELECT id FROM wallet.statement WHERE due_at <= :now ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED")


async def due(db: AsyncConnection, now: datetime) -> Statement | None:
    """Take one statement whose rows were not read yet."""
    found: UUID | None = await db.scalar(_DUE, {"now": now})
    return None if found is None else await find(db, found)


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody is told who has a statement's code: what the paper says, and nothing of whose it is."""

    period: Period
    final: bool
    opening: Money
    closing: Money
    made_at: datetime
    summed: Summed


def read_code(shown: str) -> bytes:
    """Read a code as it is written outside: 32 digits of base 16; raises UnknownStatement."""
    if not _CODE.fullmatch(shown):
        raise UnknownStatement
    return bytes.fromhex(shown)


_ISSUED = text("SELECT * FROM wallet.issued_statement(:code)")


async def issued(db: AsyncConnection, code: bytes) -> Issued:
    """Find a statement by its code; raises UnknownStatement."""
    row = (await db.execute(_ISSUED, {"code": code})).one_or_none()
    if row is None:
        raise UnknownStatement
    currency = Currency.of(row.currency)
    return Issued(
        period=Period(row.begins_on, row.ends_on),
        final=row.final,
        opening=Money(row.opening, currency),
        closing=Money(row.closing, currency),
        made_at=row.made_at,
        summed=Summed(row.entries, Money(row.credits, currency), Money(row.debits, currency), bytes(row.root)),
    )


def _row(made: Statement) -> dict[str, object]:
    return {
        "id": made.id,
        "holder": made.holder,
        "lane": made.lane,
        "account": made.account,
        "currency": str(made.currency),
        "code": made.code,
        "begins_on": made.period.begins_on,
        "ends_on": made.period.ends_on,
        "final": made.final,
        "opening_version": made.opening_version,
        "closing_version": made.closing_version,
        "opening": made.opening.minor,
        "closing": made.closing.minor,
        "made_at": made.made_at,
        "letterhead": made.letterhead,
        "due_at": None if made.summed else made.made_at,
        **(_summed(made.summed) if made.summed else {}),
    }


def _summed(summed: Summed) -> dict[str, object]:
    amounts = {"credits": summed.credits.minor, "debits": summed.debits.minor}
    return {"entries": summed.entries, "root": summed.root, **amounts}


def _statement(row: Row[tuple[object, ...]]) -> Statement:
    found, currency = row._asdict(), Currency.of(row.currency)
    summed = (
        Summed(row.entries, Money(row.credits, currency), Money(row.debits, currency), bytes(row.root))
        if row.root is not None
        else None
    )
    kept = ("id", "holder", "lane", "account", "final", "opening_version", "closing_version", "made_at")
    return Statement(
        **{name: found[name] for name in kept},
        code=bytes(row.code),
        period=Period(row.begins_on, row.ends_on),
        opening=Money(row.opening, currency),
        closing=Money(row.closing, currency),
        letterhead=bytes(row.letterhead),
        summed=summed,
    )
