"""What kyc knows about an applicant, as the values residency decides by: where the two rooms meet.

A citizenship counts only while a document in force proves it; what a person has to look at is settled when two officers
grant the application, and recorded in kyc as their look.
"""

import hashlib
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from app.access import Look
from kyc import check, document, screening, standing, tables
from kyc.check import Finding, NeedsReview, Verdict
from kyc.document import Person, Stored
from kyc.mrz import Birth
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


async def screen(db: AsyncConnection, applicant: Applicant, *, at: datetime, by: str) -> Finding:
    """Look the applicant up in the lists of today; kyc keeps the answer, also when nothing was found."""
    person = applicant.person
    looked = await screening.screen(db, f"{person.given} {person.surname}", Birth.read(person.born))
    inputs = hashlib.sha256(f"{applicant.document.id} {await screening.in_force(db)}".encode()).digest()
    # In the order of app/monitoring.py: first the row that says who was looked up, then the lock of the document.
    await screening.note_again(db, applicant.document.id, looked)
    await document.look_again(db, applicant.document.id, looked, inputs=inputs, at=at, actor=by)
    return looked


async def settle(db: AsyncConnection, applicant: Applicant, case_id: UUID, *, at: datetime, by: str) -> None:
    """Record that officers looked at what kyc left to a person, and granted the application of the case."""
    decision = check.decide(applicant.document.checks)
    if not isinstance(decision, NeedsReview):
        return
    inputs = hashlib.sha256(str(case_id).encode()).digest()
    for name in decision.reasons:
        looked = Finding(name, Verdict.PASS, {"granted_in": str(case_id)})
        await document.look_again(db, applicant.document.id, looked, inputs=inputs, at=at, actor=by)


async def _latest(db: AsyncConnection, resident: UUID) -> UUID | None:
    mine = tables.document.c.resident == resident
    query = select(tables.document.c.id).where(mine).order_by(tables.document.c.id.desc()).limit(1)
    found: UUID | None = await db.scalar(query)
    return found


def _born(text: str) -> date | None:
    """Read a date of birth as kyc writes it; None where the document leaves out a part of it."""
    return None if "X" in text else date.fromisoformat(text)
