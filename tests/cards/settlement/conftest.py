"""What tests of settlement may ask for beside what every test may: a network that is enrolled, and its key."""

from pathlib import Path

import pytest
import pytest_asyncio
from litestar import Litestar

from simulators.standard_webhooks import Signer
from tests.cards.settlement import files


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("network") / "network.key")


@pytest_asyncio.fixture
async def network(app: Litestar, signer: Signer, tmp_path: Path) -> files.Network:
    """Enrol a network of its own, with a folder of its own for its files."""
    return await files.enrolled(app, signer, tmp_path / "inbox")
