"""What other people published, read once; and the database as its owner sees it."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kyc.chip import store
from kyc.chip.trust import Trust
from tests import postgres
from tests.kyc import reference as data


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    """Speak past all our code, as who owns the database."""
    with psycopg.connect(postgres.libpq(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def reference() -> Path:
    """Give the folder of reference data, or skip."""
    return data.folder()


@pytest.fixture(scope="session")
def published(reference: Path) -> Trust:
    """Give the union of the German and the Dutch master list."""
    return store.load({path.name: path.read_bytes() for path in sorted((reference / "emrtd").glob("*.ml"))})
