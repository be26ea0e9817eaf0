"""What happened on one account, newest first, with the running balance of each row."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import Currency, Money
from wallet.transfer import MOVES, AccountId, Kind

# Each leg is found by (lane, account, version), so a page costs the same however long the history is. A hold's row
# moves nothing; `held` says by how much it binds or frees.
_PAGE = text(
    """
    SELECT * FROM (
        SELECT id, seq, kind, amount, held, currency, debit_version AS version, debit_posted AS posted,
               debit_hold_out AS hold_out, at, effective, code, reference, of, true AS is_debit
        FROM (SELECT * FROM wallet.transfer WHERE lane = :lane AND debit = :account AND debit_version < :before
              ORDER BY debit_version DESC LIMIT :size) AS paid
        UNION ALL
        SELECT id, seq, kind, amount, held, currency, credit_version, credit_posted, 0, at, effective, code, reference,
               of, false
        FROM (SELECT * FROM wallet.transfer WHERE lane = :lane AND credit = :account AND credit_version < :before
              ORDER BY credit_version DESC LIMIT :size) AS received
    ) AS leg ORDER BY version DESC LIMIT :size
    """
)

BIGINT_MAX = 2**63 - 1


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One leg: `moved` is signed (out is negative, zero for holds), `balance` the posted balance after it."""

    id: UUID
    seq: int
    version: int
    kind: Kind
    moved: Money
    held: Money
    balance: Money
    at: datetime
    effective: datetime
    code: str
    reference: str
    of: UUID | None


async def page(
    db: AsyncConnection, *, account: AccountId, lane: int, before: int = BIGINT_MAX, size: int
) -> list[Entry]:
    """Read up to `size` entries with a version below `before`, newest first."""
    rows = await db.execute(_PAGE, {"account": account, "lane": lane, "before": before, "size": size})
    return [_entry(row) for row in rows]


def _entry(row: object) -> Entry:
    leg = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping
    currency = Currency.of(leg["currency"])
    kind = Kind(leg["kind"])
    amount = leg["amount"] if kind in MOVES else 0
    return Entry(
        id=leg["id"],
        seq=leg["seq"],
        version=leg["version"],
        kind=kind,
        moved=Money(-amount if leg["is_debit"] else amount, currency),
        held=Money(leg["held"], currency),
        balance=Money(leg["posted"], currency),
        at=leg["at"],
        effective=leg["effective"],
        code=leg["code"],
        reference=leg["reference"],
        of=leg["of"],
    )


# The two sides of a transfer are never one account, so there is one row or none.
_FIND = text(
    """
    SELECT id, seq, kind, amount, held, currency, at, effective, code, reference, of, debit = :account AS is_debit,
           CASE WHEN debit = :account THEN debit_version ELSE credit_version END AS version,
           CASE WHEN debit = :account THEN debit_posted ELSE credit_posted END AS posted
    FROM wallet.transfer WHERE lane = :lane AND id = :transfer AND :account IN (debit, credit)
    """
)


async def find(db: AsyncConnection, *, account: AccountId, lane: int, transfer: UUID) -> Entry | None:
    """Read `transfer` as `account` sees it; None where it is not one of its own."""
    row = (await db.execute(_FIND, {"lane": lane, "transfer": transfer, "account": account})).one_or_none()
    return None if row is None else _entry(row)
