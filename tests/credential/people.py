"""Who takes part when a credential is issued over HTTP: an e-resident, a wallet, a wallet asked by hand."""

from typing import Any, cast

import httpx
from litestar import Litestar

from app.seed import Seeded
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import WalletApp
from tests.app.people import keyed, residents

_NUMBERS = iter(range(1, 1_000))


async def resident(app: Litestar) -> Seeded:
    [found] = await residents(app, 1, start=next(_NUMBERS))
    return found


def another_wallet(app: Litestar) -> WalletApp:
    return WalletApp(transport=httpx.ASGITransport(cast("Any", app)))


async def offered(client: httpx.AsyncClient, to: Seeded, key: str | None = None) -> str:
    answer = await client.post("/v1/me/credential-offers", json={}, headers=keyed(to.access_token, key))
    assert answer.status_code == 201, answer.text
    uri: str = answer.json()["offer_uri"]
    return uri


class Ready:
    """A wallet that has its token, and makes credential requests by hand."""

    def __init__(self, wallet: WalletApp, metadata: Json) -> None:
        self.wallet = wallet
        self.metadata = metadata
        self.key = DeviceKey()

    async def nonce(self) -> str:
        found: str = (await self.wallet.http.post(self.metadata["nonce_endpoint"])).json()["c_nonce"]
        return found

    async def proof(self) -> str:
        return wallet_app.proof_of(self.key, audience=self.metadata["credential_issuer"], nonce=await self.nonce())

    async def ask(self, body: object) -> tuple[int, str, str]:
        answer = await self.wallet.send("POST", self.metadata["credential_endpoint"], body=cast("Json", body))
        told = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, told.get("error", ""), told.get("error_description", "")
