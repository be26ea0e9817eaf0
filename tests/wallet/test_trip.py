"""A round trip over the driver's own book of prepared statements (docs/adr/0018): what it promises, and what it needs.

The book is no public part of psycopg. The first test says what of it is used, so that an upgrade that changes it fails
here and nowhere else; the others say what must hold whatever the driver does.
"""

import inspect
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio
from psycopg import _preparing

from app.settings import Settings
from tests import postgres
from wallet.trip import RoundTrip, Wire

pytestmark = pytest.mark.asyncio

#: What wallet/trip.py calls, as it was when it was written (psycopg 3.3).
USED = {
    "get": ["self", "query", "prepare"],
    "maybe_add_to_cache": ["self", "query", "prep", "name"],
    "validate": ["self", "key", "prep", "name", "results"],
}


async def test_the_drivers_book_is_the_one_this_was_written_for() -> None:
    book = _preparing.PrepareManager

    assert {name: list(inspect.signature(getattr(book, name)).parameters) for name in USED} == USED
    assert {each.name for each in _preparing.Prepare} >= {"SHOULD", "YES"}
    assert isinstance(book()._names, dict)  # noqa: SLF001  what is counted below


@pytest_asyncio.fixture
async def wire(settings: Settings) -> AsyncIterator[Wire]:
    connection = await psycopg.AsyncConnection.connect(postgres.libpq(settings.database_url), autocommit=True)
    async with connection:
        yield connection


async def told(wire: Wire, *statements: bytes) -> list[list[tuple[object, ...]]]:
    trip = RoundTrip(wire)
    answers = [trip.say(each, (7,) if b"%s" in each else ()) for each in statements]
    await trip.over()
    return [answer.rows for answer in answers]


ONE, MORE = b"SELECT 1", b"SELECT %s::integer + 1"


async def prepared(wire: Wire) -> list[str]:
    rows = await (await wire.execute("SELECT name FROM pg_prepared_statements", prepare=False)).fetchall()
    return sorted(name for (name,) in rows)


async def test_a_statement_is_prepared_once_a_connection(wire: Wire) -> None:
    assert await told(wire, ONE, MORE) == [[(1,)], [(8,)]]
    first = await prepared(wire)
    assert await told(wire, MORE, ONE, MORE) == [[(8,)], [(1,)], [(8,)]]

    assert len(first) == 2
    assert await prepared(wire) == first


async def test_the_driver_and_a_round_trip_never_take_one_name_for_two_statements(wire: Wire) -> None:
    for number in range(12):
        said = f"SELECT {number}"
        assert await (await wire.execute(said.encode(), prepare=True)).fetchone() == (number,)
        assert await told(wire, f"SELECT {number + 100}".encode()) == [[(number + 100,)]]

    names = await prepared(wire)
    assert len(names) == len(set(names)) == 24


async def test_what_is_refused_refuses_what_comes_after_and_the_connection_goes_on(wire: Wire) -> None:
    await told(wire, ONE)

    with pytest.raises(psycopg.errors.DivisionByZero):
        await told(wire, b"BEGIN", ONE, b"SELECT 1 / 0", MORE)
    await wire.rollback()

    assert await told(wire, b"BEGIN", ONE, MORE, b"COMMIT") == [[], [(1,)], [(8,)], []]
    assert wire.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


async def test_a_statement_whose_plan_is_gone_is_prepared_anew(wire: Wire) -> None:
    await told(wire, ONE, MORE)
    await wire.execute("DEALLOCATE ALL")

    assert await told(wire, ONE, MORE) == [[(1,)], [(8,)]]


async def test_rows_come_by_name_where_they_are_asked_so(wire: Wire) -> None:
    trip = RoundTrip(wire)
    named = trip.say(b"SELECT 1 AS one, 'two' AS two", (), True)  # noqa: FBT003  as the fields of a question
    await trip.over()

    assert named.rows == [{"one": 1, "two": "two"}]
