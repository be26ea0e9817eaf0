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
               debit_hold_out AS hold_out, at, effective, code, reference, of, credit AS counter, true AS is_debit
        FROM (SELECT * FROM wallet.transfer WHERE lane = :lane AND debit = :account AND debit_version < :before
              ORDER BY debit_version DESC LIMIT :size) AS paid
        UNION ALL
        SELECT id, seq, kind, amount, held, currency, credit_version, credit_posted, 0, at, effective, code, reference,
               of, debit, false
        FROM (SELECT * FROM wallet.transfer WHERE lane = :lane AND credit = :account AND credit_version < :before
              ORDER BY credit_version DESC LIMIT :size) AS received
    ) AS leg ORDER BY version DESC LIMIT :size
    """
)

# Versions of an account have no gaps, so a window of them is a bounded number of rows of both indexes.
_WINDOW = text(
    """
    SELECT * FROM (
        SELECT id, seq, kind, amount, held, currency, debit_version AS version, debit_posted AS posted, at, effective,
               code, reference, of, credit AS counter, true AS is_debit
        FROM wallet.transfer
        WHERE lane = :lane AND debit = :account AND debit_version >= :first AND debit_version < :before
        UNION ALL
        SELECT id, seq, kind, amount, held, currency, credit_version, credit_posted, at, effective, code, reference,
               of, debit, false
        FROM wallet.transfer
        WHERE lane = :lane AND credit = :account AND credit_version >= :first AND credit_version < :before
    ) AS leg
    WHERE (CAST(:kinds AS text[]) IS NULL OR kind = ANY(CAST(:kinds AS text[])))
      AND (CAST(:codes AS text[]) IS NULL OR code = ANY(CAST(:codes AS text[])))
      AND (CAST(:outgoing AS boolean) IS NULL OR is_debit = CAST(:outgoing AS boolean))
      AND amount BETWEEN :least AND :most
      AND (CAST(:reference AS text) IS NULL OR reference = CAST(:reference AS text))
      AND (CAST(:counter AS uuid) IS NULL OR counter = CAST(:counter AS uuid))
    ORDER BY version DESC LIMIT :size
    """
)

BIGINT_MAX = 2**63 - 1
#: How many legs one page of a filtered history looks at, whatever it finds.
WINDOW = 2_000


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
    counter: UUID
    outgoing: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of the history is asked for; None asks for anything. `least` and `most` are minor units, whatever the side.

    `after` and `before` are versions: the legs between them, neither included.
    """

    kinds: tuple[str, ...] | None = None
    codes: tuple[str, ...] | None = None
    outgoing: bool | None = None
    least: int = 0
    most: int = BIGINT_MAX
    reference: str | None = None
    counter: UUID | None = None
    after: int = 0
    before: int = BIGINT_MAX


class Found(msgspec.Struct, frozen=True):
    """What one window held, newest first; `next_before` is where the next begins, None where there is none."""

    entries: list[Entry]
    next_before: int | None


async def page(
    db: AsyncConnection, *, account: AccountId, lane: int, before: int = BIGINT_MAX, size: int
) -> list[Entry]:
    """Read up to `size` entries with a version below `before`, newest first."""
    rows = await db.execute(_PAGE, {"account": account, "lane": lane, "before": before, "size": size})
    return [_entry(row) for row in rows]


async def search(
    db: AsyncConnection,
    *,
    account: AccountId,
    lane: int,
    newest: int,
    wanted: Wanted,
    size: int = WINDOW,
    window: int = WINDOW,
) -> Found:
    """Look for up to `size` of what is wanted among the `window` legs before it; `newest` is the account's version."""
    before = min(wanted.before, newest + 1)
    first = max(before - window, wanted.after + 1, 1)
    asked = {
        "lane": lane,
        "account": account,
        "first": first,
        "before": before,
        "kinds": None if wanted.kinds is None else list(wanted.kinds),
        "codes": None if wanted.codes is None else list(wanted.codes),
        "outgoing": wanted.outgoing,
        "least": wanted.least,
        "most": wanted.most,
        "reference": wanted.reference,
        "counter": wanted.counter,
        "size": size,
    }
    entries = [_entry(row) for row in await db.execute(_WINDOW, asked)]
    return Found(entries, first if first > wanted.after + 1 else None)


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
        counter=leg["counter"],
        outgoing=leg["is_debit"],
    )


# The two sides of a transfer are never one account, so there is one row or none.
_FIND = text(
    """
    SELECT id, seq, kind, amount, held, currency, at, effective, code, reference, of, debit = :account AS is_debit,
           CASE WHEN debit = :account THEN credit ELSE debit END AS counter,
           CASE WHEN debit = :account THEN debit_version ELSE credit_version END AS version,
           CASE WHEN debit = :account THEN debit_posted ELSE credit_posted END AS posted
    FROM wallet.transfer WHERE lane = :lane AND id = :transfer AND :account IN (debit, credit)
    """
)


async def find(db: AsyncConnection, *, account: AccountId, lane: int, transfer: UUID) -> Entry | None:
    """Read `transfer` as `account` sees it; None where it is not one of its own."""
    row = (await db.execute(_FIND, {"lane": lane, "transfer": transfer, "account": account})).one_or_none()
    return None if row is None else _entry(row)
