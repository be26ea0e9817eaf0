"""The check pipeline of a filed application: kyc is asked, its answers go to residency as values.

files      app/http/mobile/applications.py  submit_application()
checks     app/pipeline.py                  step()              <- you are here
moves      residency/checking.py            begin() record() settle()
decides    app/http/officer/cases.py        review_case()

Each transaction takes one application and does one thing to it: begins the checks, makes one of them, or moves the case
by what they found. A crash between two loses neither and repeats neither: what was found is stored with the round of
checks it belongs to, and the next look goes on from there.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, applicant
from app.applicant import Applicant
from app.db import transaction
from app.house import House
from kyc import check
from kyc.cases import reasons
from kyc.cases.life import STANDING
from kyc.cases.life import State as KycState
from law.calendar import statutory_date
from residency import case, checking, eligibility
from residency.application import Application
from residency.case import State
from residency.eligibility import Finding, Verdict
from residency.rules import RULES

ACTOR = "service:pipeline"

_AFTER_FAULT = timedelta(minutes=1)
_ONE_ROUND_MAX = 100
_log = structlog.get_logger()


class Look(msgspec.Struct, frozen=True):
    """What a check is given: the application and its applicant, who is None as long as no document was scanned."""

    db: AsyncConnection
    application: Application
    applicant: Applicant | None
    now: datetime


async def step(house: House) -> int:
    """Do what is due now, one thing to one application at a time; answers how many things."""
    done = 0
    while done < _ONE_ROUND_MAX and await _one(house):
        done += 1
    return done


async def proceed(house: House, db: AsyncConnection, taken: Application, now: datetime) -> None:
    """Do the one thing that is next for an application this transaction holds."""
    if taken.state is State.SUBMITTED:
        await checking.begin(db, taken, at=now, by=ACTOR)
    elif taken.state in case.UNDER_REVIEW:
        await checking.notice_overdue(db, taken, at=now, by=ACTOR)
    else:
        await _check(house, db, taken, now)


async def _one(house: House) -> bool:
    taken: Application | None = None
    try:
        async with transaction(house.worker, actor=ACTOR, operation="pipeline") as story:
            taken = await checking.take(await story(), story.now)
            if taken is not None:
                await proceed(house, await story(), taken, story.now)
    except Exception as error:
        if taken is None:
            raise
        await _postpone(house, taken, error)
    return taken is not None


async def _check(house: House, db: AsyncConnection, taken: Application, now: datetime) -> None:
    found = await checking.found(db, taken.id, taken.version)
    made = {finding.check for finding in found}
    waiting = next((name for name in CHECKS if name not in made), None)
    if waiting is None:
        await checking.settle(db, taken, found, at=now, by=ACTOR)
        return
    why = access.case(taken.id, waiting=True)
    who = await applicant.find(db, house.keys.kms, taken.resident, statutory_date(now), why)
    finding = await CHECKS[waiting](Look(db, taken, who, now))
    await checking.record(db, taken, [finding], at=now)


async def _postpone(house: House, taken: Application, error: Exception) -> None:
    """Put one application aside, so that a fault of ours with it does not stop the others."""
    _log.error("check_failed", step="pipeline", state=taken.state, error=type(error).__name__, exc_info=error)
    async with transaction(house.worker) as story:
        await checking.postpone(await story(), taken, story.now + _AFTER_FAULT)


async def _document(look: Look) -> Finding:
    """There is a document, nobody waits for a better one, and it is in force."""
    if look.applicant is None:
        return Finding("document", Verdict.FAIL, "document_missing")
    shown = look.applicant.document
    if shown.expires < statutory_date(look.now):
        return Finding("document", Verdict.FAIL, "document_expired")
    known = await applicant.identity(look.db, look.application.resident)
    if known is not None and known.state is KycState.NEEDS_INPUT:
        return Finding("document", Verdict.FAIL, "document_unreadable")
    its_own = [each for each in shown.checks if not reasons.is_confidential(each.check)]
    clear = all(each.verdict is check.Verdict.PASS for each in its_own)
    return Finding("document", Verdict.PASS if clear else Verdict.REVIEW)


async def _citizenship(look: Look) -> Finding:
    return eligibility.citizenship(applicant.proven(look.applicant, look.now))


async def _age(look: Look) -> Finding:
    """Of age on the day of filing, by the rule of that day."""
    assert look.application.submitted_at is not None, "what is checked was filed"
    filed_on = statutory_date(look.application.submitted_at)
    return eligibility.age(applicant.proven(look.applicant, look.now), filed_on, RULES)


async def _known(look: Look) -> Finding:
    """Look whether the applicant's own case is approved: nothing is granted before, nor after a refusal for good."""
    known = await applicant.identity(look.db, look.application.resident)
    if known is not None and known.state is KycState.REJECTED_FINAL:
        return Finding("person.known", Verdict.FAIL)
    stands = known is not None and known.state in STANDING
    return Finding("person.known", Verdict.PASS if stands else Verdict.REVIEW)


#: Every check of an application, in the order they are made.
CHECKS: dict[str, Callable[[Look], Awaitable[Finding]]] = {
    "document": _document,
    "eligibility.citizenship": _citizenship,
    "eligibility.age": _age,
    "person.known": _known,
}
