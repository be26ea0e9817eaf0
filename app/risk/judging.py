"""Somebody is judged because something was learnt or a month is over; what follows is reported to their case.

takes      kyc/risk/profile.py       due()
judges     app/risk/judging.py       judge()        <- you are here, a step of the worker
reports    kyc/cases/records.py      add()          risk.score, person.pep, person.media
asks       kyc/risk/exposure.py      ask()          the outside, where there is one
reviews    app/risk/reviewing.py     schedule()

High asks officers, who are two (kyc/cases); prohibited ends there as well: the machine refuses nobody. What is
unchanged is not reported again, so that officers who settled it are not asked twice.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids, vault
from app.db import transaction
from app.house import House
from app.risk import gathering, reviewing
from app.risk.gathering import Gathered
from kyc.cases import records
from kyc.check import Finding
from kyc.risk import arrival, assessment, exposure, override, profile
from kyc.risk.assessment import Stored
from kyc.risk.band import TERMS
from kyc.risk.exposure import Kind
from kyc.risk.override import What
from law import calendar

ACTOR = "service:risk"
_AT_ONCE = 20


async def step(house: House) -> int:
    """Judge a few of those who are due; answers how many."""
    async with transaction(house.worker, actor=ACTOR, operation="risk") as story:
        db = await story()
        waiting = await profile.due(db, at=story.now, limit=_AT_ONCE)
        for due in waiting:
            await judge(house, db, due.resident, due.why, at=story.now)
    return len(waiting)


async def judge(house: House, db: AsyncConnection, resident: UUID, why: str, *, at: datetime) -> Stored | None:
    """Judge a resident, keep it, report what is new and plan what comes next; None where nothing is known."""
    today = calendar.statutory_date(at)
    try:
        gathered = await gathering.gather(db, house.keys.kms, resident, at)
    except vault.Erased:  # nobody is left to be judged
        await exposure.forget(db, resident)
        gathered = None
    if gathered is None:
        await profile.judged(db, resident, again_at=None)
        return None
    stored = await assessment.store(
        db, resident, gathered.facts, safe=gathered.safe, new=ids.new(), why=why, on=today, actor=ACTOR, at=at
    )
    band = override.band(stored.assessment, gathered.overrides)
    score = arrival.finding(stored.assessment, band, stored.inputs_hash, [f"assessment_{stored.id}"])
    found = [score, *_outside(gathered)]
    if new := await _new(db, resident, found):
        await records.add(db, resident, new, inputs=stored.inputs_hash, at=at, actor=ACTOR)
    if house.settings.exposure_url is not None and (why == "document" or len(gathered.known) < len(Kind)):
        # Another document may say another name.
        await exposure.ask(db, resident, ids=[ids.new() for _ in Kind], due_at=clock.real())
    again_on = calendar.add_months(today, TERMS.value("risk.judged.again", today))
    await profile.judged(db, resident, again_at=calendar.day_starts(again_on))
    await reviewing.schedule(db, resident, band, actor=ACTOR, at=at)
    if gathered.facts.turnover_percent >= TERMS.value("risk.turnover.far_above", today):
        await profile.review_now(db, resident, "turnover", at)
    return stored


def _outside(gathered: Gathered) -> list[Finding]:
    """Say what was answered. That nothing was is said by what is demanded (app/identity_cases.py)."""
    return [
        exposure.finding(known, kind, override.excepted(gathered.overrides, What(kind)))
        for kind, known in sorted(gathered.known.items())
    ]


async def _new(db: AsyncConnection, resident: UUID, found: Sequence[Finding]) -> list[Finding]:
    """Leave out what the case knows already: the same verdict for the same reasons."""
    rows = await db.execute(_SAID, {"resident": resident, "names": [each.check for each in found]})
    said = {row.name: (row.verdict, row.params) for row in rows}
    return [each for each in found if said.get(each.check) != (str(each.verdict), each.params)]


_SAID = text(
    """
    SELECT DISTINCT ON (name) name, verdict, params FROM kyc.check
    WHERE resident = :resident AND name = ANY (:names) ORDER BY name, id DESC
    """
)
