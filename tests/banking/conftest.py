"""A bank at the other end of the line, and a resident with a phone at this one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from litestar import Litestar

from tests.partners import outside
from tests.partners.outside import Outside


@pytest_asyncio.fixture
async def out(app: Litestar, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside.bank(app, tmp_path / "bank") as played:
        inside, app.state.house = app.state.house, played.house  # handlers ask this bank as well
        yield played
        app.state.house = inside
