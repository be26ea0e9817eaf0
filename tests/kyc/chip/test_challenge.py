"""Challenges for chips: ours, one resident's, for minutes, once."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app import db
from kyc.chip import active, challenge
from kyc.chip.challenge import Challenge, StaleChallenge
from proof.kms import FileKms
from tests.conftest import Engines
from tests.kyc.passports import AT
from tests.kyc.scans import KMS, somebody

ME = somebody()


def mint() -> Challenge:
    return challenge.mint(KMS.blind, ME, at=AT)


def refused(text: str, *, after: timedelta = timedelta(0), by: object = ME, kms: FileKms = KMS) -> str:
    with pytest.raises(StaleChallenge) as stale:
        challenge.read(kms.blind, by, text, at=AT + after)  # type: ignore[arg-type]  # a UUID
    return stale.value.reason


def test_a_challenge_comes_back_as_it_was_given() -> None:
    made = mint()

    assert challenge.read(KMS.blind, ME, made.text, at=AT + challenge.LIFE - timedelta(seconds=1)) == made
    assert (len(made.nonce), made.expires_at) == (active.NONCE_BYTES, AT + challenge.LIFE)


def test_no_two_are_alike() -> None:
    made = [mint() for _ in range(50)]

    assert len({each.nonce for each in made}) == len({each.text for each in made}) == 50


def test_a_challenge_is_of_its_resident_and_its_time() -> None:
    made = mint()

    assert refused(made.text, after=challenge.LIFE) == "expired"
    assert refused(made.text, by=somebody()) == "not issued here"
    assert refused(made.text, kms=FileKms(Path("none"), {1: bytes(32)}, bytes(32))) == "not issued here"


def test_no_part_of_it_can_be_changed() -> None:
    made = mint().text
    for place in range(len(made)):
        other = "B" if made[place] == "A" else "A"
        changed = made[:place] + other + made[place + 1 :]
        try:
            read = challenge.read(KMS.blind, ME, changed, at=AT)
        except StaleChallenge:
            continue
        assert (place, read.text) == (len(made) - 1, made), "the last letter has bits that say nothing"


@pytest.mark.parametrize("text", ["", "A", "AAAA", "é" * 43, "A" * 43, "A" * 5_000, "=", "\x00"])
def test_any_other_text_is_none_of_ours(text: str) -> None:
    assert refused(text) == "not issued here"


@pytest.mark.asyncio
async def test_a_challenge_serves_once_also_for_two_at_once(engines: Engines) -> None:
    made = mint()

    async def spend() -> bool:
        try:
            async with db.transaction(engines.api, holder=ME, audience="resident") as story:
                await challenge.spend(await story(), made)
        except StaleChallenge as stale:
            return stale.reason != "already used"
        return True

    assert sorted(await asyncio.gather(*(spend() for _ in range(4)))) == [False, False, False, True]


@pytest.mark.asyncio
async def test_a_used_one_is_forgotten_when_it_has_expired(engines: Engines) -> None:
    made = mint()
    async with db.transaction(engines.api, holder=ME, audience="resident") as story:
        await challenge.spend(await story(), made)

    async with db.transaction(engines.worker) as story:
        connection = await story()
        assert await challenge.forget(connection, at=made.expires_at) == 0
        assert await challenge.forget(connection, at=made.expires_at + timedelta(seconds=1)) >= 1
