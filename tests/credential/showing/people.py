"""Who takes part when a code is shown: a resident with the app, and anybody who stands before them."""

from datetime import timedelta
from typing import Any

import httpx

from app.http import ids
from app.seed import Seeded
from simulators.passkey import Json
from tests.app.people import bearer, keyed
from tests.walls import lives

NAME = "Hotel Almaty"
SCAN = "/v1/public/shown-codes"


class Holder:
    """A resident and their app."""

    def __init__(self, client: httpx.AsyncClient, who: Seeded) -> None:
        self.client, self.who = client, who

    async def get(self, path: str, **params: str) -> Json:
        answer = await self.client.get(path, headers=bearer(self.who.access_token), params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def post(self, path: str, body: Json | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=keyed(self.who.access_token))

    async def shows(self, **agreed: Any) -> Json:  # noqa: ANN401  JSON
        answer = await self.post("/v1/me/shown-codes", agreed)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def withdraws(self, shown: Json) -> httpx.Response:
        return await self.post(f"/v1/me/shown-codes/{shown['id']}/withdraw")

    async def verifiers(self) -> list[Json]:
        found: list[Json] = (await self.get("/v1/me/showings"))["showings"]
        return found


async def scan(client: httpx.AsyncClient, code: str, **more: str) -> httpx.Response:
    return await client.post(SCAN, json={"code": code, "name": NAME, **more})


async def told(client: httpx.AsyncClient, shown: Json, **more: str) -> Json:
    answer = await scan(client, shown["code"], **more)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def values(answer: Json) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in answer["fields"]}


def pass_by(url: str, shown: Json, seconds: int) -> None:
    """Let a code be older than it is: the owner of the database moves its times."""
    with lives.connect(url) as owner:
        owner.execute(
            "UPDATE credential.shown_code SET at = at - %(by)s, expires_at = expires_at - %(by)s WHERE id = %(id)s",
            {"by": timedelta(seconds=seconds), "id": ids.parse("showing", shown["id"])},
        )
