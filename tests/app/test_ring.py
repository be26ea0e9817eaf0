"""Our published keys: the next is known before it signs, the last after it did, without a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from app import clock, ring
from app.ring import Ring
from proof.signer import Alg, verify

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def test_a_key_is_published_before_it_signs_and_after_it_was_followed(tmp_path: Path) -> None:
    now = Clock()
    ours, theirs = (Ring(tmp_path, "message", Alg.EDDSA, now=now) for _ in range(2))
    first = ours.current().kid
    second = ours.rotate(now() + ring.NOTICE).kid
    now.now += timedelta(seconds=5)  # another process looks again

    seen = {}
    for hours in (0, 1.99, 2, 2 + 7 * 24 - 0.01, 2 + 7 * 24):
        now.now = START + timedelta(hours=hours, seconds=5)
        assert ours.current().kid == theirs.current().kid
        seen[hours] = (theirs.current().kid, [jwk["kid"] for jwk in theirs.published()])
    both = [first, second]
    assert list(seen.values()) == [(first, both), (first, both), (second, both), (second, both), (second, [second])]


def test_what_was_signed_is_believed_by_what_is_published_then(tmp_path: Path) -> None:
    now = Clock()
    ours = Ring(tmp_path, "webhook", Alg.EDDSA, now=now)
    signatures = []
    for _ in range(4):
        ours.rotate(now() + ring.NOTICE)
        for _ in range(3):
            now.now += timedelta(hours=1)
            signatures.append(ours.sign(b"x"))
            # Everything of the last day is still proved by what stands in the set.
            assert all(any(verify(jwk, b"x", each) for jwk in ours.published()) for each in signatures)


def test_a_ring_begins_with_the_key_that_was_there(tmp_path: Path) -> None:
    first = Ring(tmp_path, "access", Alg.ES256).current().kid
    (tmp_path / "access.pem.bak").write_text("not ours")
    (tmp_path / "accessory.pem").write_text("not ours")

    assert Ring(tmp_path, "access", Alg.ES256).current().kid == first


def test_a_key_is_not_rotated_into_the_past(tmp_path: Path) -> None:
    ours = Ring(tmp_path, "message", Alg.EDDSA)
    with pytest.raises(AssertionError):
        ours.rotate(clock.real() - timedelta(seconds=1))


@pytest.mark.asyncio
async def test_the_published_sets_are_those_of_the_rings(app: Litestar, client: httpx.AsyncClient) -> None:
    keys = app.state.house.keys
    for path, held in (
        ("/.well-known/jwks.json", keys.access),
        ("/.well-known/http-message-signatures-directory", keys.message),
    ):
        answer = await client.get(path)
        assert answer.json()["keys"] == held.published()
        assert "max-age" in answer.headers["cache-control"]
        assert not any("d" in jwk for jwk in answer.json()["keys"])
    webhooks = (await client.get("/v1/partner/webhook-keys")).json()["keys"]
    assert [key["kid"] for key in webhooks] == [jwk["kid"] for jwk in keys.webhook.published()]
    # Each signs one kind of thing: no key stands in two sets.
    sets = [{jwk["kid"] for jwk in each.published()} for each in (keys.access, keys.message, keys.webhook)]
    assert len(set.union(*sets)) == sum(map(len, sets))
