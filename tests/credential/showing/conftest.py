"""Residents who show their ID."""

import httpx
import pytest_asyncio
from litestar import Litestar

from app.seed import Seeded
from tests.credential.people import resident
from tests.credential.showing.people import Holder

_SHARED: dict[str, Seeded] = {}


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient, database: str) -> Holder:
    """Give the one resident of this module's database, for who asks of nothing but the code at hand."""
    if database not in _SHARED:
        _SHARED[database] = await resident(app)
    return Holder(client, _SHARED[database])


@pytest_asyncio.fixture
async def own(app: Litestar, client: httpx.AsyncClient) -> Holder:
    """Give a resident nobody else has met."""
    return Holder(client, await resident(app))
