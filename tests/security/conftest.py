"""One house, one application and one world of people for all proofs of a module."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import house as house_
from app.settings import Environment, Settings
from tests import postgres
from tests.kept import composed
from tests.security import world
from tests.security.world import World


@pytest.fixture(scope="module")
def settings(module_database: str, keys: Path) -> Settings:
    word = postgres.role_password(module_database)
    return Settings(environment=Environment.TEST, database_url=module_database, role_password=word, keys=keys)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    built = composed(settings)
    async with house_.opened(settings) as house:
        built.state.house = house
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url=settings.issuer) as speaking:
        yield speaking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def living(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with world.living(app, client, settings, tmp_path_factory.mktemp("world")) as found:
        yield found
