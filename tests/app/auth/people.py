"""Phones, tokens and stories for the tests of sign-in."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import httpx
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.auth.mint import Minted, mint
from app.auth.principal import Principal, Role
from app.db import Story
from app.house import House
from app.settings import Settings
from simulators.passkey import unb64
from simulators.phone import Phone


def phone(app: Litestar, settings: Settings) -> Phone:
    """Give a phone that talks to `app` in this process."""
    return Phone(settings.issuer, transport=httpx.ASGITransport(cast("Any", app)), origin=settings.origins[0])


@asynccontextmanager
async def registered(app: Litestar, settings: Settings) -> AsyncIterator[Phone]:
    """Give the phone of a new resident."""
    async with phone(app, settings) as new:
        await new.register()
        yield new


def house_of(app: Litestar) -> House:
    """Give the house of a started application."""
    found: House = app.state.house
    return found


@asynccontextmanager
async def story_of(house: House, audience: str = "service") -> AsyncIterator[Story]:
    """Tell a story of the API's role that is committed at the end."""
    async with db.transaction(house.api, audience=audience) as story:
        yield story


async def minted(house: House, role: Role, *, asked: frozenset[str] | None = None) -> Minted:
    """Mint a token for somebody new."""
    async with story_of(house) as story:
        return await mint(story, house.settings, house.door, role=role, asked=asked, now=clock.real())


def resident() -> Principal:
    """Give a resident who isn't stored anywhere."""
    return Principal(role="resident", subject=ids.new(), scopes=frozenset(), name="")


def principal(of: Phone) -> Principal:
    """Give who the phone's token speaks for, as the gate would."""
    assert of.tokens is not None
    _, payload, _ = of.tokens.access.split(".")
    claims = json.loads(unb64(payload))
    return Principal("resident", UUID(claims["sub"]), frozenset(), "", session=UUID(claims["sid"]))


async def count(house: House, query: str, **values: object) -> int:
    """Count rows, as an officer may see them."""
    async with story_of(house, "officer") as story:
        found: int = await (await story()).scalar(text(query), values)
        return found
