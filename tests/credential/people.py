"""Who takes part when a credential is issued over HTTP: an e-resident, a wallet, a wallet asked by hand."""

from typing import Any, cast

import httpx
from litestar import Litestar

from app import access, applicant, db
from app.seed import Seeded
from law.calendar import statutory_date
from residency import application
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import WalletApp
from tests.app.people import keyed, residents

_NUMBERS = iter(range(1, 1_000))


async def resident(app: Litestar) -> Seeded:
    """Make an e-resident whose passport officers have looked at, as they do when they grant the application."""
    [found] = await residents(app, 1, start=next(_NUMBERS))
    house = app.state.house
    officer = {"audience": "officer", "actor": "officer:1", "operation": "reviewCase"}
    async with db.transaction(house.api, holder=found.subject, **officer) as story:
        connection = await story()
        [case] = await application.of_resident(connection, found.subject, before=None, limit=1)
        why = access.case(case.id, waiting=True)
        who = await applicant.find(connection, house.keys.kms, found.subject, statutory_date(story.now), why)
        assert who is not None
        await applicant.settle(connection, who, case.id, at=story.now, by="officer:1")
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
