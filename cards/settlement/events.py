"""What happens to settlement files and breaks, as facts of the journal of the schema `cards`; nobody's feed shows them.

Amounts are minor units of `currency`.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec


class FileTaken(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.file_taken"):
    """A file was read to its end and compared. Aggregate: the file, as of all below but breaks."""

    file: UUID
    network: str
    sequence: int
    business_date: date
    records: int
    net_minor: int
    currency: str
    breaks: int
    sha256: str


class FileRefused(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.file_refused"):
    """A file was refused as a whole: in `line`, for `why`. Aggregate: the refusal's own id."""

    network: str | None
    sequence: int | None
    line: int | None
    why: str
    sha256: str


class FileSettled(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.file_settled"):
    """What the file comes to is booked."""

    file: UUID
    net_minor: int
    interchange_minor: int
    fees_minor: int
    currency: str


class DayReported(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.day_reported"):
    """The day's report is made; the same facts make the same `sha256`."""

    file: UUID
    sha256: str


class BreakOpened(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.break_opened"):
    """The network and we say different things. Aggregate: the break, as of all below."""

    settlement_break: UUID
    network: str
    kind: str
    difference_minor: int


class BreakResolved(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.break_resolved"):
    """Why it was, is known and booked."""

    settlement_break: UUID
    resolution: str
    difference_minor: int


class ResolutionOffered(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.resolution_proposed"):
    """An officer proposes how a break ends."""

    settlement_break: UUID
    proposal: UUID
    resolution: str


class ResolutionDropped(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.resolution_dropped"):
    """It does not end so."""

    settlement_break: UUID
    proposal: UUID


class FileMissing(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.file_missing"):
    """The file of a network's day had not come by its hour. Aggregate: the network's day, as of the next."""

    network: str
    business_date: date
    link: str
    expected_by: datetime


class FileArrived(msgspec.Struct, frozen=True, kw_only=True, tag="settlement.file_arrived"):
    """A file that was missing is taken."""

    network: str
    business_date: date
