"""What is used once is kept as long as it could be used, and no longer."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text

from app import clock
from app.auth import challenge, code, dpop, forgetting, gate
from app.auth.dpop import Proof
from app.db import transaction
from app.house import House
from tests.app.auth.people import minted, story_of

pytestmark = pytest.mark.asyncio

_COUNTED_LONG_AGO = text(
    """SELECT app.admit('[{"who": "resident:1", "policy": "default", "window_ends": "2026-01-01T00:00:00Z"}]', now())"""
)


async def test_what_could_still_be_used_stays_and_the_rest_goes(house: House) -> None:
    now, gate_ = clock.real(), house.door.gate
    resident = (await minted(house, "resident")).subject
    await gate_.admit(None, None)
    proof = Proof("key", str(uuid.uuid4()), gate_.nonce())
    await gate_.admit(None, proof)
    async with story_of(house) as story:
        db = await story()
        await db.execute(_COUNTED_LONG_AGO)
        kept = await challenge.issue(db, "assertion", now)
        await challenge.issue(db, "assertion", now - challenge.LIFETIME)
        await gate.spend(db, "client:bank", "an old assertion", now - timedelta(seconds=1))
        await story.speak_for(resident)
        await code.issue_code(db, resident, ["x"], now=now - code.LIFETIME)

    assert await forgetting.step(house) == 4
    assert await forgetting.step(house) == 0

    async with transaction(house.worker) as story:
        assert (await (await story()).execute(text("SELECT jti FROM app.spent_jti"))).scalars().all() == [proof.jti]
    with pytest.raises(dpop.Refused):
        await gate_.admit(None, proof)
    async with story_of(house) as story:
        assert await challenge.spend(await story(), kept.id, "assertion", clock.real()) == kept
