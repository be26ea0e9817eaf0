"""The resident's ID is issued anew: what it says has changed, its copies end soon, its wallets have new ones.

due       residency/credential/renewal.py   due()
looks     app/credentials/renewing.py       step()   <- you are here, a step of the worker
decides   residency/credential/renewal.py   decide(), settled()
tells     app/auth/message.py               notify(), and the feed

Each transaction takes one credential, and speaks for its holder: nobody's key but theirs is opened.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, person
from app.auth import contact, message
from app.auth.message import Notice
from app.credentials import entitlement
from app.db import transaction
from app.house import House
from kyc import standing
from residency.credential import events, life, renewal
from residency.credential.dataset import Sources
from residency.credential.life import Act, Reason, State
from residency.credential.renewal import Due, Remind, Replace, Wait, Withdraw

ACTOR = "service:credentials"
_ONE_ROUND_MAX = 50
_AFTER_FAULT = timedelta(minutes=5)

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Look at what is due, one credential at a time; answers how many."""
    done = 0
    while done < _ONE_ROUND_MAX and await _one(house, clock.real()):
        done += 1
    return done


async def _one(house: House, now: datetime) -> bool:
    async with transaction(house.worker) as story:
        found = await renewal.due(await story(), now=now)
    if found is None:
        return False
    credential, holder = found
    try:
        await _take(house, credential, holder, now)
    except Exception as error:  # noqa: BLE001  a fault with one must not stop the others
        _log.error("renewal_failed", step="credentials", error=type(error).__name__, exc_info=error)
        async with transaction(house.worker) as story:
            await renewal.wait(await story(), credential, now + _AFTER_FAULT)
    return True


async def _take(house: House, credential: UUID, holder: UUID, now: datetime) -> None:
    speaking = transaction(house.api, holder=holder, audience="resident", actor=ACTOR, operation="credentials")
    async with speaking as story:
        db = await story()
        taken = await renewal.take(db, credential, now=now)
        if taken is not None:
            await look(house, db, taken, now=now, at=story.now)


async def look(house: House, db: AsyncConnection, taken: Due, *, now: datetime, at: datetime) -> None:
    """Do what is to be done about one credential; `now` is the real clock, `at` the installation's."""
    if await entitlement.catch_up(db, taken.holder, taken.kind, actor=ACTOR, at=at):
        return
    copies = await renewal.live(db, taken.id, now=now)
    refused = await standing.refused(db, taken.holder)
    if taken.state is State.SUPERSEDED and not renewal.rests_on(copies, refused):
        if await renewal.settled(db, taken, now=now):
            await life.act_on(db, taken.id, Act.REVOKE, reason=Reason.DATA_CHANGED, actor=ACTOR, at=at)
        else:
            await renewal.wait(db, taken.id, taken.until)
        return
    match renewal.decide(taken, copies, await _sources(db, taken.holder, at), refused, now=now):
        case Withdraw(reason):
            await life.act_on(db, taken.id, Act.REVOKE, reason=reason, actor=ACTOR, at=at)
            await _notify(house, db, taken.holder, "credential_withdrawn", now)
        case Replace(reason, until):
            await life.act_on(db, taken.id, Act.RENEW, reason=reason, actor=ACTOR, at=at, until=until)
            await _notify(house, db, taken.holder, "credential_superseded", now)
        case Remind(ends_at):
            await renewal.wait(db, taken.id, None, reminded_for=ends_at)
            fact = events.Ending(credential=taken.id, ends_at=ends_at)
            await life.tell(db, taken.id, taken.holder, fact, actor=ACTOR, at=at)
            await _notify(house, db, taken.holder, "credential_ending", now)
        case Wait(until):
            await renewal.wait(db, taken.id, until)


async def _sources(db: AsyncConnection, holder: UUID, at: datetime) -> Sources | None:
    try:
        return await entitlement.sources(db, holder, at=at)
    except person.NotIdentified:
        return None


async def _notify(house: House, db: AsyncConnection, holder: UUID, notice: Notice, now: datetime) -> None:
    told = await contact.addresses(db, house.keys.kms, holder)
    await message.notify(db, house.keys.kms, notice, told, subject=holder, now=now)
