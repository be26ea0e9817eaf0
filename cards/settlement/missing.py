"""A settlement file that had not come by its hour: a row for the day, a fact, and the fact that it came after all.

looks      app/cards/settlement_alarm.py    look()          a part of the worker's step for settlement
notes      cards/settlement/missing.py      note(), arrived()      <- you are here
lists      app/http/officer/settlement.py   GET /v1/officer/settlement/missing-files

Without it a network that has fallen silent looks like one with nothing to settle.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.settlement import events, tables
from proof import journal

_TABLE = tables.missing


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a network's day: when it was expected, when it was missed, and when it came, if it did."""

    network: str
    business_date: date
    link: str
    expected_by: datetime
    found_at: datetime
    arrived_at: datetime | None = None


async def known(db: AsyncConnection, network: str, *, since: date) -> tuple[date | None, frozenset[date]]:
    """Say since when a network pays, None where it never did, and of which days `since` then a file came or was missed.

    Every day is looked for: one that came late, or out of turn, says nothing of those before it.
    """
    first = await db.scalar(_FIRST, {"network": network})
    there = await db.scalars(_THERE, {"network": network, "since": since})
    return first, frozenset(there)


async def note(db: AsyncConnection, found: Missing, *, at: datetime) -> bool:
    """Note a day without its file, once; answers whether that is news. `at` is the installation's clock."""
    made = insert(_TABLE).values(msgspec.structs.asdict(found)).on_conflict_do_nothing().returning(_TABLE.c.network)
    if (await db.execute(made)).one_or_none() is None:
        return False
    event = events.FileMissing(
        network=found.network, business_date=found.business_date, link=found.link, expected_by=found.expected_by
    )
    await _tell(db, found, event, at=at)
    return True


async def arrived(db: AsyncConnection, *, now: datetime, at: datetime) -> Sequence[Missing]:
    """Note which of the missing files are there by `now` (machine's clock); answers them."""
    found = [msgspec.convert(row, Missing, from_attributes=True) for row in await db.execute(_ARRIVED, {"at": now})]
    for each in found:
        await _tell(db, each, events.FileArrived(network=each.network, business_date=each.business_date), at=at)
    return found


async def waiting(db: AsyncConnection, *, limit: int) -> list[Missing]:
    """List what has not come, the longest expected first."""
    query = select(_TABLE).where(_TABLE.c.arrived_at.is_(None)).order_by(_TABLE.c.expected_by).limit(limit)
    return [msgspec.convert(row, Missing, from_attributes=True) for row in await db.execute(query)]


async def count(db: AsyncConnection, networks: Iterable[str]) -> dict[str, int]:
    """Count for each of `networks` the days whose file has not come."""
    rows = await db.execute(_COUNT)
    return dict.fromkeys(networks, 0) | {row.network: row.files for row in rows}


async def _tell(db: AsyncConnection, about: Missing, event: msgspec.Struct, *, at: datetime) -> None:
    named = hashlib.sha256(f"settlement/{about.network}/{about.business_date}".encode()).digest()[:16]
    fact = journal.Fact(aggregate=UUID(bytes=named, version=4), holder=None, at=at, actor="system", event=event)
    await journal.append(db, cards_tables.event, fact)


# By way of the lanes, of which there are few: the key of payments begins with them. Asked until the first is missed.
_FIRST = text(
    """
    SELECT coalesce(
        least((SELECT min(business_date) FROM cards.settlement_file WHERE network = :network),
              (SELECT min(business_date) FROM cards.settlement_missing WHERE network = :network)),
        (SELECT (min(opened_at) AT TIME ZONE 'Asia/Almaty')::date
         FROM wallet.lane JOIN cards.payment ON payment.lane = lane.lane WHERE network = :network)
    )
    """
)
_COUNT = text(
    "SELECT network, count(*) AS files FROM cards.settlement_missing WHERE arrived_at IS NULL GROUP BY network"
)
_THERE = text(
    """
    SELECT business_date FROM cards.settlement_file WHERE network = :network AND business_date >= :since
    UNION SELECT business_date FROM cards.settlement_missing WHERE network = :network AND business_date >= :since
    """
)
_ARRIVED = text(
    """
    UPDATE cards.settlement_missing AS missing SET arrived_at = :at
    WHERE arrived_at IS NULL AND EXISTS (
        SELECT FROM cards.settlement_file AS file
        WHERE file.network = missing.network AND file.business_date = missing.business_date
    )
    RETURNING network, business_date, link, expected_by, found_at, arrived_at
    """
)
