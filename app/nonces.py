"""What only lasts for minutes is forgotten: nonces that were used, what verifiers asked, which codes were shown."""

from app import clock, db
from app.credentials import deferral, presentations
from app.house import House
from kyc.chip import challenge
from residency.credential.showing import code
from residency.credential.wallets import nonce


async def step(house: House) -> int:
    """Forget what has expired; answers how much it was."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        connection = await story()
        nonces = await nonce.forget(connection, at=now) + await challenge.forget(connection, at=now)
        shown = await code.forget(connection, now=now) + await deferral.forget(connection, now=now)
        return nonces + shown + await presentations.forget(connection, now=now)
