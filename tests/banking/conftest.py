"""A bank at the other end of the line, a resident with a phone at this one, and books that are sound afterwards.

Whatever a test of this folder did, the independent verifier looks at its ledger afterwards: at a module's database when
the module is over, at that of a `fresh` test when the test is.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from litestar import Litestar

from app import verify
from tests.partners import outside
from tests.partners.outside import Outside


@pytest.fixture(scope="module")
def module_database(module_database: str) -> Iterator[str]:
    yield module_database
    assert verify.ledger(module_database).findings == ()


@pytest.fixture
def database(request: pytest.FixtureRequest, database: str) -> Iterator[str]:
    yield database
    if request.node.get_closest_marker("fresh") is not None:
        assert verify.ledger(database).findings == ()


@pytest_asyncio.fixture
async def out(app: Litestar, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside.bank(app, tmp_path / "bank") as played:
        inside, app.state.house = app.state.house, played.house  # handlers ask this bank as well
        yield played
        app.state.house = inside
