"""The issuance log grows: leaves that waited long enough are merged, and the new head is signed.

commits   residency/credential/transparency/log.py   append()
merges    app/credentials/issuance_log.py            step()   <- you are here, a step of the worker
shows     GET /v1/public/issuance-log…, GET /v1/me/credentials/{id}/receipts
"""

from sqlalchemy import text

from app import clock, db
from app.house import House
from residency.credential.transparency import log

_LEASE = text("SELECT name FROM app.lease WHERE name = 'issuance_log' FOR UPDATE SKIP LOCKED")


async def step(house: House) -> int:
    """Merge what waits, unless another worker does; answers how many leaves."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        if (await connection.execute(_LEASE)).one_or_none() is None:
            return 0
        seal, url = house.credentials.authority.log, house.settings.issuer
        return await log.merge(connection, seal, url=url, now=story.now, at=clock.real())
