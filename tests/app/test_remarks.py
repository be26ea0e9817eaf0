"""What officers write about a person lies under that person's key, what they wrote before there was one as well."""

import httpx
import psycopg
import pytest
from litestar import Litestar
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, migrate, remarks
from app.house import House
from app.settings import Settings
from tests import postgres
from tests.app.applicants import Resident, checked, get_case, newcomer, officers, review, screening

_INTERNAL, _TOLD = "Smells of a front.", "Which company?"


@pytest.mark.asyncio
async def test_a_comment_lies_sealed_and_is_read_by_whom_it_is_for(
    app: Litestar, client: httpx.AsyncClient, database: str
) -> None:
    house = await screening(app)
    mine, path, officer = await _asked(app, client, house)

    seen = (await get_case(client, officer, path))["reviews"][0]
    told = await mine.get(f"{path}/timeline")

    assert (seen["comment_internal"], seen["comment_applicant"]) == (_INTERNAL, _TOLD)
    assert told["entries"][-1]["remark"] == _TOLD
    assert _INTERNAL not in str(told)
    stored = _everything(database, "residency.comment") + _everything(database, "residency.review")
    assert "front" not in stored
    assert "company" not in stored
    async with db.transaction(house.api, holder=mine.subject, audience="resident") as story:
        rows = (await (await story()).scalars(text("SELECT audience FROM residency.comment"))).all()
    assert rows == ["applicant"], "the database itself shows an applicant nothing else"


@pytest.mark.asyncio
async def test_nobody_may_write_in_clear(app: Litestar, client: httpx.AsyncClient) -> None:
    house = await screening(app)
    await _asked(app, client, house)

    async with db.transaction(house.api, audience="officer") as story:
        connection = await story()
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text("INSERT INTO residency.comment (id, unsealed) VALUES (uuidv7(), 'x')"))
        await connection.rollback()


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_what_was_written_in_clear_before_is_sealed_by_the_worker(
    app: Litestar, client: httpx.AsyncClient, database: str, settings: Settings
) -> None:
    house = await screening(app)
    mine, path, officer = await _asked(app, client, house)
    migrate.downgrade(database, "0014")
    with _owner(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE residency.review SET comment_internal = %s, comment_applicant = %s", [_INTERNAL, _TOLD]
        )
        connection.execute("UPDATE residency.transition SET remark = %s WHERE state = 'awaiting_applicant'", [_TOLD])
    migrate.upgrade(database, role_password=settings.role_password)
    clear = _everything(database, "residency.comment")

    sealed = await remarks.step(house)
    again = await remarks.step(house)

    assert "front" in clear
    assert (sealed, again) == (2, 0)
    assert "front" not in _everything(database, "residency.comment")
    assert (await get_case(client, officer, path))["reviews"][0]["comment_internal"] == _INTERNAL
    assert (await mine.get(f"{path}/timeline"))["entries"][-1]["remark"] == _TOLD


async def _asked(app: Litestar, client: httpx.AsyncClient, house: House) -> tuple[Resident, str, str]:
    """Bring an applicant to where an officer asks them something."""
    mine = await newcomer(app, client)
    [officer] = await officers(app, 1)
    await mine.scan()
    path = await mine.file()
    await checked(house)
    said = {"comment_internal": _INTERNAL, "comment_applicant": _TOLD}
    answer = await review(client, officer, path, "ask", reason_code="information_needed", **said)
    assert answer.status_code == 201, answer.text
    return mine, path, officer


def _owner(database: str) -> psycopg.Connection:
    return psycopg.connect(postgres.libpq(database))


def _everything(database: str, table: str) -> str:
    """Dump a table as a backup would; bytes show as letters where they are letters."""
    with _owner(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET bytea_output = escape")
        query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(*table.split(".")))
        return str(cursor.execute(query).fetchall())
