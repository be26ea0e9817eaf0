"""Who takes part when a credential is issued over HTTP: an e-resident, a wallet, a wallet asked by hand."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import httpx
from litestar import Litestar

from app import clock, seed
from app.seed import Seeded
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.passport import Passport
from simulators.wallet_app import WalletApp
from tests.app.people import keyed, residents
from tests.kyc import scans
from tests.kyc.passports import passport

_NUMBERS = iter(range(1, 1_000))


async def resident(app: Litestar, *, woman: bool = False) -> Seeded:
    number = next(each for each in _NUMBERS if each % 2 or not woman)
    [found] = await residents(app, 1, start=number)
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


def renewed(who: Seeded, *, files: Mapping[int, bytes] | None = None, until: int = 2040) -> Passport:
    """Issue the next passport of a seeded resident, who is a woman where her number is odd: it lasts longer."""
    zone = seed.person(who.number)
    return passport(
        number=f"N{who.number:08d}",
        surname=zone.surname,
        given=zone.given,
        nationality=zone.nationality,
        born=date(1990, 1, 1),
        expires=date(until, 1, 1),
        files=files,
    )


async def shows(app: Litestar, who: Seeded, shown: Passport, *, at: datetime | None = None) -> UUID:
    """Let a resident show a passport that identifies them; gives the document."""
    house = app.state.house
    now = at or clock.real()
    _, document, worth = await scans.show(house, shown, by=who.subject, kms=house.keys.kms, at=now)
    assert worth == scans.IDENTIFIED, worth
    return document
