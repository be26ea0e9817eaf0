"""What an account had, as of what was known when (recorded) and which day's money it was (effective).

writes   wallet/closing.py   what each day ended with, and what was recorded on another day than its value date
reads    wallet/asof.py      as_of()          <- you are here

With B the last closed day before the instant, D the day asked for and M the earlier of the two, the effective balance
is what was recorded by the end of M, less what of it has a value date after D, plus what was recorded after M with a
value date of D or before. All but the rows since B are in the closings: no answer reads more than about one day.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law.calendar import day_starts, statutory_date
from law.money import Currency, Money
from wallet.transfer import MOVES, AccountId

_DAY = timedelta(days=1)
_LAST_INSTANT = timedelta(microseconds=1)
_MOVES = sorted(MOVES)

_CLOSED = text("SELECT day FROM wallet.closed_day WHERE lane = :lane")
# The tail are the legs after the last closed day; nothing before it is read.
_AS_OF = text(
    """
    WITH base AS (
        SELECT coalesce(max(version), 0) AS version, coalesce(max(posted), 0) AS posted FROM (
            SELECT version, posted FROM wallet.closing
            WHERE lane = :lane AND account = :account AND day <= :base ORDER BY day DESC, version DESC LIMIT 1) AS last
    ), before AS (
        SELECT coalesce(max(posted), 0) AS posted FROM (
            SELECT posted FROM wallet.closing
            WHERE lane = :lane AND account = :account AND day <= :before ORDER BY day DESC, version DESC LIMIT 1) AS own
    ), until AS (
        SELECT CASE WHEN CAST(:until AS date) IS NULL THEN 9223372036854775807 ELSE coalesce((
            SELECT version FROM wallet.closing
            WHERE lane = :lane AND account = :account AND day <= CAST(:until AS date)
            ORDER BY day DESC, version DESC LIMIT 1), 0) END AS version
    ), tail AS MATERIALIZED (
        SELECT debit_version AS version, debit_posted AS posted, effective,
               CASE WHEN kind = ANY(:moves) THEN -amount ELSE 0 END AS moved
        FROM wallet.transfer, base, until WHERE lane = :lane AND debit = :account
         AND debit_version > base.version AND debit_version <= until.version AND at <= :at
        UNION ALL
        SELECT credit_version, credit_posted, effective, CASE WHEN kind = ANY(:moves) THEN amount ELSE 0 END
        FROM wallet.transfer, base, until WHERE lane = :lane AND credit = :account
         AND credit_version > base.version AND credit_version <= until.version AND at <= :at
    ), shift AS (
        SELECT coalesce(sum(moved) FILTER (WHERE value_on <= :on AND recorded_on > :before), 0)
             - coalesce(sum(moved) FILTER (WHERE value_on > :on AND recorded_on <= :before), 0) AS moved
        FROM wallet.value_shift WHERE lane = :lane AND account = :account AND recorded_on <= :base
    )
    SELECT coalesce((SELECT version FROM tail ORDER BY version DESC LIMIT 1), base.version) AS version,
           coalesce((SELECT posted FROM tail ORDER BY version DESC LIMIT 1), base.posted) AS recorded,
           (before.posted + shift.moved
            + coalesce((SELECT sum(moved) FROM tail WHERE effective < :on_ends), 0))::bigint AS effective
    FROM base, before, shift
    """
)


class Owned(msgspec.Struct, frozen=True):
    """What an account had at `recorded_at`: by then `version` legs were booked, which sum up to `recorded`.

    `effective` counts those of them with a value date of `effective_on` or before.
    """

    recorded_at: datetime
    effective_on: date
    version: int
    recorded: Money
    effective: Money


async def closed_through(db: AsyncConnection, lane: int) -> date | None:
    """Answer the last day whose closings are written; None before the first."""
    found: date | None = await db.scalar(_CLOSED, {"lane": lane})
    return found


async def as_of(
    db: AsyncConnection,
    *,
    account: AccountId | UUID,
    lane: int,
    currency: Currency,
    recorded_at: datetime,
    effective_on: date | None = None,
) -> Owned:
    """Answer what `account` had on `effective_on`, the day of the instant unless given, as known at `recorded_at`."""
    on = effective_on or statutory_date(recorded_at)
    closed = await closed_through(db, lane) or date.min
    day_before = statutory_date(recorded_at + _LAST_INSTANT) - _DAY
    base = min(closed, day_before)
    recorded_on = statutory_date(recorded_at)
    row = (
        await db.execute(
            _AS_OF,
            {
                "lane": lane,
                "account": account,
                "at": recorded_at,
                "base": base,
                "before": min(base, on),
                "until": recorded_on if recorded_on <= closed else None,
                "on": on,
                "on_ends": day_starts(on + _DAY),
                "moves": _MOVES,
            },
        )
    ).one()
    return Owned(recorded_at, on, row.version, Money(row.recorded, currency), Money(row.effective, currency))


async def at_end(db: AsyncConnection, *, account: AccountId | UUID, lane: int, currency: Currency, day: date) -> Owned:
    """Answer what `account` had when `day` was over."""
    over = day_starts(day + _DAY) - _LAST_INSTANT
    return await as_of(db, account=account, lane=lane, currency=currency, recorded_at=over)
