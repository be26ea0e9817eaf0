"""A bank at the other end of the line."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from litestar import Litestar

from tests.partners import outside
from tests.partners.outside import Outside


@pytest_asyncio.fixture
async def out(app: Litestar, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside.bank(app, tmp_path / "bank") as played:
        yield played
