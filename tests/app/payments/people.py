"""Residents who pay each other in tests, over HTTP with the tokens a tester from outside would mint."""

from typing import Any, cast

import httpx
from litestar import Litestar

from app import outbox, worker
from app.house import House
from app.http import ids as outside
from app.seed import Seeded
from tests.app.auth.post import post_of
from tests.app.people import bearer, keyed

Json = dict[str, Any]


class Resident:
    """One resident's calls."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, seeded: Seeded) -> None:
        self.app = app
        self.seeded = seeded
        self._client = client

    @property
    def house(self) -> House:
        return cast("House", self.app.state.house)

    @property
    def wallet(self) -> str:
        return outside.show("wallet", self.seeded.wallet)

    async def get(self, path: str, **query: Any) -> Json:  # noqa: ANN401  query values
        answer = await self._client.get(path, params=query, headers=bearer(self.seeded.access_token))
        assert answer.status_code == 200, answer.text
        return cast("Json", answer.json())

    async def call(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        headers = keyed(self.seeded.access_token, key)
        return await self._client.request(method, path, json=body, headers=headers)

    async def post(self, path: str, body: object = None, key: str | None = None) -> Json:
        answer = await self.call("POST", path, body, key)
        assert answer.is_success, answer.text
        return cast("Json", answer.json())

    async def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        answer = await self.call(method, path, body)
        return answer.status_code, answer.json().get("code", "")

    async def balance(self) -> int:
        return int((await self.get("/v1/wallets/me"))["available"]["amount_minor"])

    async def iban(self) -> str:
        return str((await self.get("/v1/me/payee"))["iban"])

    async def looks_up(self, via: str, value: str, name: str | None = None) -> Json:
        return await self.post("/v1/payees/lookups", {"via": via, "value": value, **({"name": name} if name else {})})

    async def reference(self, other: "Resident") -> str:
        return str((await self.looks_up("wallet", other.wallet))["reference"])

    async def proves(self, kind: str, value: str) -> str:
        """Prove a contact; the id of it."""
        claimed = (await self.post("/v1/me/contacts", {"kind": kind, "value": value}))["id"]
        async with post_of(self.house) as post:
            await self.post(f"/v1/me/contacts/{claimed}/code", {"code": await post.code(value)})
        return str(claimed)

    async def heard(self, kind: str) -> list[Json]:
        """Read what the feed told of a kind."""
        while await outbox.step(self.house):
            pass
        found: list[Json] = []
        after: Json = {}
        while True:
            page = await self.get("/v1/me/feed", limit=100, **after)
            found += [each["data"] for each in page["events"] if each["type"] == kind]
            if not page["more"]:
                return found
            after = {"after": page["next"]}


async def works(house: House) -> None:
    """Let the worker do what is due of payments."""
    for _ in range(100):
        steps = [worker.STEPS[name] for name in ("standing_orders", "payment_lists", "money_requests")]
        if not sum([await step(house) for step in steps]):
            return
