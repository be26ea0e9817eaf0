"""What every test may ask for: a database, the four roles, the house, a client. Builders of data are plain functions.

database   its own copy of the migrated template per test module; tests of a module share it, as residents share a bank
fresh      marks a test that must find its database as migrated, because it counts everything there is
engines    the four login roles on that database; no test logs in as the owner
house      what a process owns, opened on that database once for all tests of a module
client     speaks HTTP to the whole application, in the module's own loop
"""

import gc
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import hypothesis
import msgspec
import pytest
import pytest_asyncio
import structlog
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from app.house import House
from app.settings import Environment, Settings
from tests import postgres
from tests.kept import Kept, composed

#: How many examples a law is tried on that says nothing of it: with every change always the same ones, and at night
#: (`make nightly`) others each time. How long one takes is the machine's affair.
_ANY_SPEED = hypothesis.settings(
    hypothesis.settings.get_profile("default"),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
hypothesis.settings.register_profile("change", _ANY_SPEED, max_examples=50, derandomize=True, database=None)
hypothesis.settings.register_profile("night", _ANY_SPEED, max_examples=1_000)
hypothesis.settings.load_profile("change")  # `--hypothesis-profile` has the last word


def pytest_configure(config: pytest.Config) -> None:
    # A fault that a test provokes is logged plainly: drawn with all its variables it takes longer than the test.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request is written, and read by nobody
    if config.getoption("--hypothesis-profile") is None:
        # It draws constants of whatever modules this worker has loaded by then: other examples with each run.
        pytest.MonkeyPatch().setattr("hypothesis.internal.conjecture.providers.is_local_module_file", lambda _: False)
    config.addinivalue_line("markers", "fresh: the test gets a database of its own, as migrated")
    config.addinivalue_line("markers", "nightly: too long for every change; `make nightly` runs it")


def pytest_collection_finish() -> None:
    gc.freeze()


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


@pytest_asyncio.fixture(scope="module")
async def kept() -> AsyncIterator[Kept]:
    keeping = Kept()
    yield keeping
    await keeping.close()


@pytest_asyncio.fixture
async def house(request: pytest.FixtureRequest, kept: Kept, settings: Settings) -> AsyncIterator[House]:
    yield await kept.house(settings)
    if request.node.get_closest_marker("fresh") is not None:
        await kept.close()


@pytest.fixture
def engines(house: House) -> Engines:
    return Engines(house.api, house.posting, house.worker, house.report)


@pytest.fixture
def app(settings: Settings, house: House) -> Litestar:
    """Give the application over that house; its own lifespan, which would open another, is not begun."""
    built = composed(settings)
    built.state.house = house
    return built


@pytest_asyncio.fixture
async def client(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    # Not Litestar's client: that one runs the application in another thread and loop.
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url=settings.issuer) as speaking:
        yield speaking
