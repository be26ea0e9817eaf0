"""What a file comes to, booked lane by lane: each lane's part of the clearing account against what settles it.

    card_clearing → card_settlement   net: what we pay the network; the other way round where it pays us
    card_clearing → interchange       what it leaves us
    scheme_fees   → card_clearing     what it charges

Together they take debits less credits, gross, from the clearing account. What then is left on it is what no file has
settled yet, and the breaks.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.settlement.events import FileSettled
from cards.settlement.taking import File
from law.money import Currency, Money
from proof import journal
from wallet.chart import Purpose
from wallet.transfer import AccountId, Post, TransferId

_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)
PURPOSES = (Purpose.CARD_CLEARING, Purpose.CARD_SETTLEMENT, Purpose.INTERCHANGE, Purpose.SCHEME_FEES)


class Leg(enum.StrEnum):
    """The moves a file brings on a lane, one of each at most; also their codes in the ledger."""

    NET = "settlement_net"
    INTERCHANGE = "settlement_interchange"
    FEES = "settlement_fees"


class Part(NamedTuple):
    """What of a file is a lane's."""

    lane: int
    gross_minor: int
    interchange_minor: int
    fees_minor: int

    @property
    def net_minor(self) -> int:
        """What is paid for it."""
        return self.gross_minor - self.interchange_minor + self.fees_minor


async def parts(db: AsyncConnection, file: UUID, *, first_lane: int) -> list[Part]:
    """Share a file out among the lanes; what no payment answers for is the first lane's."""
    rows = await db.execute(_PARTS, {"file": file, "first_lane": first_lane})
    return [Part(*row) for row in rows]


async def waiting(db: AsyncConnection, file: UUID) -> int:
    """Count what of a file is yet to be booked by us before it can be settled."""
    return int(await db.scalar(_WAITING, {"file": file}) or 0)


def moves(file: File, part: Part, places: Mapping[Purpose, AccountId]) -> Sequence[Post]:
    """Say what is to be moved; the same ids every time."""
    clearing = places[Purpose.CARD_CLEARING]
    legs = (
        (Leg.NET, clearing, places[Purpose.CARD_SETTLEMENT], part.net_minor),
        (Leg.INTERCHANGE, clearing, places[Purpose.INTERCHANGE], part.interchange_minor),
        (Leg.FEES, places[Purpose.SCHEME_FEES], clearing, part.fees_minor),
    )
    return [
        Post(
            id=TransferId(move_id(file.id, part.lane, leg)),
            debit=debit if minor > 0 else credit,
            credit=credit if minor > 0 else debit,
            money=Money(abs(minor), Currency.of(file.currency)),
            code=leg.value,
            reference=f"settlement:{file.id}",
        )
        for leg, debit, credit, minor in legs
        if minor
    ]


async def settled(db: AsyncConnection, file: File, *, at: datetime) -> None:
    """Note that what a file comes to is booked; the report is next."""
    if (await db.execute(_SETTLED, {"file": file.id, "at": at})).rowcount == 0:
        return
    event = FileSettled(
        file=file.id,
        net_minor=file.net_minor,
        interchange_minor=file.interchange_minor,
        fees_minor=file.fees_minor,
        currency=file.currency,
    )
    await journal.append(
        db, cards_tables.event, journal.Fact(aggregate=file.id, at=at, actor="system", event=event)
    )  # fmt: skip


def move_id(about: UUID, lane: int, leg: str) -> UUID:
    """Derive a move's id, next to what it is about in every index: the same time in front, other bits behind."""
    name = f"{about}/{lane}/{leg}".encode()
    random = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> (64 - _RANDOM_BITS)
    return UUID(int=about.int >> _RANDOM_BITS << _RANDOM_BITS | random)


_PARTS = text(
    """
    SELECT coalesce(match.lane, found.lane, :first_lane) AS lane,
           sum(CASE WHEN record.kind IN ('refund', 'chargeback') THEN -record.amount_minor
                    ELSE record.amount_minor END)::bigint,
           sum(record.interchange_minor)::bigint, sum(record.fee_minor)::bigint
    FROM cards.settlement_record AS record
    JOIN cards.settlement_file AS file ON file.id = record.file AND file.currency = record.currency
    JOIN cards.settlement_match AS match ON match.file = record.file AND match.no = record.no
    LEFT JOIN cards.settlement_break AS found ON found.file = record.file AND found.no = record.no
    WHERE record.file = :file GROUP BY 1 ORDER BY 1
    """
)
_WAITING = text(
    """
    SELECT count(*) FROM cards.settlement_break AS found JOIN cards.settlement_record AS record USING (file, no)
    WHERE found.file = :file AND found.kind = 'missing_at_us' AND found.resolved_at IS NULL
      AND NOT found.left_to_officers
      AND record.kind IN ('purchase', 'cash', 'refund')
    """
)
_SETTLED = text(
    "UPDATE cards.settlement_file SET state = 'settled', settled_at = :at WHERE id = :file AND state = 'taken'"
)
