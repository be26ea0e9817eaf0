"""One house and one application for all tests of a module, which share its database anyway."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import house as house_
from app.house import House
from app.settings import Environment, Settings
from simulators.wallet_app import WalletApp
from simulators.wallet_provider import AttestedWallet, WalletProvider
from tests import postgres
from tests.app.auth.attesting import trust
from tests.app.auth.people import house_of
from tests.credential.people import another_wallet
from tests.kept import composed


@pytest.fixture(scope="module")
def settings(module_database: str, keys: Path) -> Settings:
    word = postgres.role_password(module_database)
    return Settings(environment=Environment.TEST, database_url=module_database, role_password=word, keys=keys)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(settings: Settings) -> AsyncIterator[House]:
    async with house_.opened(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(settings: Settings, house: House) -> Litestar:
    """Give the application over that house; its own lifespan, which would open another, is not begun."""
    built = composed(settings)
    built.state.house = house
    return built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url=settings.issuer) as speaking:
        yield speaking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(app: Litestar, client: httpx.AsyncClient) -> WalletProvider:
    made = WalletProvider("https://provider.example")
    await trust(app, client, made)
    return made


@pytest.fixture
def attested(provider: WalletProvider, app: Litestar) -> AttestedWallet:
    return provider.wallet(f"wallet.{uuid.uuid4().hex[:8]}", house_of(app).settings.issuer)


@pytest_asyncio.fixture
async def phone(app: Litestar, attested: AttestedWallet) -> AsyncIterator[WalletApp]:
    async with another_wallet(app) as opened:
        opened.attests = attested.headers
        yield opened
