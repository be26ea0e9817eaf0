"""As of which position? The instant a regulator names, turned into the last row of the feed relayed by then.

Positions are given out one after the other under the relay's lease, each with the time it was given, and the heartbeat
says up to when that is over. Up to the heartbeat nothing is added any more, so whoever asks again gets the same.
"""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class AsOfNotSettled(Exception):
    """The relay may still give out positions at or before this instant; `until` is the last one that is settled."""

    def __init__(self, as_of: datetime, until: datetime | None) -> None:
        super().__init__(as_of, until)
        self.as_of = as_of.isoformat()
        self.until = until.astimezone(UTC).isoformat() if until else "-"


class Place(msgspec.Struct, frozen=True):
    """The feed up to `position` (0: nothing yet); `hash` is the head of its chain there and vouches for all of it."""

    position: int
    hash: bytes


_HEARTBEAT = text(
    """
    SELECT coalesce(CAST(:as_of AS timestamptz) <= heartbeat, false) AS settled, heartbeat AS until
    FROM app.lease WHERE name = 'relay'
    """
)
_PLACE = text("SELECT position, hash FROM app.feed WHERE relayed_at <= :as_of ORDER BY position DESC LIMIT 1")


async def place(db: AsyncConnection, as_of: datetime) -> Place:
    """Find the place of the aware instant `as_of`; raises AsOfNotSettled."""
    lease = (await db.execute(_HEARTBEAT, {"as_of": as_of})).one()
    if not lease.settled:
        raise AsOfNotSettled(as_of, lease.until)
    last = (await db.execute(_PLACE, {"as_of": as_of})).one_or_none()
    return Place(last.position, last.hash) if last else Place(0, b"")
