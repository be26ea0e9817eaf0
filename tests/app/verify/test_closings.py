"""Closings and statements that are not what the transfers say are found, each kind of wrong by its name."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
import pytest_asyncio
import sqlalchemy

from app import db, ids
from app.money import FIRST_LANE
from app.verify import Kind, closings, papers, vouched
from app.verify.finding import Connection, findings, prepared
from law.money import KZT
from tests.conftest import Engines
from tests.wallet import days
from tests.wallet.days import Leg
from tests.wallet.ledgers import bank, opened
from wallet import statement
from wallet.statement import Period

pytestmark = pytest.mark.asyncio
_DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def books(engines: Engines, database: str) -> AsyncIterator[Connection]:
    """Give the database as a superuser, with three closed days of one account and a statement; nothing is kept."""
    first, holder = days.era(), ids.new()
    account, other = await opened(engines.api, holder), await bank(engines.posting)
    for day in range(3):
        at = days.instant(first + day * _DAY, 600)
        await days.record(
            engines.posting, [Leg(at, at, 100), Leg(at, at - 5 * _DAY, 7), Leg(at, at, -3)], account, other
        )
    await days.close(engines.worker, first + 3 * _DAY)
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        connection = await story()
        made = await statement.open_(
            connection,
            statement=ids.new(),
            code=ids.new().bytes,
            holder=holder,
            account=account,
            lane=FIRST_LANE,
            currency=KZT,
            period=Period(first + _DAY, first + 2 * _DAY),
            letterhead=b"",
            at=days.instant(first + 3 * _DAY, 0),
        )
        await statement.issue(connection, made, actor="test")
    address = sqlalchemy.make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as owner:
        yield prepared(owner)
        owner.rollback()


def found(books: Connection) -> set[tuple[str, Kind]]:
    drawn = [each for table, query in closings.CHECKS for each in findings(books, table, query)]
    return {(each.table, each.kind) for each in (*drawn, *papers.walk(books)[1])}


async def test_what_was_written_is_sound(books: Connection) -> None:
    assert found(books) == set()


DEFECTS = {
    "a closing of more": ("UPDATE wallet.closing SET posted = posted + 1", {("wallet.closing", Kind.FLIPPED)}),
    "a closing of an earlier day": ("UPDATE wallet.closing SET day = day - 90", {("wallet.closing", Kind.FLIPPED)}),
    "a closing of somebody else": (
        "UPDATE wallet.closing SET holder = uuidv7() WHERE holder IS NOT NULL",
        {("wallet.closing", Kind.FLIPPED)},
    ),
    "a closing of another leg": (
        "UPDATE wallet.closing SET version = version - 1",
        {("wallet.closing", Kind.FLIPPED), ("wallet.closing", Kind.MISSING)},
    ),
    "no closing": ("DELETE FROM wallet.closing", {("wallet.closing", Kind.MISSING)}),
    "a shift of less": ("UPDATE wallet.value_shift SET moved = moved - 1", {("wallet.value_shift", Kind.FLIPPED)}),
    "a shift to another day": (
        "UPDATE wallet.value_shift SET value_on = value_on + 1",
        {("wallet.value_shift", Kind.FLIPPED), ("wallet.value_shift", Kind.MISSING)},
    ),
    "no shift": ("DELETE FROM wallet.value_shift", {("wallet.value_shift", Kind.MISSING)}),
    "a statement that begins with more": (
        "UPDATE wallet.statement SET opening = opening + 1, closing = closing + 1",
        {("wallet.statement", Kind.FLIPPED)},
    ),
    "a statement with a row less": (
        "UPDATE wallet.statement SET entries = entries - 1",
        {("wallet.statement", Kind.FLIPPED)},
    ),
    "a statement of other sums": (
        "UPDATE wallet.statement SET credits = credits + 1, debits = debits + 1",
        {("wallet.statement", Kind.FLIPPED)},
    ),
}


async def test_a_statement_of_days_that_are_over_has_all_their_legs_and_no_other(books: Connection) -> None:
    books.execute("SET LOCAL session_replication_role = replica")
    books.execute("UPDATE wallet.statement SET opening_version = opening_version - 1")

    said = {each.what for table, query in vouched.CHECKS for each in findings(books, table, query)}
    assert said == {"leaves out legs of its days, or takes in others"}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defect_is_found_by_its_name(books: Connection, defect: str) -> None:
    change, named = DEFECTS[defect]
    books.execute("SET LOCAL session_replication_role = replica")
    assert books.execute(change.encode()).rowcount > 0

    assert found(books) == named
