"""One e-resident lives through the house over HTTP; then another, with every process killed under them."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from simulators import journey, proofs, world
from simulators.house import House
from simulators.journey import Journey

#: Everything a resident of the journey owns, by where it is read; the payments of a card are added.
BELONGINGS = (
    "/v1/me/statuses",
    "/v1/applications",
    "/v1/me/credentials",
    "/v1/wallets/me",
    "/v1/wallets/me/entries",
    "/v1/cards",
    "/v1/invest/consent",
    "/v1/invest/placements",
    "/v1/invest/positions",
)
VICTIMS = ("api", "postgres", "worker")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with world.running(tmp_path_factory.mktemp("installation")) as house:
        yield house


@pytest.mark.asyncio
async def test_an_e_resident_lives_through_the_house(installation: House) -> None:
    async with Journey(installation) as resident:
        for step in journey.STEPS:
            assert await step.act(resident), f"nothing came of: {step.title}"

    for proof in proofs.all_of(installation):
        assert proof.looked_at, proof.claim
        assert not proof.wrong, proof.claim
    for name in installation.programs:
        assert '"level": "error"' not in installation.said(name, characters=10_000_000), name


@pytest.mark.asyncio
async def test_another_lives_on_whatever_is_killed_under_them(installation: House) -> None:
    luck = random.Random(1242)
    victims = itertools.cycle(VICTIMS)

    async with Journey(installation) as resident:
        for step in journey.STEPS:
            async with killed(installation, next(victims), after_s=luck.uniform(0.0, 0.5)):
                assert await step.act(resident), step.title
        acknowledged = await belongings(resident)

        for victim in VICTIMS:
            await asyncio.to_thread(kill_and_start, installation, victim)

        assert await belongings(resident) == acknowledged
    for proof in proofs.all_of(installation):
        assert not proof.wrong, proof.claim


async def belongings(resident: Journey) -> dict[str, Any]:
    """Read everything the resident owns."""
    found = {path: await resident.phone.get(path) for path in BELONGINGS}
    for card in found["/v1/cards"]["cards"]:
        path = f"/v1/cards/{card['id']}/payments"
        found[path] = await resident.phone.get(path)
    return found


@contextlib.asynccontextmanager
async def killed(installation: House, victim: str, *, after_s: float) -> AsyncIterator[None]:
    """Kill `victim` while the block runs and start it again, as a supervisor would."""

    async def strike() -> None:
        await asyncio.sleep(after_s)
        await asyncio.to_thread(kill_and_start, installation, victim)

    striking = asyncio.create_task(strike())
    try:
        yield
    finally:
        await striking


def kill_and_start(installation: House, victim: str) -> None:
    if victim == "postgres":
        installation.kill_database()
        installation.start_database()
    else:
        installation.kill(victim)
        installation.start(victim)
