"""One look at one person, in whoever's story: what is found becomes alerts, that one looked becomes a proof.

asks       kyc/identify.py, app/applicant.py, app/monitoring.py
finds      kyc/screening/matching.py   search()
looks      kyc/screening/looking.py    look()          <- you are here
keeps      kyc/screening/proof.py, kyc/screening/alert.py
decides    kyc/cases                   by the finding it answers
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.check import Finding, Verdict
from kyc.lists import edition
from kyc.screening import alert, events, matching, proof, standard
from kyc.screening.matching import Blind, Lists
from kyc.screening.subject import Subject
from kyc.tables import event
from proof import journal


async def look(
    db: AsyncConnection,
    lists: Lists | None,
    subject: Subject,
    *,
    resident: UUID,
    blind: Blind,
    at: datetime,
    actor: str,
    whole: bool = False,
) -> Finding:
    """Look a person up in the lists in force; where one of them never came there is no answer, which is an error.

    `whole` says that `subject` is everything known of the person, not one document of several.
    """
    never = await edition.missing(db)
    if lists is None or never:
        return Finding(
            standard.CHECK, Verdict.ERROR, {"reason": "no_list", "missing": ", ".join(never)}, rule=standard.RULES
        )
    matches = matching.search(lists, subject, blind)
    stand = await alert.settle(db, resident, matches, whole=whole, at=at, actor=actor)
    asked = proof.asked(subject, blind)
    found = matching.found(each.matched for each in matches)
    leaf = proof.leaf(resident, lists.edition.number, asked, found)
    kept = {
        "resident": resident,
        "edition": lists.edition.number,
        "asked": asked,
        "root": proof.root([leaf]),
        "leaf": leaf,
        "found": len(matches),
        "at": at,
    }
    noted: UUID = (await db.execute(_NOTE_LOOK, kept)).scalar_one()
    number, root = lists.edition.number, proof.root([leaf]).hex()
    told = events.Looked(look=noted, edition=number, persons=1, found=len(matches), root=root)
    await journal.append(db, event, journal.Fact(aggregate=noted, at=at, actor=actor, event=told))
    return alert.finding(stand, lists.edition)


async def shown(db: AsyncConnection, resident: UUID, document: UUID, *, at: datetime) -> None:
    """Note that a document speaks of somebody, who is to be looked up from here on by what it says, too."""
    await db.execute(_NOTE_SHOWN, {"resident": resident, "document": document, "at": at})


_NOTE_LOOK = text("SELECT kyc.note_look(:resident, :edition, :asked, :root, :leaf, :found, :at)")
_NOTE_SHOWN = text("SELECT kyc.note_shown(:resident, :document, :at)")
