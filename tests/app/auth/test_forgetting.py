"""What is used once is kept as long as it could be used, and no longer."""

import uuid
from datetime import timedelta

import pytest

from app import clock
from app.auth import challenge, code, dpop, forgetting, gate
from app.auth.dpop import Proof
from app.house import House
from tests.app.auth.people import count, minted, story_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_could_still_be_used_stays_and_the_rest_goes(house: House) -> None:
    proof, now, spent = Proof("key", str(uuid.uuid4())), clock.real(), "SELECT count(*) FROM app.spent_jti"
    resident = (await minted(house, "resident")).subject
    await house.door.gate.admit(None, proof)
    async with story_of(house) as story:
        db = await story()
        kept = await challenge.issue(db, "assertion", now)
        await challenge.issue(db, "assertion", now - challenge.LIFETIME)
        await gate.spend(db, "client:bank", "an old assertion", now - timedelta(seconds=1))
        await story.speak_for(resident)
        await code.issue_code(db, resident, ["x"], now=now - code.LIFETIME)

    assert await forgetting.step(house) == 3
    assert await forgetting.step(house) == 0

    assert await count(house, spent) == 1
    with pytest.raises(dpop.Refused):
        await house.door.gate.admit(None, proof)
    async with story_of(house) as story:
        assert await challenge.spend(await story(), kept.id, "assertion", clock.real()) == kept
