"""Nonces of proofs: good for a while, for one epoch, by one key, whichever process made them; and how they are told."""

import uuid

import httpx
import pytest
from litestar import Litestar

from app.auth.nonce import WINDOW_S, Nonces
from app.settings import Settings
from simulators.passkey import DeviceKey
from simulators.phone import Phone
from tests.app.auth.people import registered

EPOCH, AT = uuid.UUID(int=1), WINDOW_S * 1_000_000.0


@pytest.mark.parametrize(
    ("shift_s", "taken"),
    [(-WINDOW_S - 1, False), (-1, True), (0, True), (2 * WINDOW_S - 1, True), (2 * WINDOW_S, False)],
)
def test_a_nonce_is_taken_for_two_windows_and_by_a_clock_that_is_behind(shift_s: float, taken: bool) -> None:
    nonces = Nonces(b"secret")

    assert nonces.takes(EPOCH, nonces.newest(EPOCH, AT), AT + shift_s) is taken


def test_the_next_window_hands_out_another_nonce() -> None:
    nonces = Nonces(b"secret")

    assert len({nonces.newest(EPOCH, AT + shift_s) for shift_s in (0, WINDOW_S - 1, WINDOW_S, 2 * WINDOW_S)}) == 3


def test_a_nonce_is_of_one_epoch_and_one_key() -> None:
    nonce = Nonces(b"secret").newest(EPOCH, AT)

    assert Nonces(b"secret").takes(EPOCH, nonce, AT)
    assert not Nonces(b"secret").takes(uuid.UUID(int=2), nonce, AT)
    assert not Nonces(b"another").takes(EPOCH, nonce, AT)


@pytest.mark.parametrize("nonce", [None, "", "x", "A" * 24])
def test_what_we_did_not_make_is_not_taken(nonce: str | None) -> None:
    assert not Nonces(b"secret").takes(EPOCH, nonce, AT)


def _headers(mine: Phone, nonce: str | None, path: str = "/v1/me") -> dict[str, str]:
    assert mine.tokens is not None
    token = mine.tokens.access
    proof = mine.device.proof("GET", mine.base_url + path, token=token, nonce=nonce)
    return {"Authorization": f"DPoP {token}", "DPoP": proof}


@pytest.mark.asyncio
async def test_a_resource_asks_for_its_nonce_and_takes_it(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        asked = await mine.http.get("/v1/me", headers=_headers(mine, None))
        taken = await mine.http.get("/v1/me", headers=_headers(mine, asked.headers["dpop-nonce"]))

    assert (asked.status_code, asked.json()["code"]) == (401, "use_dpop_nonce")
    assert asked.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    assert taken.status_code == 200


@pytest.mark.asyncio
async def test_the_token_endpoint_asks_in_the_words_of_oauth(client: httpx.AsyncClient, settings: Settings) -> None:
    device, url = DeviceKey(), f"{settings.issuer}/oauth/token"
    form = {"grant_type": "refresh_token", "refresh_token": "x"}

    asked = await client.post(url, data=form, headers={"DPoP": device.proof("POST", url)})
    proof = device.proof("POST", url, nonce=asked.headers["dpop-nonce"])
    taken = await client.post(url, data=form, headers={"DPoP": proof})

    assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
    assert taken.json()["error"] == "invalid_grant"


@pytest.mark.asyncio
async def test_whoever_sends_a_proof_hears_the_next_nonce_whatever_the_answer(
    app: Litestar, settings: Settings
) -> None:
    async with registered(app, settings) as mine:
        headers = [
            _headers(mine, mine.nonce),  # let in
            _headers(mine, None),  # no nonce
            _headers(mine, mine.nonce) | {"Authorization": "DPoP x"},  # no token
            {"DPoP": "x"},  # no proof
        ]
        answers = [await mine.http.get("/v1/me", headers=each) for each in headers]
        answers.append(await mine.http.get("/nowhere", headers={"DPoP": "x"}))
        silent = await mine.http.get("/v1/me")

    assert [answer.status_code for answer in answers] == [200, 401, 401, 401, 404]
    assert {answer.headers["dpop-nonce"] for answer in answers} == {mine.nonce}
    assert "dpop-nonce" not in silent.headers
