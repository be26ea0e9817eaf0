"""Officers of compliance and the people they restrict, as their apps call us."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import db
from app import ids as mint
from app.house import House
from app.http import ids
from app.restrictions import restriction
from app.seed import Seeded
from tests.app.people import bearer, keyed, residents, token

Json = dict[str, Any]


class Bureau(NamedTuple):
    """Three officers and a resident."""

    client: httpx.AsyncClient
    first: str
    second: str
    third: str
    who: Seeded

    async def post(self, by: str, path: str, body: Json, status: int = 201) -> Json:
        answer = await self.client.post(path, json=body, headers=keyed(by))
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    async def get(self, by: str, path: str, **headers: str) -> Json:
        answer = await self.client.get(path, headers=bearer(by, **headers))
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def proposes(self, cause: str, note: str = "") -> Json:
        body = {"resident": ids.show("resident", self.who.subject), "cause": cause, "note": note}
        return await self.post(self.first, "/v1/officer/restrictions", body)

    async def decides(self, act: Json, *, agree: bool = True, by: str | None = None, status: int = 200) -> Json:
        path = f"/v1/officer/restriction-acts/{act['id']}/decision"
        return await self.post(by or self.second, path, {"agree": agree}, status)

    async def restricts(self, cause: str, note: str = "") -> str:
        """Impose by two officers; gives the restriction's id."""
        found: str = (await self.decides(await self.proposes(cause, note)))["restriction"]
        return found

    async def changes(self, restriction: str, act: str) -> Json:
        """Extend or lift by two officers."""
        proposed = await self.post(self.first, f"/v1/officer/restrictions/{restriction}/acts", {"act": act})
        return await self.decides(proposed)

    async def mine(self) -> Json:
        return await self.get(self.who.access_token, "/v1/me/restrictions")

    async def says(self, restriction: str, what: str, words: str, status: int = 201) -> Json:
        path = f"/v1/me/restrictions/{restriction}/{what}"
        return await self.post(self.who.access_token, path, {"text": words}, status)


async def bureau(app: Litestar, client: httpx.AsyncClient, number: int | None = None) -> Bureau:
    """Give three officers, and a resident: the seeded one of `number`, else a newcomer, who has no wallet."""
    who = await _newcomer(app) if number is None else (await residents(app, 1, start=number))[0]
    first, second, third = [await token(app, "officer") for _ in "123"]
    return Bureau(client, first, second, third, who)


async def _newcomer(app: Litestar) -> Seeded:
    subject = mint.new()
    return Seeded(0, subject, mint.new(), await token(app, "resident", of=subject), 0)


@contextlib.asynccontextmanager
async def restricting(house: House, holder: UUID, cause: str) -> AsyncIterator[None]:
    """Impose a restriction by two officers, in force when the block is over."""
    async with db.transaction(house.api, audience="officer") as story:
        connection, act = await story(), mint.new()
        one, other = f"officer:{mint.new()}", f"officer:{mint.new()}"
        await restriction.impose(connection, holder, cause, act=act, note=None, actor=one, at=story.now)
        await restriction.decide(connection, act, agreed=True, actor=other, at=story.now)
        yield


async def days_later(house: House, holder: UUID) -> None:
    """Let what restricts somebody have been imposed three days ago."""
    owner = create_async_engine(house.settings.database_url)
    async with owner.begin() as connection:
        earlier = text(
            "UPDATE app.restriction SET imposed_at = imposed_at - interval '72 hours' WHERE holder = :holder"
        )
        await connection.execute(earlier, {"holder": holder})
    await owner.dispose()


async def waits(house: House, task: asyncio.Task[Any]) -> None:
    """Let `task` come to where it waits for somebody's lock, or to its end."""
    async with house.report.connect() as connection:
        while not task.done() and not await connection.scalar(_WAITING):
            await connection.rollback()


_WAITING = text(
    """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()
    """
)
