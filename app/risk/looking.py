"""What the outside is to be asked about people is brought to it: leased, asked under a key of its own, asked again.

takes      kyc/risk/exposure.py        claim()
asks       app/partners/exposure.py    pep(), media()
hears      app/risk/looking.py         step()        <- you are here, a step of the worker

No transaction is open while the outside is asked. What did not answer is unknown, and asked again later and later; what
did is asked again in a month.
"""

import asyncio
from datetime import timedelta

import msgspec
import structlog

from app import access, clock, db, ids, vault
from app.house import House
from app.partners.exposure import Vendor
from app.risk import gathering
from kyc.document import Person
from kyc.risk import exposure
from kyc.risk.band import TERMS
from kyc.risk.exposure import Answer, Asked, Errand, Kind, Unanswered
from law import calendar

ACTOR = "service:exposure"
SIZE_MAX = 20
_LEASE = timedelta(seconds=60)

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Ask what is due; answers how many questions were taken."""
    if (vendor := Vendor.of(house)) is None:
        return 0
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await exposure.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(_bring(house, vendor, each) for each in taken))
    return len(taken)


async def _bring(house: House, vendor: Vendor, errand: Errand) -> None:
    try:
        if (asked := await _whom(house, errand)) is None:
            return
        look = vendor.pep if errand.kind is Kind.PEP else vendor.media
        await _hear(house, errand, await look(errand.key, asked))
    except Unanswered as error:
        await _later(house, errand, error.trouble)
    except Exception as error:  # noqa: BLE001  one question's fault must not stop the others; it stays due
        _log.error("exposure_failed", kind=errand.kind, error=type(error).__name__, exc_info=error)
        await _later(house, errand, type(error).__name__)


async def _whom(house: House, errand: Errand) -> Asked | None:
    async with db.transaction(house.worker, actor=ACTOR, operation="exposure") as story:
        connection = await story()
        document = await gathering.latest_document(connection, errand.resident)
        try:
            if document is not None:
                person = await gathering.whom(connection, house.keys.kms, errand.resident, document)
                return _asked(person)
        except vault.Erased:
            pass
        await exposure.forget(connection, errand.resident)
        return None


def _asked(person: Person) -> Asked:
    return Asked(surname=person.surname, given=person.given, born=person.born, nationality=person.nationality)


async def _hear(house: House, errand: Errand, answer: Answer) -> None:
    async with db.transaction(house.worker, actor=ACTOR, operation="exposure") as story:
        connection, new = await story(), ids.new()
        try:
            safe = await vault.look(connection, house.keys.kms, errand.resident, access.SCREENING)
        except vault.Erased:
            await exposure.forget(connection, errand.resident)
            return
        words = msgspec.json.encode(answer.matches)
        today = calendar.statutory_date(story.now)
        await exposure.heard(
            connection,
            errand,
            answer,
            new=new,
            found=safe.seal(words, table="kyc.exposure_answer", column="found", row=new),
            again_at=clock.real() + timedelta(days=TERMS.value("risk.exposure.again", today)),
            actor=ACTOR,
            at=story.now,
        )


async def _later(house: House, errand: Errand, trouble: str) -> None:
    """Ask again, later the more often it was tried."""
    wait = min(exposure.BACKOFF_FIRST * (1 << min(errand.attempts, 20)), exposure.BACKOFF_MAX)
    async with db.transaction(house.worker) as story:
        await exposure.later(await story(), errand, due_at=clock.real() + wait, trouble=trouble)
