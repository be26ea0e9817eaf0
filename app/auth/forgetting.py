"""Single-use things whose time is over are forgotten by the worker: nobody could use them any more."""

from sqlalchemy import delete

from app import clock, db
from app.auth import tables
from app.house import House

_SINGLE_USE = (tables.spent_jti, tables.challenge, tables.pre_authorized_code)


async def step(house: House) -> int:
    """Forget proofs, challenges and codes that have expired; answers how many they were."""
    gone, now = 0, clock.real()
    async with db.transaction(house.worker) as story:
        connection = await story()
        for table in _SINGLE_USE:
            gone += (await connection.execute(delete(table).where(table.c.expires_at < now))).rowcount
    return gone
