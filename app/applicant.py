"""What kyc knows about an applicant, as the values residency decides by: where the two rooms meet.

A citizenship counts only while a document in force proves it. Who the person is, kyc decides in a case of its own
(kyc/cases/): nothing is granted before that.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from app.access import Look
from kyc import document, standing, tables
from kyc.cases import case
from kyc.cases.case import Case
from kyc.document import Person, Stored
from law.calendar import statutory_date
from proof.kms import Kms
from residency import eligibility
from residency.eligibility import Citizenship


class Applicant(msgspec.Struct, frozen=True):
    """The document an applicant is judged by, and whom it names. Held for the length of a story, never logged."""

    document: Stored
    person: Person

    def proven(self, on: date) -> eligibility.Person:
        """Answer what is proven on the day `on`: nothing by a document that was refused or has expired."""
        if self.document.outcome == "refused" or self.document.expires < on:
            return eligibility.Person(Citizenship.UNSPECIFIED, None)
        return eligibility.Person(Citizenship(self.document.nationality_class), _born(self.person.born))


class IdentityUndecided(Exception):
    """The applicant's own case is not decided, or was refused; the application waits for it."""


async def find(db: AsyncConnection, kms: Kms, resident: UUID, on: date, why: Look) -> Applicant | None:
    """Find the document that identifies a resident on the day `on`, else the latest one; they can read `why`.

    None where there is none, or where the person was erased and nothing can be read any more.
    """
    known = await standing.standing(db, resident, on)
    wanted = known.document or await _latest(db, resident)
    if wanted is None:
        return None
    stored = await document.find(db, wanted)
    assert stored is not None, "its id was read in this story"
    try:
        safe = await vault.look(db, kms, resident, why)
    except vault.Erased:
        return None
    opened = safe.open(stored.person, table="kyc.document", column="person", row=stored.id)
    return Applicant(stored, msgspec.json.decode(opened, type=Person))


def proven(applicant: Applicant | None, at: datetime) -> eligibility.Person:
    """Answer what is proven about an applicant, who may have shown no document at all."""
    if applicant is None:
        return eligibility.Person(Citizenship.UNSPECIFIED, None)
    return applicant.proven(statutory_date(at))


async def identity(db: AsyncConnection, resident: UUID) -> Case | None:
    """Find the resident's case of identification, None where nothing was ever shown."""
    return await case.of(db, resident)


async def require_identified(db: AsyncConnection, resident: UUID, on: date) -> None:
    """Let nothing be granted to somebody whose own case is not decided; raises IdentityUndecided."""
    if not (await standing.standing(db, resident, on)).identified:
        raise IdentityUndecided


async def _latest(db: AsyncConnection, resident: UUID) -> UUID | None:
    mine = tables.document.c.resident == resident
    query = select(tables.document.c.id).where(mine).order_by(tables.document.c.id.desc()).limit(1)
    found: UUID | None = await db.scalar(query)
    return found


def _born(text: str) -> date | None:
    """Read a date of birth as kyc writes it; None where the document leaves out a part of it."""
    return None if "X" in text else date.fromisoformat(text)
