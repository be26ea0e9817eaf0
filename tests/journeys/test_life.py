"""One e-resident lives through the house over HTTP; one loses the phone; one has every process killed under them."""

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
from simulators.lost_phone import LostPhone

#: Everything a resident of the journey owns, by where it is read; the payments of a card are added.
BELONGINGS = (
    "/v1/me/statuses",
    "/v1/applications",
    "/v1/me/credentials",
    "/v1/wallets/me",
    "/v1/wallets/me/entries",
    "/v1/statements",
    "/v1/payouts",
    "/v1/beneficiaries",
    "/v1/bank-accounts",
    "/v1/cards",
    "/v1/disputes",
    "/v1/invest/consent",
    "/v1/invest/placements",
    "/v1/invest/positions",
)
POSTGRES = "postgres"
#: Who is killed during which step: one that serves all of them, and one whom this step talks to.
VICTIMS = (
    ("api",),
    (POSTGRES,),
    ("worker", "agencies", "messages", "platforms", "scanner", "faces", "exposure"),
    ("api", "verifier", "notary"),
    (POSTGRES, "bank"),
    ("link", "card_network"),
    ("worker", "chargebacks", "link"),
    ("worker", "bank"),
    ("api", "bank"),
    (POSTGRES,),
)
#: Whoever keeps something, once: what is tried with every change.
KEEPERS = ((), (), ("api",), (), (POSTGRES,), ("link",), ("worker",), ("worker",), ("bank",), ())


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, named_database: str | None) -> Iterator[House]:
    with world.running(tmp_path_factory.mktemp("installation"), database_url=named_database) as house:
        yield house


@pytest.mark.asyncio
async def test_an_e_resident_lives_through_the_house(installation: House) -> None:
    async with Journey(installation) as resident:
        for step in journey.STEPS:
            assert await step.act(resident), f"nothing came of: {step.title}"
        proved = await proofs.all_of(resident)

    assert len(proved) == 3
    for proof in proved:
        assert proof.looked_at, proof.claim
        assert not proof.wrong, proof.claim
    for name in installation.programs:
        said = installation.said(name, characters=10_000_000)
        assert '"level": "error"' not in said, name
        assert "Traceback" not in said, name


@pytest.mark.asyncio
async def test_whoever_loses_the_phone_comes_back_and_nobody_else(installation: House) -> None:
    async with LostPhone(installation, "lost.phone@example.com") as resident:
        assert await resident.settle_in()
        assert (await resident.change_phones())["removed"] == "session_ended, then passkey_refused"
        returned = await resident.come_back()
        objected = await resident.object()

    assert returned == {
        "the second phone": "session_ended, then passkey_refused",
        "limits": "3 operations wait a day",
        "told": "Your account was recovered",
    }
    assert objected == {"the third phone": "session_ended, then suspended"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("victims", "at_the_end"),
    [
        pytest.param(KEEPERS, (POSTGRES, *world.INSIDE), id="keepers"),
        pytest.param(VICTIMS, (POSTGRES, *world.PROGRAMS), id="everybody", marks=pytest.mark.nightly),
    ],
)
async def test_another_lives_on_whatever_is_killed_under_them(
    installation: House, victims: tuple[tuple[str, ...], ...], at_the_end: tuple[str, ...]
) -> None:
    luck = random.Random(1242)

    async with Journey(installation) as resident:
        for step, struck in zip(journey.STEPS, victims, strict=True):
            async with killed(installation, *struck, after_s=luck.uniform(0.0, 0.5)):
                assert await step.act(resident), step.title
        acknowledged = await belongings(resident)

        await asyncio.to_thread(kill_and_start, installation, *at_the_end)

        assert await belongings(resident) == acknowledged
        proved = await proofs.all_of(resident)
    for proof in proved:
        assert not proof.wrong, proof.claim


def test_everybody_is_a_victim_once() -> None:
    assert set(itertools.chain(*VICTIMS)) == {POSTGRES, *world.PROGRAMS}


async def belongings(resident: Journey) -> dict[str, Any]:
    """Read everything the resident owns."""
    found = {path: await resident.phone.get(path) for path in BELONGINGS}
    for card in found["/v1/cards"]["cards"]:
        path = f"/v1/cards/{card['id']}/payments"
        found[path] = await resident.phone.get(path)
    return found


@contextlib.asynccontextmanager
async def killed(installation: House, *victims: str, after_s: float) -> AsyncIterator[None]:
    """Kill `victims`, if any, while the block runs and start them again, as a supervisor would."""

    async def strike() -> None:
        await asyncio.sleep(after_s)
        await asyncio.to_thread(kill_and_start, installation, *victims)

    striking = asyncio.create_task(strike())
    try:
        yield
    finally:
        await striking


def kill_and_start(installation: House, *victims: str) -> None:
    """Kill all of them at once. A PostgreSQL that isn't ours serves others too, so it is spared."""
    programs = [victim for victim in victims if victim != POSTGRES]
    for victim in programs:
        installation.kill(victim)
    if POSTGRES in victims and installation.owns_database:
        installation.kill_database()
        installation.start_database()
    installation.start(*programs)
