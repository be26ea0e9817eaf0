"""Where the installations of the journeys keep what they store."""

import os
from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="module")
def named_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the address of a new database on the server of DATABASE_URL; None where an installation has its own."""
    if "DATABASE_URL" not in os.environ:
        yield None
        return
    with postgres.copied(request.getfixturevalue("server"), request.getfixturevalue("template")) as url:
        yield url
