"""People who call the API in tests, with the tokens a tester from outside would mint."""

from uuid import UUID

import httpx
from litestar import Litestar

from app import clock, db, ids, seed
from app.auth import mint
from app.auth.principal import Role
from app.http import ids as outside


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}


def keyed(token: str, key: str | None = None, **headers: str) -> dict[str, str]:
    return bearer(token, idempotency_key=key or str(ids.new()), **headers)


async def token(app: Litestar, role: Role, *, of: UUID | None = None, scopes: frozenset[str] | None = None) -> str:
    house = app.state.house
    async with db.transaction(house.api, holder=of, audience="service") as story:
        minted = await mint.mint(story, house.settings, house.door, role=role, of=of, asked=scopes, now=clock.real())
    return minted.access_token


async def residents(app: Litestar, count: int, start: int = 1) -> list[seed.Seeded]:
    return await seed.residents(app.state.house, count, start=start)


def wallet(resident: seed.Seeded) -> str:
    return outside.show("wallet", resident.wallet)


async def send(
    client: httpx.AsyncClient, payer: seed.Seeded, payee: seed.Seeded, tenge: int, key: str | None = None
) -> httpx.Response:
    body = {"to": wallet(payee), "amount": {"amount_minor": tenge * 100}}
    return await client.post("/v1/transfers", json=body, headers=keyed(payer.access_token, key))
