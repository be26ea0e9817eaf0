"""Wallets of somebody else in the sandbox: registered, approved in a resident's name, given what was approved."""

from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from app.http import ids
from simulators.passkey import Json
from tests.app import people
from tests.app.auth import oauth
from tests.app.auth.attesting import E_RESIDENT, redeem
from tests.app.auth.oauth import CALLBACK, Wallet
from tests.app.people import keyed
from tests.credential.people import resident

pytestmark = pytest.mark.asyncio


@pytest.fixture
def body() -> Json:
    return {"id": f"wallet.{uuid4().hex[:8]}", "name": "A wallet", "redirect_uris": [CALLBACK]}


async def operate(app: Litestar, client: httpx.AsyncClient, path: str, body: Mapping[str, object]) -> httpx.Response:
    return await client.post(path, json=body, headers=keyed(await people.token(app, "service")))


async def test_a_wallet_of_ones_own_gets_what_is_approved_in_a_residents_name(
    app: Litestar, client: httpx.AsyncClient, body: Json
) -> None:
    who = await resident(app)
    assert (await operate(app, client, "/v1/sandbox/wallets", body)).json() == body | {"provider": None}
    wallet = Wallet(client, body["id"])
    asked = {"client_id": wallet.name, "request_uri": await wallet.pushed()}
    approval = asked | {"resident": ids.show("resident", who.subject)}

    approved = await operate(app, client, "/v1/sandbox/authorizations", approval)
    again = await operate(app, client, "/v1/sandbox/authorizations", approval)

    back = oauth.parameters(approved.json()["redirect_to"])
    assert approved.json()["redirect_to"].startswith(CALLBACK)
    given = await redeem(wallet, back["code"], {})
    assert (given.status_code, given.json()["scope"]) == (200, f"credential:{E_RESIDENT} credential:issue")
    assert (again.status_code, again.json()["code"]) == (409, "authorization_over")
    listed = (await client.get("/v1/me/sessions", headers=keyed(who.access_token))).json()["sessions"]
    assert [each["device"] for each in listed if each["client"] == wallet.name] == [None]


async def test_nobody_is_spoken_for_who_is_not_there_or_has_no_status(
    app: Litestar, client: httpx.AsyncClient, body: Json
) -> None:
    await operate(app, client, "/v1/sandbox/wallets", body)
    wallet = Wallet(client, body["id"])
    newcomer = uuid4()
    await people.token(app, "resident", of=newcomer)
    for who, refused in ((newcomer, (403, "not_e_resident")), (uuid4(), (404, "not_found"))):
        asked = {"client_id": wallet.name, "request_uri": await wallet.pushed()}

        answer = await operate(
            app, client, "/v1/sandbox/authorizations", asked | {"resident": ids.show("resident", who)}
        )

        assert (answer.status_code, answer.json()["code"]) == refused


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, (409, "wallet_known")),
        ({"id": "wallet.two", "redirect_uris": ["https://wallet.example/#here"]}, (422, "bad_redirect_uri")),
        ({"id": "wallet.two", "redirect_uris": ["http://wallet.example/"]}, (422, "bad_redirect_uri")),
        ({"id": "wallet.two", "redirect_uris": []}, (400, "invalid_request")),
        ({"id": "wallet.two", "provider": "nobody"}, (422, "unknown_provider")),
        ({"id": "two words"}, (400, "invalid_request")),
    ],
)
async def test_a_wallet_is_registered_once_and_well(
    app: Litestar, client: httpx.AsyncClient, body: Json, changed: Json, refused: tuple[int, str]
) -> None:
    assert (await operate(app, client, "/v1/sandbox/wallets", body)).status_code == 201

    answer = await operate(app, client, "/v1/sandbox/wallets", body | changed)

    assert (answer.status_code, answer.json()["code"]) == refused
