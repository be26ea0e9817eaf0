"""Single-use things whose time is over are forgotten by the worker: nobody could use them any more."""

from datetime import timedelta

from sqlalchemy import delete

from app import clock, db
from app.auth import tables, verification
from app.house import House

_SINGLE_USE = (
    tables.spent_jti,
    tables.spent_assertion,
    tables.quota,
    tables.challenge,
    tables.pre_authorized_code,
    tables.verification,
    tables.sending,
    tables.message,
)
#: What was asked may still be decided, and a code that comes again is noticed, for a while after its own minute.
_NOTICED = (tables.authorization_request, tables.authorization_code)
_NOTICED_FOR = timedelta(minutes=10)


async def step(house: House) -> int:
    """Forget what has expired: proofs, challenges, codes, messages, contacts nobody proved, recoveries nobody finished.

    Answers how many they were.
    """
    gone, now = 0, clock.real()
    async with db.transaction(house.worker) as story:
        connection = await story()
        for table in _SINGLE_USE:
            gone += (await connection.execute(delete(table).where(table.c.expires_at < now))).rowcount
        for table in _NOTICED:
            over = delete(table).where(table.c.expires_at < now - _NOTICED_FOR)
            gone += (await connection.execute(over)).rowcount
        contact, recovery = tables.contact.c, tables.recovery.c
        unproved = contact.verified_at.is_(None) & (contact.at < now - verification.LIFETIME)
        unfinished = recovery.finished_at.is_(None) & (recovery.expires_at < now)
        for table, dead in ((tables.contact, unproved), (tables.recovery, unfinished)):
            gone += (await connection.execute(delete(table).where(dead))).rowcount
    return gone
