"""Two officers' word in the place of what was computed: a band for a time, or that a match is somebody else.

proposes   POST /v1/officer/risk-overrides                    propose()
decides    POST /v1/officer/risk-overrides/{id}/decision      decide()       <- you are here
refuses    the database (0034)      one officer on both sides, a second decision, an override without end

A word answers for the score, never for a floor: what the law or a list says of a relation, no officer says away.
"""

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.risk import profile, tables
from kyc.risk.assessment import Assessment
from kyc.risk.band import Band, worst
from kyc.risk.events import RiskOverrideDecided, RiskOverrideProposed
from law import calendar
from proof import journal

LONGEST_DAYS = 366


class What(enum.StrEnum):
    """What is overridden: the band, or a match of one of the two questions to the outside."""

    BAND = "band"
    PEP = "pep"
    MEDIA = "media"


class Reason(enum.StrEnum):
    """Why."""

    NAMESAKE = "namesake"
    OUTDATED = "outdated"
    KNOWN_BETTER = "known_better"
    STRICTER = "stricter"


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """An override as it was proposed, and what another officer said; it ends with the day before `expires_on`."""

    id: UUID
    resident: UUID
    what: What
    band: Band | None
    entity: str | None
    reason: Reason
    note: bytes | None
    expires_on: date
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None


class UnknownOverride(Exception):
    """Nobody proposed this, or it is decided."""


class SameOfficer(Exception):
    """Who proposes and who decides are two people."""


class Proposed(Exception):
    """The same waits for its second officer already."""


class BadTerm(Exception):
    """It ends before it begins, or is to last too long."""

    def __init__(self) -> None:
        super().__init__()
        self.days = LONGEST_DAYS


async def propose(db: AsyncConnection, asked: Override, *, at: datetime) -> Override:
    """Propose; raises BadTerm, Proposed."""
    today = calendar.statutory_date(at)
    if not 0 < (asked.expires_on - today).days <= LONGEST_DAYS:
        raise BadTerm
    await db.execute(_LOCK, {"resident": asked.resident})
    same = (_C.resident == asked.resident) & (_C.what == asked.what) & _C.entity.is_not_distinct_from(asked.entity)
    if await _read(db, same & _C.agreed.is_(None)):
        raise Proposed
    await db.execute(insert(tables.risk_override).values(msgspec.structs.asdict(asked)))
    await _tell(db, asked.id, RiskOverrideProposed(what=asked.what), asked.proposed_by, at)
    return asked


async def decide(db: AsyncConnection, wanted: UUID, *, agreed: bool, actor: str, at: datetime) -> Override:
    """Agree, or not; the relation is judged again. Raises UnknownOverride, SameOfficer."""
    found = await find(db, wanted)
    await db.execute(_LOCK, {"resident": found.resident})
    found = await find(db, wanted)
    if found.agreed is not None:
        raise UnknownOverride
    if found.proposed_by == actor:
        raise SameOfficer
    said = {"decided_by": actor, "decided_at": at, "agreed": agreed}
    await db.execute(update(tables.risk_override).where(_C.id == wanted).values(said))
    await _tell(db, wanted, RiskOverrideDecided(what=found.what, agreed=agreed), actor, at)
    await profile.falls_due(db, found.resident, "override", at)
    return msgspec.structs.replace(found, decided_by=actor, decided_at=at, agreed=agreed)


async def find(db: AsyncConnection, wanted: UUID) -> Override:
    """Read one; raises UnknownOverride."""
    found = await _read(db, _C.id == wanted)
    if not found:
        raise UnknownOverride
    return found[0]


async def waiting(db: AsyncConnection) -> list[Override]:
    """Read what waits for a second officer, the oldest first."""
    return await _read(db, _C.agreed.is_(None))


async def of(db: AsyncConnection, resident: UUID) -> list[Override]:
    """Read all of a person, the oldest first."""
    return await _read(db, _C.resident == resident)


async def in_force(db: AsyncConnection, resident: UUID, on: date) -> list[Override]:
    """Read what holds on a day."""
    return await _read(db, (_C.resident == resident) & _C.agreed.is_(True) & (_C.expires_on > on))


def excepted(held: list[Override], what: What) -> frozenset[str]:
    """Name the matches that are somebody else."""
    return frozenset(each.entity for each in held if each.what is what and each.entity is not None)


def band(made: Assessment, held: list[Override]) -> Band:
    """Give the band that stands: what officers said last, never below a floor, else what was computed."""
    said = [each.band for each in held if each.band is not None]
    return worst(said[-1], made.floor) if said else made.band


async def _read(db: AsyncConnection, where: ColumnElement[bool]) -> list[Override]:
    rows = await db.execute(select(tables.risk_override).where(where).order_by(_C.id))
    return [msgspec.convert(row, Override, from_attributes=True) for row in rows]


async def _tell(db: AsyncConnection, wanted: UUID, event: msgspec.Struct, actor: str, at: datetime) -> None:
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=wanted, at=at, actor=actor, event=event))


_C = tables.risk_override.c
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.override:' || CAST(:resident AS uuid)::text, 0))")
