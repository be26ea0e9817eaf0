"""A regulator who asks, a relay that closes an instant, and what a report grew by in between."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import httpx
import msgspec
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import Table

from app import db, outbox
from app.house import House
from proof import journal
from tests.app.people import bearer, token

URL = "/v1/regulator/reports/sandbox"


class Figure(msgspec.Struct, frozen=True):
    """What a row says; of two, what came in between."""

    count: int = 0
    amount_minor: int = 0

    def __sub__(self, other: "Figure") -> "Figure":
        return Figure(self.count - other.count, self.amount_minor - other.amount_minor)


Figures = dict[tuple[str, str], Figure]


class Regulator:
    """Somebody at the National Bank with a token."""

    def __init__(self, client: httpx.AsyncClient, access: str) -> None:
        self._client = client
        self._access = access

    async def ask(self, as_of: datetime | str, accept: str | None = None) -> httpx.Response:
        wanted = as_of if isinstance(as_of, str) else as_of.isoformat()
        headers = bearer(self._access, **({"accept": accept} if accept else {}))
        return await self._client.get(URL, params={"as_of": wanted}, headers=headers)

    async def figures(self, as_of: datetime) -> Figures:
        answer = await self.ask(as_of)
        assert answer.status_code == 200, answer.text
        rows = answer.json()["rows"]
        return {(row["measure"], row["key"]): Figure(row["count"], row["amount_minor"] or 0) for row in rows}


@pytest_asyncio.fixture
async def regulator(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Regulator]:
    yield Regulator(client, await token(app, "regulator"))


async def tell(house: House, events: Table, aggregate: UUID, *told: msgspec.Struct, at: datetime | None = None) -> None:
    """Write events as the room they belong to would."""
    async with db.transaction(house.worker) as story:
        when = at or story.now
        facts = [journal.Fact(aggregate=aggregate, at=when, actor="system", event=event) for event in told]
        await journal.append(await story(), events, *facts)


async def relay(house: House) -> datetime:
    """Relay everything and close it: answers an instant by which all of it had happened."""
    while await outbox.step(house):
        pass
    settled = await now(house)
    await outbox.step(house)
    return settled


async def now(house: House) -> datetime:
    async with db.transaction(house.worker) as story:
        return story.now


class Between:
    """What the report grew by from one call of `relayed` to the next."""

    def __init__(self, house: House, regulator: Regulator) -> None:
        self._house = house
        self._regulator = regulator
        self._before: Figures = {}

    async def relayed(self) -> Figures:
        after = await self._regulator.figures(await relay(self._house))
        grown = {name: figure - self._before.get(name, Figure()) for name, figure in after.items()}
        self._before = after
        return {name: figure for name, figure in grown.items() if figure != Figure() and name[0] != "ledger"}


@pytest_asyncio.fixture
async def growth(house: House, regulator: Regulator) -> AsyncIterator[Between]:
    between = Between(house, regulator)
    await between.relayed()
    yield between
