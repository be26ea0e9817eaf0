"""What platforms say of our app: believed for this session and key alone, a signal, and never in anybody's way."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import cbor2
import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar

from app.auth import app_attest, attestation, jose
from app.house import House
from app.http import ids
from app.settings import Settings
from simulators import platforms
from simulators.passkey import b64, unb64
from simulators.phone import Phone, Refused
from simulators.platforms import Apple, client_hash, play_token
from tests.app.auth.people import house_of, minted, registered
from tests.app.people import bearer

pytestmark = pytest.mark.asyncio

APPLE = Apple()
HASH = bytes(range(32))
NOW = datetime.now(UTC)
Json = dict[str, Any]


@asynccontextmanager
async def watching(app: Litestar, folder: Path, **told: Any) -> AsyncIterator[House]:  # noqa: ANN401  settings
    """Give our process as it would be with the makers of phones at the other end of its line."""
    root = folder / "apple-root.pem"
    root.write_bytes(APPLE.root.public_bytes(Encoding.PEM))
    house = house_of(app)
    settings = {"integrity_url": "http://127.0.0.1:9106", "app_attest_root": root} | told
    transport = httpx.ASGITransport(cast("Any", platforms.build(APPLE)))
    async with httpx.AsyncClient(transport=transport) as http:
        yield msgspec.structs.replace(house, http=http, settings=msgspec.structs.replace(house.settings, **settings))


def jkt(mine: Phone) -> str:
    return jose.key_of(msgspec.convert(mine.device.jwk, jose.Jwk)).thumbprint


async def bring(mine: Phone, making: Callable[[bytes], Json]) -> None:
    begun = await mine.post("/v1/auth/attestations")
    evidence = making(client_hash(begun["challenge"], jkt(mine)))
    await mine.post(f"/v1/auth/attestations/{begun['id']}", {"evidence": evidence})


def android(hashed: bytes, flaw: Any = None) -> Json:  # noqa: ANN401  one of the flaws
    return {"platform": "android", "token": play_token(hashed, flaw=flaw)}


def ios(hashed: bytes, flaw: Any = None) -> Json:  # noqa: ANN401  one of the flaws
    key_id, made = APPLE.attest(hashed, flaw=flaw)
    return {"platform": "ios", "key_id": b64(key_id), "attestation": b64(made)}


async def seen(app: Litestar, of: Phone) -> tuple[str | None, list[str]]:
    """Read what an officer sees of the latest attestation."""
    assert of.tokens is not None
    officer = await minted(house_of(app), "officer")
    answer = await of.http.get(
        f"/v1/officer/residents/{of.tokens.subject}/attestations", headers=bearer(officer.access_token)
    )
    latest = answer.json()["attestations"][0]
    return latest["verdict"], latest["findings"]


CASES: dict[str, tuple[Callable[[bytes], Json], tuple[str, list[str]]]] = {
    "a good Android phone": (android, ("trusted", [])),
    "an app nobody knows": (lambda hashed: android(hashed, "app"), ("doubtful", ["app"])),
    "a phone that was broken open": (lambda hashed: android(hashed, "device"), ("doubtful", ["device"])),
    "another package": (lambda hashed: android(hashed, "package"), ("refused", ["package"])),
    "a token of another request": (lambda hashed: android(hashed, "request"), ("refused", ["request"])),
    "an old token": (lambda hashed: android(hashed, "age"), ("refused", ["age"])),
    "what is no token": (lambda _: {"platform": "android", "token": "?"}, ("refused", ["token"])),
    "a good iPhone": (ios, ("trusted", [])),
    "a chain of one's own": (lambda hashed: ios(hashed, "chain"), ("refused", ["chain"])),
    "an attestation of another request": (lambda hashed: ios(hashed, "nonce"), ("refused", ["nonce"])),
    "another key": (lambda hashed: ios(hashed, "key"), ("refused", ["key"])),
    "another app": (lambda hashed: ios(hashed, "app"), ("refused", ["app"])),
    "a key for development": (
        lambda hashed: ios(hashed, "fresh_production_key"),
        ("refused", ["fresh_production_key"]),
    ),
    "what is no attestation": (
        lambda _: {"platform": "ios", "key_id": "AA", "attestation": "AA"},
        ("refused", ["form"]),
    ),
}


async def test_a_verdict_is_kept_and_bars_nobody(app: Litestar, settings: Settings, tmp_path: Path) -> None:
    async with watching(app, tmp_path) as house, registered(app, settings) as mine:
        for case, (making, expected) in CASES.items():
            await bring(mine, making)
            assert (await seen(app, mine))[0] is None, case
            assert await attestation.step(house) == 1
            assert await seen(app, mine) == expected, case

            await mine.get("/v1/me")
        assert await attestation.step(house) == 0


async def test_an_attestation_is_for_the_session_and_key_it_was_asked_for(
    app: Litestar, settings: Settings, tmp_path: Path
) -> None:
    async with watching(app, tmp_path) as house, registered(app, settings) as mine, registered(app, settings) as other:
        begun = await mine.post("/v1/auth/attestations")
        stolen = {"evidence": android(client_hash(begun["challenge"], jkt(mine)))}
        where = f"/v1/auth/attestations/{begun['id']}"

        with pytest.raises(Refused, match="passkey_refused"):
            await other.post(where, stolen)
        await mine.post(where, {"evidence": android(client_hash(begun["challenge"], jkt(other)))})
        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(where, stolen)

        await attestation.step(house)
        assert await seen(app, mine) == ("refused", ["request"])


async def test_where_nobody_can_be_asked_nothing_is_known(app: Litestar, settings: Settings, tmp_path: Path) -> None:
    async with (
        watching(app, tmp_path, integrity_url=None, app_attest_root=None) as house,
        registered(app, settings) as mine,
    ):
        for making, why in ((android, "no_decoder"), (ios, "no_root")):
            await bring(mine, making)
            await attestation.step(house)
            assert await seen(app, mine) == ("unknown", [why])


async def test_a_decoder_that_is_silent_is_asked_again_for_a_while(
    app: Litestar, settings: Settings, tmp_path: Path
) -> None:
    async with watching(app, tmp_path) as house, registered(app, settings) as mine:
        silent = msgspec.structs.replace(house, http=httpx.AsyncClient(transport=httpx.MockTransport(_silent)))
        await bring(mine, android)
        due = attestation.Due(ids.parse("resident", _subject(mine)), HASH, _evidence(), NOW, NOW, 1)

        assert await attestation.judge(silent, due) is None
        last = msgspec.structs.replace(due, attempts=attestation.ATTEMPTS_MAX)
        assert await attestation.judge(silent, last) == attestation.Judged("unknown", ("no_answer",))
        await attestation.step(house)
        assert (await seen(app, mine))[0] == "trusted"


def _silent(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503)


def _evidence() -> bytes:
    return msgspec.json.encode(attestation.PlayIntegrity(token=play_token(HASH)))


def _subject(of: Phone) -> str:
    assert of.tokens is not None
    return of.tokens.subject


async def test_any_changed_byte_spoils_an_apple_attestation() -> None:
    key_id, made = APPLE.attest(HASH)
    known: Json = {"key_id": key_id, "client_hash": HASH, "app_id": platforms.APP_ID, "root": APPLE.root, "at": NOW}
    app_attest.verify(made, **known)
    data = cbor2.loads(made)["authData"]
    start = made.index(data)
    for place in range(start, start + len(data), 7):
        changed = made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :]
        with pytest.raises(app_attest.Refused):
            app_attest.verify(changed, **known)


@pytest.mark.parametrize("at", [NOW - timedelta(days=30), NOW + timedelta(days=4_000)])
async def test_an_apple_certificate_has_its_time(at: datetime) -> None:
    key_id, made = APPLE.attest(HASH)
    with pytest.raises(app_attest.Refused, match="chain"):
        app_attest.verify(made, key_id=key_id, client_hash=HASH, app_id=platforms.APP_ID, root=APPLE.root, at=at)


async def test_what_is_attested_is_said_in_the_contract() -> None:
    assert attestation.client_hash(unb64("AAEC"), "key") == client_hash("AAEC", "key")


async def test_evidence_is_read_strictly(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/attestations")
        for evidence in ({}, {"platform": "windows"}, {"platform": "ios", "token": "x"}, {"platform": "android"}):
            with pytest.raises(Refused, match="invalid_request"):
                await mine.post(f"/v1/auth/attestations/{begun['id']}", {"evidence": evidence})
