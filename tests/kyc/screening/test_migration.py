"""An installation that screened before: its list stays in force, and everybody it looked up is looked up again."""

import psycopg
import pytest

from app import db, migrate, monitoring
from app.house import House
from kyc.lists import edition
from kyc.screening import matching, proof
from kyc.screening.subject import called
from tests import postgres
from tests.kyc.listing import in_force, put_in_force
from tests.kyc.screening.people import said, show, somebody

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh, pytest.mark.nightly]


async def test_lists_and_people_of_before_are_taken_over(house: House, database: str) -> None:
    who = somebody()
    await put_in_force(house)
    await show(house, who, said("ODA", "LINDQVIST"))
    await show(house, who, said("ODA", "BERG"))
    await house.worker.dispose()
    await house.api.dispose()
    migrate.downgrade(database, "0031")
    with psycopg.connect(postgres.libpq(database)) as owner:
        assert owner.execute("SELECT count(*), count(DISTINCT resident) FROM kyc.screened").fetchone() == (2, 1)
        for statement in (
            "INSERT INTO kyc.list_snapshot VALUES (sha256('old'), 1, now())",
            "INSERT INTO kyc.listed_name VALUES (sha256('old'), '1', 'Kaspar Vollmond', 'k', '{1961}', '{}')",
            "INSERT INTO kyc.listed_name VALUES (sha256('old'), '1', 'Casper Fullmoon', 'c', '{1961}', '{}')",
            "UPDATE kyc.list_source SET digest = sha256('old'), etag = 'x', checked_at = now()",
        ):
            owner.execute(statement.encode())

    migrate.upgrade(database)

    lists = await in_force(house)
    assert lists is not None
    assert [matching.hits(lists, called(name)) for name in ("KASPAR VOLLMOND", "CASPER FULLMOON", "ODA BERG")] == [
        True,
        True,
        False,
    ]
    while await monitoring.step(house):
        pass
    async with db.transaction(house.worker) as story:
        connection = await story()
        number = await edition.number_in_force(connection)
        assert await proof.people(connection, number) == (1, 0)
        [latest, *_] = await proof.latest(connection, who, limit=1)
    assert (latest.edition, latest.nothing) == (number, True)
