"""The issuing endpoints, asked by hand: what they refuse, in the words of OpenID4VCI 1.0, and what they take once."""

import asyncio
import time

import httpx
import pytest
from litestar import Litestar

from residency.credential.wallets import nonce
from simulators import wallet_app
from simulators.passkey import Json
from tests.app.people import bearer
from tests.credential import made
from tests.credential.people import Ready, resident

pytestmark = pytest.mark.asyncio


E_RESIDENT = {"credential_configuration_id": "e_resident_sd_jwt"}


async def test_a_repeated_key_and_another_media_type_are_refused(ready: Ready) -> None:
    url = ready.metadata["credential_endpoint"]
    token_ = ready.wallet.token
    for content, kind in ((b'{"proofs":{},"proofs":{}}', "application/json"), (b"a=b", "text/plain")):
        proof = ready.wallet.device.proof("POST", url, token=token_, nonce=ready.wallet.dpop_nonce)
        headers = {"Authorization": f"DPoP {token_}", "DPoP": proof, "Content-Type": kind}
        answer = await ready.wallet.http.post(url, content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_credential_request")


async def test_what_the_standard_does_not_know_is_ignored(ready: Ready) -> None:
    body = E_RESIDENT | {"proofs": {"jwt": [await ready.proof()]}, "issuer_state": "x", "format": "dc+sd-jwt"}

    assert (await ready.ask(body))[0] == 200


async def test_a_nonce_is_good_for_one_request(ready: Ready) -> None:
    body = E_RESIDENT | {"proofs": {"jwt": [await ready.proof()]}}

    assert (await ready.ask(body))[0] == 200
    assert (await ready.ask(body))[:2] == (400, "invalid_nonce")


async def test_a_refused_request_leaves_its_nonce_good(ready: Ready) -> None:
    text = await ready.nonce()
    other = wallet_app.proof_of(ready.key, audience="https://other.example", nonce=text)
    mine_ = wallet_app.proof_of(ready.key, audience=ready.metadata["credential_issuer"], nonce=text)

    assert (await ready.ask(E_RESIDENT | {"proofs": {"jwt": [other]}}))[:2] == (400, "invalid_proof")
    assert (await ready.ask(E_RESIDENT | {"proofs": {"jwt": [mine_]}}))[0] == 200


async def test_a_nonce_of_nobody_is_refused(ready: Ready) -> None:
    proof = wallet_app.proof_of(
        ready.key, audience=ready.metadata["credential_issuer"], nonce=nonce.mint(bytes(32), at=made.AT)
    )

    assert (await ready.ask(E_RESIDENT | {"proofs": {"jwt": [proof]}}))[:2] == (400, "invalid_nonce")


async def test_a_private_key_in_a_proof_is_refused_by_name(ready: Ready) -> None:
    header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": ready.key.jwk | {"d": "AAAA"}}
    claims = {"aud": ready.metadata["credential_issuer"], "iat": int(time.time()), "nonce": await ready.nonce()}

    refused = await ready.ask(E_RESIDENT | {"proofs": {"jwt": [ready.key.jws(header, claims)]}})

    assert refused == (400, "invalid_proof", "proofs.jwt[0]: jwk has the private member d")


async def test_the_same_nonce_twice_at_once_issues_once(ready: Ready) -> None:
    body = E_RESIDENT | {"proofs": {"jwt": [await ready.proof()]}}

    answers = await asyncio.gather(*(ready.ask(body) for _ in range(4)))

    assert sorted(status_code for status_code, _, _ in answers) == [200, 400, 400, 400]


async def test_a_token_for_something_else_fetches_no_credential(
    app: Litestar, client: httpx.AsyncClient, ready: Ready
) -> None:
    holder = await resident(app)
    url = ready.metadata["credential_endpoint"]

    nobody = await client.post(url, json={})
    without_scope = await client.post(url, json={}, headers=bearer(holder.access_token))
    without_proof = await client.post(url, json={}, headers={"Authorization": f"DPoP {ready.wallet.token}"})

    assert nobody.status_code == without_proof.status_code == 401
    assert without_scope.status_code == 403
    for answer in (nobody, without_scope, without_proof):
        assert answer.headers["www-authenticate"].startswith("DPoP")
    assert "insufficient_scope" in without_scope.headers["www-authenticate"]
    assert [answer.json()["error"] for answer in (nobody, without_scope, without_proof)] == [
        "invalid_token",
        "insufficient_scope",
        "invalid_dpop_proof",
    ]


async def test_a_notification_is_heard_once_and_only_for_what_was_issued(ready: Ready) -> None:
    await ready.wallet.fetch(ready.metadata, "e_resident_sd_jwt")
    url = ready.metadata["notification_endpoint"]
    known: Json = {"notification_id": ready.wallet.notification_id, "event": "credential_accepted"}

    answers = []
    for body in (known, known, known | {"notification_id": "unknown"}, known | {"event": "sold"}, {}, known | {"x": 1}):
        answer = await ready.wallet.send("POST", url, body=body)
        answers.append((answer.status_code, answer.json()["error"] if answer.content else ""))

    assert answers == [
        (204, ""),
        (204, ""),
        (400, "invalid_notification_id"),
        (400, "invalid_notification_request"),
        (400, "invalid_notification_request"),
        (204, ""),
    ]
