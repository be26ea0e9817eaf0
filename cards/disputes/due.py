"""What is due of disputes by the installation's clock, and what the merchant gave back while it was disputed.

Both are read in pages, each after the last of the one before: what can't be done stays due, and is in nobody's way.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.disputes.acting import CLOCKS, Doing
from cards.disputes.life import Act

ACTOR = "system"
_FIRST = UUID(int=0)


class Due(NamedTuple):
    """What there is to do about one dispute, one thing after the other."""

    lane: int
    dispute: UUID
    doings: tuple[Doing, ...]


async def find(db: AsyncConnection, *, at: datetime, limit: int, after: UUID | None = None) -> Sequence[Due]:
    """List by their ids the disputes of which something is due at `at`, and all that is, in the order of CLOCKS."""
    rows = await db.execute(_DUE, {"at": at, "limit": limit, "after": after or _FIRST})
    return [Due(row.lane, row.id, tuple(_doing(row.id, Act(act)) for act in row.acts)) for row in rows]


async def refunded(db: AsyncConnection, *, limit: int, after: UUID | None = None) -> Sequence[Due]:
    """List by their ids open disputes of which the merchant gave a part back by itself, with that part."""
    rows = await db.execute(_REFUNDED, {"limit": limit, "after": after or _FIRST})
    return [Due(row.lane, row.id, (_doing(row.id, Act.SHRINK, row.minor, "refunded"),)) for row in rows]


async def owed(db: AsyncConnection, *, limit: int, after: UUID | None = None) -> Sequence[Due]:
    """List by their ids disputes of which somebody owes a part and has money in the wallet."""
    rows = await db.execute(_OWED, {"limit": limit, "after": after or _FIRST})
    return [Due(row.lane, row.id, (_doing(row.id, Act.COLLECT),)) for row in rows]


def _doing(dispute: UUID, act: Act, minor: int | None = None, why: str | None = None) -> Doing:
    return Doing(dispute=dispute, act=act, actor=ACTOR, minor=minor, why=why, found=True)


_CASES = ", ".join(f"CASE WHEN {column} <= :at THEN '{act}' END" for act, column in CLOCKS.items())
_DUE = text(
    f"""
    SELECT lane, id, array_remove(ARRAY[{_CASES}], NULL) AS acts FROM cards.dispute
    WHERE closed_at IS NULL AND least(due_at, remind_at, credit_due_at, take_back_at) <= :at AND id > :after
    ORDER BY id LIMIT :limit
    """  # noqa: S608  words of this package
)
_OWED = text(
    """
    SELECT dispute.lane, dispute.id FROM cards.dispute
    JOIN wallet.account ON account.lane = dispute.lane AND account.id = dispute.account
    WHERE owed_minor > 0 AND posted - hold_out > coalesce(floor, 0) AND dispute.id > :after
    ORDER BY dispute.id LIMIT :limit
    """
)
# The newest open dispute gives way first; what is left over is the next round's.
_REFUNDED = text(
    """
    SELECT lane, id, minor FROM (
        SELECT DISTINCT ON (lane, payment) lane, id, least(amount_minor, over)::bigint AS minor
        FROM (
            SELECT dispute.lane, dispute.id, dispute.payment, dispute.amount_minor, dispute.ended_at,
                   sum(CASE WHEN state IN ('withdrawn', 'expired', 'rejected') THEN 0 ELSE amount_minor END)
                   OVER (PARTITION BY dispute.lane, dispute.payment)
                   - cards.disputable(dispute.lane, dispute.payment) AS over
            FROM cards.dispute
            WHERE (lane, payment) IN (SELECT lane, payment FROM cards.dispute WHERE ended_at IS NULL)
        ) AS counted
        WHERE over > 0 AND ended_at IS NULL
        ORDER BY lane, payment, id DESC
    ) AS newest
    WHERE id > :after ORDER BY id LIMIT :limit
    """
)
