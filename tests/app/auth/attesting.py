"""Wallets at the authorisation server, as their providers and their own requests have it; what tests ask of them."""

import uuid

import httpx
import pytest
from litestar import Litestar

from app import clock
from app.auth.wallets import wallet_client
from app.auth.wallets.wallet_client import WalletClient
from simulators.passkey import Json
from simulators.wallet_app import Offer, Refused, WalletApp
from simulators.wallet_provider import WalletProvider
from tests.app import people
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK, OTHER_CALLBACK, Holder, Wallet
from tests.app.auth.people import house_of, story_of
from tests.app.people import keyed
from tests.credential.people import offered, resident

E_RESIDENT = "e_resident_sd_jwt"


async def trust(app: Litestar, client: httpx.AsyncClient, provider: WalletProvider) -> str:
    """Have a provider believed, as who tests from outside does."""
    name = f"provider-{uuid.uuid4().hex[:8]}"
    body = {"id": name, "name": "A provider", "root": provider.root_pem}
    answer = await client.post(
        "/v1/sandbox/wallet-providers", json=body, headers=keyed(await people.token(app, "service"))
    )
    assert answer.status_code == 201, answer.text
    return name


async def asked(phone: WalletApp, issuer: str, proofs: Json, configuration: str = E_RESIDENT) -> httpx.Response:
    body: Json = {"credential_configuration_id": configuration, "proofs": proofs}
    return await phone.send("POST", f"{issuer}/openid4vci/credential", body=body)


async def nonce(phone: WalletApp, issuer: str) -> str:
    answer = await phone.http.post(f"{issuer}/openid4vci/nonce")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["dpop-nonce"]
    return str(answer.json()["c_nonce"])


async def refused(phone: WalletApp, app: Litestar, client: httpx.AsyncClient) -> tuple[int, str, str]:
    with pytest.raises(Refused) as caught:
        await phone.redeem(Offer.read(await offered(client, await resident(app))))
    return caught.value.status, caught.value.error, caught.value.body["error_description"]


async def registered(app: Litestar, client: httpx.AsyncClient, *, provider: str | None) -> Wallet:
    made = Wallet(client, f"wallet.{uuid.uuid4().hex[:8]}")
    async with story_of(house_of(app)) as story:
        new = WalletClient(made.name, "Silk Wallet", [CALLBACK, OTHER_CALLBACK], provider)
        await wallet_client.register(await story(), new, clock.real(), local=False)
    return made


async def push(wallet: Wallet, headers: dict[str, str], **changed: str) -> httpx.Response:
    return await oauth.send(wallet.http, "/oauth/par", wallet.device, wallet.asks(**changed), headers=headers)


async def redeem(wallet: Wallet, code: str, headers: dict[str, str], **changed: str | None) -> httpx.Response:
    sound: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": wallet.name,
        "redirect_uri": CALLBACK,
        "code_verifier": wallet.verifier,
    }
    form = {name: value for name, value in (sound | changed).items() if value is not None}
    return await oauth.send(wallet.http, "/oauth/token", wallet.device, form, headers=headers)


async def code_of(wallet: Wallet, holder: Holder, headers: dict[str, str], **changed: str) -> str:
    pushed = await push(wallet, headers, **changed)
    assert pushed.status_code == 201, pushed.text
    opened = (await wallet.open(pushed.json()["request_uri"])).json()
    answer = await oauth.signed(wallet.http, opened, holder.passkey)
    return oauth.parameters(answer.json()["redirect_to"])["code"]
