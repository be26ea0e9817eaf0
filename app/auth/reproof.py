"""Who comes back shows who they are as surely as when they enrolled: the chip of a document that names the same person.

asks       app/auth/recovery.py
examines   kyc/identify.py     examine(): passive authentication, as at the enrolment

What is asked for is what the account was worth: for somebody who was ever identified, a document whose every check
passes; for somebody a person has yet to look at, one in which nothing fails; for somebody who never showed a document
that was worth anything, nothing: without one there is no status, no wallet and no card to lose.
"""

from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from kyc import check, names
from kyc.cases import decision
from kyc.cases.decision import Outcome
from kyc.cases.required import REQUIRED, is_of_document
from kyc.chip.report import ANSWER_MISSING
from kyc.document import Person
from kyc.identify import Examined
from proof.kms import Kms


class Enrolled(msgspec.Struct, frozen=True):
    """The best document of somebody, by what was ever decided about it: identified or review."""

    document: UUID
    outcome: str


async def enrolled(db: AsyncConnection, subject: UUID) -> Enrolled | None:
    """Find by what `subject` is known; None where nothing needs to be shown again."""
    row = (await db.execute(_BEST, {"subject": subject})).one_or_none()
    return Enrolled(*row) if row else None


async def same_person(db: AsyncConnection, kms: Kms, subject: UUID, known: Enrolled, shown: Examined) -> bool:
    """Say whether what was examined is worth as much as `known` and names the same person; raises app.vault.Erased.

    The number may differ: who lost the bag lost the passport with it.
    """
    # Nothing is asked of the chip on this way: whether it is a copy, no answer says.
    found = tuple(each for each in shown.findings if each.params.get("reason") != ANSWER_MISSING)
    worth = decision.alone(found + _SETTLED)
    if worth is Outcome.RETRY or (known.outcome == "identified" and worth is not Outcome.APPROVE):
        return False
    sealed = await db.scalar(_PERSON, {"document": known.document})
    safe = await vault.existing(db, kms, subject)
    opened = safe.open(sealed, table="kyc.document", column="person", row=known.document)
    return _features(msgspec.json.decode(opened, type=Person)) == _features(Person.of(shown.zone))


def _features(person: Person) -> tuple[str, ...]:
    named = names.normalise(f"{person.given} {person.surname}")
    return named, person.born, person.nationality, person.sex


#: What is asked about the person at an enrolment is known: the account exists, and the lists are looked at every day.
_SETTLED = tuple(check.Finding(name, check.Verdict.PASS) for name in REQUIRED["identity"] if not is_of_document(name))
_BEST = text(
    """
    SELECT document.id, decision.outcome
    FROM kyc.document JOIN kyc.decision ON decision.document = document.id
    WHERE document.resident = :subject AND decision.outcome IN ('identified', 'review')
    ORDER BY decision.outcome = 'identified' DESC, document.expires DESC, document.id DESC LIMIT 1
    """
)
_PERSON = text("SELECT person FROM kyc.document WHERE id = :document")
