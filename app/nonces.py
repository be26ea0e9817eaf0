"""What only has to last for minutes is forgotten: nonces that wallets and chips used, what verifiers asked."""

from app import clock, db, presentations
from app.house import House
from kyc.chip import challenge
from residency.credential import nonce


async def step(house: House) -> int:
    """Forget what has expired; answers how much it was."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        connection = await story()
        nonces = await nonce.forget(connection, at=now) + await challenge.forget(connection, at=now)
        return nonces + await presentations.forget(connection, now=now)
