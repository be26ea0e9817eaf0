"""A past that is written once for all files here; tests tamper with it in a transaction and undo it."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from app.verify import finding
from app.verify.finding import Connection
from tests import postgres
from tests.app.verify import past as past_
from tests.app.verify.past import Past


@pytest.fixture(scope="session")
def past(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with postgres.copied(server, template) as url:
        written = asyncio.run(past_.write(url, tmp_path_factory.mktemp("past")))
        past_.unchecked(url)
        yield written


@pytest.fixture
def books(past: Past) -> Iterator[Connection]:
    """Open a transaction of a superuser whom no trigger stops; what it tampers with is undone at the end."""
    address = postgres.libpq(past.database)
    with psycopg.connect(address, options="-c session_replication_role=replica", row_factory=dict_row) as connection:
        yield finding.prepared(connection)
        connection.rollback()


def tamper(books: Connection, *statements: str) -> None:
    for statement in statements:
        assert books.execute(statement.encode()).rowcount != 0, "a tampering that touches nothing"
