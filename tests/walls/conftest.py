"""Two lives for all tests that only look at them; one house and one application for all tests of a module."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import house as house_
from app.house import House
from app.settings import Environment, Settings
from tests import postgres
from tests.kept import composed
from tests.walls import lives, owners
from tests.walls.lives import Lives


@pytest.fixture(scope="session")
def lived(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    assert template, "the roles are there, and their password"
    with owners.owned(server) as url:
        yield asyncio.run(lives.live(url, tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="module")
def settings(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Tell of an installation with keys of its own, which may rotate."""
    word, keys = postgres.role_password(module_database), tmp_path_factory.mktemp("keys")
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
