"""Offers by value and by reference, with and without a second code, as a wallet that is not ours would follow them."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from litestar import Litestar

from app.auth import code
from app.http import ids
from app.http.wallet_openid import offers
from simulators.passkey import Json
from simulators.wallet_app import PRE_AUTHORIZED, WalletApp
from tests.app import people
from tests.app.people import keyed
from tests.credential.people import resident

pytestmark = pytest.mark.asyncio

#: What the link of an offer holds, by how it was asked for (OpenID4VCI 1.0 section 4.1).
FORM = {"value": "credential_offer", "reference": "credential_offer_uri"}


async def offered(client: httpx.AsyncClient, token: str, **wanted: object) -> tuple[Json, str | None]:
    """Make an offer in the app and read its link: the offer object, fetched where it is only named."""
    answer = await client.post("/v1/me/credential-offers", json=wanted, headers=keyed(token))
    assert answer.status_code == 201, answer.text
    assert form(answer.json()["offer_uri"]) == FORM[str(wanted.get("by", "value"))]
    return await read(client, answer.json()["offer_uri"]), answer.json().get("tx_code")


async def read(client: httpx.AsyncClient, uri: str) -> Json:
    assert uri.startswith("openid-credential-offer://?")
    [(how, [told])] = parse_qs(urlsplit(uri).query).items()
    if how == FORM["value"]:
        found: Json = json.loads(told)
        return found
    assert how == FORM["reference"]
    answer = await client.get(told)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    fetched: Json = answer.json()
    return fetched


def form(uri: str) -> str:
    """Say what the link of an offer holds."""
    [how] = parse_qs(urlsplit(uri).query)
    return how


async def redeem(wallet: WalletApp, offer: Json, tx_code: str | None = None) -> tuple[int, str]:
    form = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": offer["grants"][PRE_AUTHORIZED]["pre-authorized_code"]}
    if tx_code is not None:
        form["tx_code"] = tx_code
    answer = await wallet.send("POST", f"{offer['credential_issuer']}/oauth/token", form=form)
    return answer.status_code, answer.json().get("error", "")


async def test_an_offer_says_the_same_by_value_and_by_reference(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    for by in ("value", "reference"):
        offer, tx_code = await offered(client, who.access_token, by=by)
        assert offer["credential_configuration_ids"] == ["e_resident_sd_jwt"]
        assert "tx_code" not in offer["grants"][PRE_AUTHORIZED]
        assert tx_code is None
        assert await redeem(wallet, offer) == (200, "")


async def test_a_reference_is_told_until_its_code_is_used(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    answer = await client.post("/v1/me/credential-offers", json={"by": "reference"}, headers=keyed(who.access_token))
    [address] = parse_qs(urlsplit(answer.json()["offer_uri"]).query)["credential_offer_uri"]

    first, again = [(await client.get(address)).json() for _ in range(2)]
    assert first == again
    assert await redeem(wallet, first) == (200, "")

    assert (await client.get(address)).status_code == 404


async def test_who_knows_the_code_does_not_know_the_reference(app: Litestar, client: httpx.AsyncClient) -> None:
    offer, _ = await offered(client, (await resident(app)).access_token)
    known = offer["grants"][PRE_AUTHORIZED]["pre-authorized_code"]

    assert (await client.get(f"{offers.PATH}{known}")).status_code == 404
    assert (await client.get(f"{offers.PATH}nothing")).status_code == 404


async def test_a_second_code_is_asked_for_and_tried_five_times(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    offer, tx_code = await offered(client, who.access_token, by="reference", with_tx_code=True)
    asked = offer["grants"][PRE_AUTHORIZED]["tx_code"]
    assert (asked["input_mode"], asked["length"]) == ("numeric", 6)
    assert tx_code is not None
    assert len(tx_code) == 6

    assert await redeem(wallet, offer) == (400, "invalid_request")
    wrong = f"{(int(tx_code) + 1) % 10**6:06}"
    for _ in range(code.TRIES_MAX):
        assert await redeem(wallet, offer, wrong) == (400, "invalid_grant")
    assert await redeem(wallet, offer, tx_code) == (400, "invalid_grant")  # by then it is good for nothing

    offer, tx_code = await offered(client, who.access_token, with_tx_code=True)
    assert await redeem(wallet, offer, tx_code) == (200, "")
    assert await redeem(wallet, offer, tx_code) == (400, "invalid_grant")


@pytest.mark.parametrize("by", FORM)
@pytest.mark.parametrize("grant", ["pre-authorized_code", "authorization_code"])
async def test_who_tests_wallets_gets_offers_to_any_resident(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, grant: str, by: str
) -> None:
    who = await resident(app)
    service = await people.token(app, "service")
    body = {
        "resident": ids.show("resident", who.subject),
        "configuration": "e_resident_mdoc",
        "grant": grant,
        "by": by,
    }

    answer = await client.post("/v1/sandbox/credential-offers", json=body, headers=keyed(service))

    assert answer.status_code == 201, answer.text
    assert form(answer.json()["offer_uri"]) == FORM[by]
    offer = await read(client, answer.json()["offer_uri"])
    assert offer["credential_configuration_ids"] == ["e_resident_mdoc"]
    if grant == "authorization_code":
        assert offer["grants"] == {"authorization_code": {}}
        assert answer.json().get("tx_code") is None
    else:
        assert await redeem(wallet, offer, answer.json()["tx_code"]) == (200, "")


async def test_the_offer_of_the_authorization_code_stands_while_the_document_is_issued(
    client: httpx.AsyncClient,
) -> None:
    """It says nothing of anybody, so it has no secret and no end; what isn't issued yet is not offered."""
    for configuration, status in (("e_resident_sd_jwt", 200), ("e_resident_mdoc", 200), ("resident_id_sd_jwt", 404)):
        assert (await client.get(f"{offers.PATH}{configuration}")).status_code == status
