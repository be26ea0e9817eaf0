"""The end of a day: what each account had, written once and never changed.

calls   app/statements/days.py   step()            of the worker, when the day is over in Kazakhstan
does    wallet/closing.py        barrier(), close()   <- you are here
reads   wallet/asof.py

What is recorded later with an earlier value date restates nothing: it is a row of its own in `value_shift`, under the
day it was recorded on. So what was known about a day at any time can be told at any later one.
"""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law.calendar import day_starts, statutory_date
from wallet.transfer import MOVES

#: So many transfers of a lane in one transaction: about a second.
SIZE = 50_000
_DAY = timedelta(days=1)
_MOVES = sorted(MOVES)

_OPEN = text(
    """
    SELECT lane.lane FROM wallet.lane LEFT JOIN wallet.closed_day USING (lane)
    WHERE closed_day.day IS NULL OR closed_day.day < :yesterday ORDER BY lane.lane
    """
)
# Who waits here for a batch knows that every later one reads the clock later.
_BARRIER = text("SELECT seq FROM wallet.lane WHERE lane = :lane FOR SHARE")
_BEGIN = text("INSERT INTO wallet.closed_day (lane, seq) VALUES (:lane, 0) ON CONFLICT DO NOTHING")
_LOCK = text("SELECT seq, day FROM wallet.closed_day WHERE lane = :lane FOR UPDATE SKIP LOCKED")
_FIRST = text("SELECT at FROM wallet.transfer WHERE lane = :lane AND seq = :seq")
_NEXT_DAY = text(
    """
    SELECT min(seq) FROM wallet.transfer WHERE lane = :lane AND seq BETWEEN :first AND :last AND at >= :ends
    """
)
_LEGS = """
    WITH leg AS (
        SELECT debit AS account, debit_version AS version, debit_posted AS posted, effective,
               CASE WHEN kind = ANY(:moves) THEN -amount ELSE 0 END AS moved
        FROM wallet.transfer WHERE lane = :lane AND seq BETWEEN :first AND :last
        UNION ALL
        SELECT credit, credit_version, credit_posted, effective,
               CASE WHEN kind = ANY(:moves) THEN amount ELSE 0 END
        FROM wallet.transfer WHERE lane = :lane AND seq BETWEEN :first AND :last
    )
"""
_CLOSE = text(
    f"""
    {_LEGS}
    INSERT INTO wallet.closing (lane, account, day, version, holder, posted)
    SELECT DISTINCT ON (leg.account) :lane, leg.account, CAST(:day AS date), leg.version, account.holder, leg.posted
    FROM leg JOIN wallet.account ON account.lane = :lane AND account.id = leg.account
    ORDER BY leg.account, leg.version DESC
    """  # noqa: S608  literals of this file
)
_SHIFT = text(
    f"""
    {_LEGS}
    INSERT INTO wallet.value_shift (lane, account, recorded_on, value_on, version, holder, moved)
    SELECT :lane, leg.account, CAST(:day AS date), (leg.effective AT TIME ZONE 'Asia/Almaty')::date, max(leg.version),
           account.holder, sum(leg.moved)
    FROM leg JOIN wallet.account ON account.lane = :lane AND account.id = leg.account
    WHERE leg.moved <> 0 AND (leg.effective < :begins OR leg.effective >= :ends)
    GROUP BY leg.account, account.holder, (leg.effective AT TIME ZONE 'Asia/Almaty')::date
    """  # noqa: S608  literals of this file
)
_SET = text("UPDATE wallet.closed_day SET seq = :seq, day = :day WHERE lane = :lane")


async def lanes(db: AsyncConnection, today: date) -> list[int]:
    """List the lanes that have a day before `today` to close."""
    return list(await db.scalars(_OPEN, {"yesterday": today - _DAY}))


async def barrier(db: AsyncConnection, lane: int) -> int:
    """Answer the lane's last transfer, such that all later ones are recorded after now: wait for the batch at work.

    End the transaction at once: the next batch waits for it.
    """
    found: int = (await db.execute(_BARRIER, {"lane": lane})).scalar_one()
    return found


async def close(db: AsyncConnection, *, lane: int, today: date, barrier: int, size: int = SIZE) -> bool:
    """Write closings for up to `size` transfers of one day before `today`; answers whether there may be more to do.

    `barrier` was read when it was `today` already.
    """
    await db.execute(_BEGIN, {"lane": lane})
    done = (await db.execute(_LOCK, {"lane": lane})).one_or_none()
    if done is None:  # another worker is at it
        return False
    first = done.seq + 1
    recorded_at = await db.scalar(_FIRST, {"lane": lane, "seq": first}) if first <= barrier else None
    # A clock that was set back must not add to a day that is closed.
    day = None if recorded_at is None else max(statutory_date(recorded_at), (done.day or date.min) + _DAY)
    if day is None or day >= today:
        await db.execute(_SET, {"lane": lane, "seq": done.seq, "day": today - _DAY})
        return False
    span = {"lane": lane, "first": first, "last": min(barrier, done.seq + size)}
    bounds = {"begins": day_starts(day), "ends": day_starts(day + _DAY)}
    after: int | None = await db.scalar(_NEXT_DAY, span | {"ends": bounds["ends"]})
    span["last"] = after - 1 if after else span["last"]
    legs = span | {"day": day, "moves": _MOVES}
    await db.execute(_CLOSE, legs)
    await db.execute(_SHIFT, legs | bounds)
    is_over = after is not None or span["last"] == barrier
    await db.execute(_SET, {"lane": lane, "seq": span["last"], "day": day if is_over else done.day})
    return True
