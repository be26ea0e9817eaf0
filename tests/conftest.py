"""What every test may ask for: a database, the four roles, the house, a client. Builders of data are plain functions.

database   its own copy of the migrated template per test module; tests of a module share it, as residents share a bank
fresh      marks a test that must find its database as migrated, because it counts everything there is
engines    the four login roles on that database; no test logs in as the owner
house      what a process owns, opened on that database
client     speaks HTTP to the whole application, in the test's own loop
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, main
from app import house as house_
from app.house import House
from app.settings import Environment, Settings
from migrations import walls
from tests import postgres


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fresh: the test gets a database of its own, as migrated")
    config.addinivalue_line("markers", "nightly: too long for every change; `make nightly` runs it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest files first, so that no worker waits for the other at the end.
    items.sort(key=lambda item: "journeys" not in item.path.parts)


class Engines(msgspec.Struct, frozen=True):
    """One engine per login role."""

    api: AsyncEngine
    posting: AsyncEngine
    worker: AsyncEngine
    report: AsyncEngine


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres.serving() as url:
        yield url


@pytest.fixture(scope="session")
def template(server: str) -> str:
    return postgres.template(server)


@pytest.fixture(scope="module")
def module_database(server: str, template: str) -> Iterator[str]:
    with postgres.copied(server, template) as url:
        yield url


@pytest.fixture
def database(request: pytest.FixtureRequest, server: str, template: str) -> Iterator[str]:
    """Give the owner's address of the test's database: for migrations and for what only an owner may try."""
    if request.node.get_closest_marker("fresh") is None:
        yield request.getfixturevalue("module_database")
    else:
        with postgres.copied(server, template) as url:
            yield url


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of this session's keys."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def settings(database: str, keys: Path) -> Settings:
    return Settings(
        environment=Environment.TEST,
        database_url=database,
        role_password=postgres.role_password(database),
        keys=keys,
    )


@pytest_asyncio.fixture
async def engines(settings: Settings) -> AsyncIterator[Engines]:
    roles = (walls.API, walls.POSTING, walls.WORKER, walls.REPORT)
    opened = Engines(*(db.engine(settings, role) for role in roles))
    yield opened
    for role in msgspec.structs.astuple(opened):
        await role.dispose()


@pytest_asyncio.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with house_.opened(settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    """Give the application, started."""
    built = composed(settings)
    started, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with built.lifespan():
            started.set()
            await over.wait()

    # A task of its own: the lifespan must end in the task it began in, and fixtures are set up and torn down in two.
    life = asyncio.create_task(live())
    ready = asyncio.create_task(started.wait())
    await asyncio.wait({life, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if not life.done():
        yield built
    over.set()
    await life


@pytest_asyncio.fixture
async def client(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    # Not Litestar's client: that one runs the application in another thread and loop.
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url=settings.issuer) as speaking:
        yield speaking


def composed(settings: Settings) -> Litestar:
    """Give the application of `settings`, composed once for all databases: until it starts it holds none."""
    built = _composed(msgspec.structs.replace(settings, database_url="", keys=Path()))
    built.state.settings = settings
    return built


_composed = functools.cache(main.build)
