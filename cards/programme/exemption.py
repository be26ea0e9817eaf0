"""Exemption: whose cards may be valid for longer than a non-resident's (rules of 19 Jan 2025), and what proves it.

route      app/http/officer/card_exemptions.py    propose, decide, end
decides    cards/programme/exemption.py           <- you are here

One officer proposes by a status the person holds and a document, another one decides. It counts as long as that status
does: who asks has to look (app/cards/holders.py).
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.programme import events
from cards.programme.tables import exemption as table
from proof import journal


class Reason(enum.StrEnum):
    """Whom the rules exempt."""

    INVESTOR = "investor"
    ENTREPRENEUR = "entrepreneur"
    DIPLOMAT = "diplomat"


class UnknownExemption(Exception):
    """There is none with this id, or it has ended."""


class ExemptionHeld(Exception):
    """One is proposed or in force for this person already."""


class ExemptionDecided(Exception):
    """Another officer has decided already."""


class SameOfficer(Exception):
    """Who proposes and who decides are two officers."""


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """Why, by which status of the person, shown by what. `agreed` is None until the second officer has decided."""

    id: UUID
    holder: UUID
    reason: Reason
    status: UUID
    evidence: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None
    ended_at: datetime | None = None


async def propose(db: AsyncConnection, wanted: Exemption) -> Exemption:
    """Ask for an exemption; raises ExemptionHeld."""
    row = {**msgspec.structs.asdict(wanted), "reason": wanted.reason.value}
    try:
        async with db.begin_nested():
            await db.execute(insert(table).values(row))
    except IntegrityError as refused:
        if "exemption_open" in str(refused):
            raise ExemptionHeld from refused
        raise
    fact = events.ExemptionProposed(exemption=wanted.id, reason=wanted.reason)
    await _tell(db, wanted, fact, wanted.proposed_by, wanted.proposed_at)
    return wanted


async def decide(db: AsyncConnection, exemption: UUID, *, agreed: bool, actor: str, at: datetime) -> Exemption:
    """Agree to what another officer proposed, or not; raises UnknownExemption, ExemptionDecided, SameOfficer."""
    found = await _lock(db, exemption)
    if found.agreed is not None:
        raise ExemptionDecided
    if found.proposed_by == actor:
        raise SameOfficer
    await db.execute(
        update(table).where(table.c.id == exemption).values(decided_by=actor, decided_at=at, agreed=agreed)
    )
    fact = events.ExemptionGranted(exemption=exemption, reason=found.reason)
    await _tell(db, found, fact if agreed else events.ExemptionEnded(exemption=exemption), actor, at)
    return msgspec.structs.replace(found, decided_by=actor, decided_at=at, agreed=agreed)


async def end(db: AsyncConnection, exemption: UUID, *, actor: str, at: datetime) -> Exemption:
    """Take an exemption or a proposal back: one officer alone may; cards keep their term. Raises UnknownExemption."""
    found = await _lock(db, exemption)
    await db.execute(update(table).where(table.c.id == exemption).values(ended_by=actor, ended_at=at))
    await _tell(db, found, events.ExemptionEnded(exemption=exemption), actor, at)
    return msgspec.structs.replace(found, ended_at=at)


async def in_force(db: AsyncConnection, holder: UUID) -> Exemption | None:
    """Find the exemption two officers agreed to, which nobody has ended."""
    found = await _found(db, (table.c.holder == holder) & table.c.agreed & table.c.ended_at.is_(None))
    return found[0] if found else None


async def listed(db: AsyncConnection) -> list[Exemption]:
    """List what is proposed or in force, the oldest first."""
    return await _found(db, table.c.ended_at.is_(None) & table.c.agreed.is_distinct_from(False))  # noqa: FBT003  SQL


async def _lock(db: AsyncConnection, exemption: UUID) -> Exemption:
    mine = (table.c.id == exemption) & table.c.ended_at.is_(None)
    await db.execute(select(table.c.id).where(mine).with_for_update())
    if not (found := await _found(db, mine)):
        raise UnknownExemption
    return found[0]


async def _found(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Exemption]:
    columns = [table.c[name] for name in Exemption.__struct_fields__]
    rows = await db.execute(select(*columns).where(wanted).order_by(table.c.id))
    return [msgspec.convert(row, Exemption, from_attributes=True) for row in rows]


async def _tell(db: AsyncConnection, about: Exemption, fact: msgspec.Struct, actor: str, at: datetime) -> None:
    # Of the exemption, not of the person's feed: who proposed it is the officers' own.
    told = journal.Fact(aggregate=about.id, holder=about.holder, at=at, actor=actor, event=fact)
    await journal.append(db, tables.event, told)
