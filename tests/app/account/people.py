"""Residents who leave, and the time that must pass for them."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid5

import httpx
from litestar import Litestar
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock, db, outbox, seed
from app.auth import subject
from app.auth.subject import Subject
from app.house import House
from app.seed import Seeded
from app.settings import Settings
from simulators.phone import Phone
from tests.app import people
from tests.app.auth.people import phone

Json = dict[str, Any]


class Leaver:
    """One resident: a phone with a passkey for what is confirmed, and a tester's token for what is not the point."""

    def __init__(self, client: httpx.AsyncClient, phone: Phone, seeded: Seeded) -> None:
        self.client = client
        self.phone = phone
        self.seeded = seeded
        self.resident = seeded.subject

    async def closes(self) -> httpx.Response:
        confirm = (await self.phone.get("/v1/me/closure"))["confirm"]
        step_up = await self.phone.step_up(confirm["operation"], confirm["shown"])
        return await self.phone.call("POST", "/v1/me/closure", body={"step_up": step_up})

    async def asks_for_a_copy(self) -> Json:
        confirm = (await self.phone.get("/v1/me/exports"))["confirm"]
        step_up = await self.phone.step_up(confirm["operation"], confirm["shown"])
        made: Json = await self.phone.post("/v1/me/exports", {"step_up": step_up})
        return made

    async def orders_a_card(self) -> str:
        mine = people.bearer(self.seeded.access_token)
        notice = (await self.client.get("/v1/cards/notice", headers=mine)).json()
        body = {"accepted_notice": notice["version"]}
        made = await self.client.post("/v1/cards", json=body, headers=people.keyed(self.seeded.access_token))
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def closes_the_card(self, card: str) -> None:
        closed = await self.client.post(f"/v1/cards/{card}/close", headers=people.keyed(self.seeded.access_token))
        assert closed.status_code == 200, closed.text

    async def sends_everything(self, to: Seeded) -> None:
        mine = people.bearer(self.seeded.access_token)
        held = (await self.client.get("/v1/wallets/me", headers=mine)).json()["available"]["amount_minor"]
        sent = await people.send(self.client, self.seeded, to, held // 100)
        assert sent.status_code == 201, sent.text


@contextlib.asynccontextmanager
async def leaver(app: Litestar, client: httpx.AsyncClient, settings: Settings, number: int) -> AsyncIterator[Leaver]:
    """Give seeded resident `number`, who has 1 000 000 tenge."""
    house = house_of(app)
    resident = uuid5(seed.PEOPLE, str(number))
    async with db.transaction(house.api, holder=resident, audience="service") as story:
        invitation = await subject.invite(story, Subject(resident, "resident", ""), clock.real())
    async with phone(app, settings) as mine:
        await mine.register(invitation)
        [seeded] = await seed.residents(house, 1, start=number)
        yield Leaver(client, mine, seeded)


def house_of(app: Litestar) -> House:
    """Give the house of a started application."""
    found: House = app.state.house
    return found


async def pass_by(house: House, time: timedelta) -> None:
    """Let time pass for the installation. Not by POST /v1/sandbox/clock, which stops where the calendars stop."""
    async with house.api.begin() as connection:
        await connection.execute(text("UPDATE app.clock SET advanced_by = advanced_by + :time"), {"time": time})


async def relayed(house: House) -> None:
    """Let the feed catch up with what happened."""
    while await outbox.step(house):
        pass


async def count(house: House, query: str, **values: object) -> int:
    """Count rows as the owner of the database sees them: all of them."""
    owner = create_async_engine(house.settings.database_url, poolclass=NullPool)
    async with owner.connect() as connection:
        found = await connection.scalar(text(query), values)
    await owner.dispose()
    return int(found or 0)
