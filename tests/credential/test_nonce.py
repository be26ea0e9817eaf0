"""Nonces: ours, fresh, and good once."""

import asyncio
from datetime import timedelta

import pytest

from app import clock, nonces
from app.db import transaction
from app.house import House
from residency.credential.wallets import nonce
from residency.credential.wallets.nonce import InvalidNonce
from tests.conftest import Engines
from tests.credential import made

KEY = bytes(32)


def test_a_nonce_tells_when_it_expires() -> None:
    text = nonce.mint(KEY, at=made.AT)

    assert nonce.read(KEY, text, at=made.AT) == made.AT + timedelta(minutes=5)


def test_no_two_nonces_are_the_same() -> None:
    assert len({nonce.mint(KEY, at=made.AT) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("text", "later", "reason"),
    [
        (nonce.mint(KEY, at=made.AT), timedelta(minutes=5), "expired"),
        (nonce.mint(bytes(31) + b"\1", at=made.AT), timedelta(), "not issued here"),
        (nonce.mint(KEY, at=made.AT)[:-2], timedelta(), "not issued here"),
        ("", timedelta(), "not issued here"),
        ("not base64url!", timedelta(), "not issued here"),
    ],
    ids=["expired", "other key", "cut short", "empty", "not base64url"],
)
def test_a_nonce_that_is_not_ours_or_not_fresh_is_refused(text: str, later: timedelta, reason: str) -> None:
    with pytest.raises(InvalidNonce) as caught:
        nonce.read(KEY, text, at=made.AT + later)

    assert caught.value.reason == reason


def test_no_character_of_a_nonce_can_be_changed() -> None:
    text = nonce.mint(KEY, at=made.AT)

    for place, char in enumerate(text):
        with pytest.raises(InvalidNonce):
            nonce.read(KEY, text[:place] + ("A" if char != "A" else "B") + text[place + 1 :], at=made.AT)


async def spend(engines: Engines, text: str) -> str:
    try:
        async with transaction(engines.api, audience="public") as story:
            await nonce.spend(await story(), text, expires_at=made.AT + nonce.LIFE)
    except InvalidNonce as refused:
        return refused.reason
    return "spent"


@pytest.mark.asyncio
async def test_a_nonce_serves_once_even_for_two_at_the_same_time(engines: Engines) -> None:
    text = nonce.mint(KEY, at=made.AT)

    answers = await asyncio.gather(*(spend(engines, text) for _ in range(8)))

    assert sorted(answers) == ["already used"] * 7 + ["spent"]


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_the_worker_forgets_what_has_expired(engines: Engines) -> None:
    text = nonce.mint(KEY, at=made.AT)
    await spend(engines, text)

    async with transaction(engines.worker) as story:
        early = await nonce.forget(await story(), at=made.AT + nonce.LIFE)
        late = await nonce.forget(await story(), at=made.AT + nonce.LIFE + timedelta(seconds=1))

    assert (early, late) == (0, 1)


@pytest.mark.asyncio
async def test_the_worker_does_it_by_the_real_clock(engines: Engines, house: House) -> None:
    text = nonce.mint(KEY, at=made.AT)
    async with transaction(engines.api, audience="public") as story:
        await nonce.spend(await story(), text, expires_at=clock.real() - timedelta(seconds=1))

    assert await nonces.step(house) >= 1
    assert await spend(engines, text) == "spent"
