"""Nonces that wallets have used are forgotten once they would have expired: nobody could use them any more."""

from app import clock, db
from app.house import House
from residency.credential import nonce


async def step(house: House) -> int:
    """Forget what has expired; answers how many nonces it was."""
    async with db.transaction(house.worker) as story:
        return await nonce.forget(await story(), at=clock.real())
