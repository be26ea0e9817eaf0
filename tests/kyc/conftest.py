"""What other people published, read once."""

from pathlib import Path

import pytest

from kyc.chip import store
from kyc.chip.trust import Trust
from tests.kyc import reference as data


@pytest.fixture(scope="session")
def reference() -> Path:
    """Give the folder of reference data, or skip."""
    return data.folder()


@pytest.fixture(scope="session")
def published(reference: Path) -> Trust:
    """Give the union of the German and the Dutch master list."""
    return store.load({path.name: path.read_bytes() for path in sorted((reference / "emrtd").glob("*.ml"))})
