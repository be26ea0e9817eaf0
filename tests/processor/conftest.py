"""The same tests in both worlds."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from tests.processor.worlds import Ours, Theirs
from tests.stripe import conftest as stripe

fake, issuer, settings, programme = stripe.fake, stripe.issuer, stripe.settings, stripe.programme


@pytest.fixture(params=["own", "stripe"])
def place(request: pytest.FixtureRequest, app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> Ours | Theirs:
    """Give one of the worlds; Stripe's alone needs the objects it publishes, and is skipped without them."""
    if request.param == "own":
        return Ours(app, client, tmp_path)
    return Theirs(app, client, request.getfixturevalue("programme"), request.getfixturevalue("fake"))


@pytest_asyncio.fixture
async def world(place: Ours | Theirs) -> AsyncIterator[Ours | Theirs]:
    """Give it with somebody in it."""
    await place.begins()
    yield place
    await place.ends()
