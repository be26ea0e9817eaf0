"""Everybody whose document stands is looked up again when a list changes; what was clear yesterday may not be today.

takes      kyc/screening.py     due()
looks      app/monitoring.py    step()            <- you are here, a step of the worker
decides    kyc/document.py      look_again()
"""

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, vault
from app.db import Story, transaction
from app.house import House
from kyc import document, mrz, screening
from kyc.document import Person

_AT_ONCE = 50
_ACTOR = "service:monitoring"


async def step(house: House) -> int:
    """Look up a few of those who are due; answers how many."""
    async with transaction(house.worker, actor=_ACTOR, operation="monitoring") as story:
        waiting = await screening.due(await story(), _AT_ONCE)
        for due in waiting:
            await _look(house, story, due)
    return len(waiting)


async def _look(house: House, story: Story, due: screening.Due) -> None:
    db = await story()
    try:
        person = await _open(house, db, due)
    except vault.Erased:  # nobody is left to be looked up
        await screening.forget(db, due.document)
        return
    finding = await screening.screen(db, f"{person.given} {person.surname}", mrz.Birth.read(person.born))
    # Over the sealed person: a digest of a name could be guessed back.
    inputs = hashlib.sha256(due.person + finding.params.get("lists", "").encode()).digest()
    await document.look_again(db, due.document, finding, inputs=inputs, at=story.now, actor=_ACTOR)
    await screening.note_again(db, due.document, finding)


async def _open(house: House, db: AsyncConnection, due: screening.Due) -> Person:
    safe = await vault.look(db, house.keys.kms, due.resident, access.SCREENING)
    opened = safe.open(due.person, table="kyc.document", column="person", row=due.document)
    return msgspec.json.decode(opened, type=Person)
