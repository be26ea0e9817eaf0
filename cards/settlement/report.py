"""The report of a settlement file's day: what was settled, what it came to, and which breaks are open, by age.

A function of what happened until the file was settled: made again, at any time later, it is the same to the byte
(canonical JSON), and so is its hash.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.settlement import breaks, posting
from cards.settlement.taking import File

FORMAT = "eresidency-settlement/1"
TYP = "settlement+jws"


class NotSettled(Exception):
    """What the file comes to is not booked yet."""


async def made(db: AsyncConnection, file: File, *, first_lane: int) -> dict[str, Any]:
    """Make the report of a file that is settled; raises NotSettled."""
    at = file.settled_at
    if at is None:
        raise NotSettled
    outcomes = {row.outcome: {"records": row.records, "minor": row.minor} for row in await _rows(db, _OUTCOMES, file)}
    opened = {row.kind: {"breaks": row.breaks, "minor": row.minor} for row in await _rows(db, _OPENED, file)}
    told: dict[str, Any] = {
        "format": FORMAT,
        "network": file.network,
        "link": file.link,
        "sequence": file.sequence,
        "business_date": file.business_date,
        "cutoff_at": file.cutoff_at,
        "settles_on": file.settles_on,
        "currency": file.currency,
        "file_sha256": file.sha256.hex(),
        "records": file.records,
        "debits_minor": file.debits_minor,
        "credits_minor": file.credits_minor,
        "interchange_minor": file.interchange_minor,
        "fees_minor": file.fees_minor,
        "net_minor": file.net_minor,
        "outcomes": outcomes,
        "breaks_opened": opened,
        "breaks_open": await breaks.ages(db, at=at, network=file.network),
        "booked": [part._asdict() for part in await posting.parts(db, file.id, first_lane=first_lane)],
        "settled_at": _whole(at),
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    return plain


def _whole(at: datetime) -> datetime:
    return at - timedelta(microseconds=at.microsecond)


async def _rows(db: AsyncConnection, query: Any, file: File) -> Any:  # noqa: ANN401  rows of two shapes
    return (await db.execute(query, {"file": file.id})).all()


_OUTCOMES = text(
    """
    SELECT match.outcome, count(*)::integer AS records, sum(record.amount_minor)::bigint AS minor
    FROM cards.settlement_match AS match JOIN cards.settlement_record AS record USING (file, no)
    WHERE match.file = :file GROUP BY 1 ORDER BY 1
    """
)
_OPENED = text(
    """
    SELECT kind, count(*)::integer AS breaks, sum(difference_minor)::bigint AS minor
    FROM cards.settlement_break WHERE file = :file GROUP BY 1 ORDER BY 1
    """
)
