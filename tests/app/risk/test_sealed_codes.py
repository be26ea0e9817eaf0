"""No code of what a person is or declared stands readable in any column of kyc; what did before 0043 is sealed."""

import functools
import re
from collections.abc import Iterator
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest
from litestar import Litestar
from psycopg import sql

from app import access, db, migrate, vault
from app.house import House
from app.risk import sealing
from kyc.risk import declaration
from kyc.risk.declaration import Codes
from kyc.risk.facts import Facts, Industry, Occupation, Origin, Product
from tests import postgres
from tests.app.risk.relations import Person, arrived, officers, worked
from tests.walls.catalogue import Owner

pytestmark = pytest.mark.asyncio

#: Codes that this person alone has: as what they declared, and as what they were judged by.
TELLING = {"residence": "LIE", "industry": "precious", "occupation": "retired", "funds": ["winnings"]}
_WORDS = re.compile(r"\b(LIE|precious|retired|winnings|foreign_residence|nationality_listing)\b")


@pytest.fixture
def owner(database: str) -> Iterator[Owner]:
    with psycopg.connect(postgres.libpq(database), autocommit=True) as connection:
        yield connection


async def known(app: Litestar, client: httpx.AsyncClient) -> Person:
    """Let somebody declare those codes, show a passport and be judged by both."""
    person = await arrived(app, client)
    await person.scan()
    await person.declare(**TELLING)
    await worked(app.state.house)
    return person


def readable(owner: Owner, resident: UUID) -> dict[str, set[str]]:
    """Read every column of every row of kyc that is about somebody; gives the tables in which a code is readable."""
    tables = owner.execute(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'kyc' AND column_name = 'resident' ORDER BY 1"
    ).fetchall()
    assert len(tables) > 20, "kyc was read whole"
    found = {}
    for (table,) in tables:
        query = sql.SQL("SELECT row_to_json(row)::text FROM kyc.{} AS row WHERE resident = %s")
        rows = owner.execute(query.format(sql.Identifier(table)), [resident]).fetchall()
        if words := {word for (row,) in rows for word in _WORDS.findall(row)}:
            found[table] = words
    return found


async def test_what_a_person_is_and_declared_is_readable_in_no_column(
    app: Litestar, client: httpx.AsyncClient, owner: Owner
) -> None:
    person = await known(app, client)
    [officer, _] = await officers(app, client)

    [judged, *_] = (await officer.risk(person))["assessments"]
    assert (judged["facts"]["residence"], judged["facts"]["industry"]) == ("LIE", "precious")
    assert readable(owner, person.subject) == {}
    answers = owner.execute(
        "SELECT body FROM app.idempotency WHERE principal LIKE %s", [f"%{person.subject}"]
    ).fetchall()
    assert answers
    assert {word for (body,) in answers for word in _WORDS.findall(str(body))} == set()


async def test_what_stood_in_clear_is_found_and_the_worker_seals_it_and_nothing_changes(
    app: Litestar, client: httpx.AsyncClient, house: House, owner: Owner
) -> None:
    person = await known(app, client)
    [officer, _] = await officers(app, client)
    before = await officer.risk(person)
    codes = Codes(
        occupation=Occupation.RETIRED,
        industry=Industry.PRECIOUS,
        residence="LIE",
        products=(Product.WALLET,),
        funds=(Origin.WINNINGS,),
        funds_amount=1,
        wealth=(Origin.SAVINGS,),
        wealth_amount=1,
        expected_turnover=1,
    )
    facts = {each["id"]: each["facts"] for each in before["assessments"]}
    _as_before_0043(owner, person.subject, codes, msgspec.convert(next(iter(facts.values())), Facts))

    assert {"assessment", "declaration"} <= readable(owner, person.subject).keys(), "a search that finds nothing"
    assert (await person.get("/v1/identity/declarations"))["declarations"][0]["residence"] == "LIE"
    assert await sealing.step(house) == 2
    assert await sealing.step(house) == 0

    assert readable(owner, person.subject) == {}
    assert (await person.get("/v1/identity/declarations"))["declarations"][0]["residence"] == "LIE"
    assert (await officer.risk(person))["assessments"] == before["assessments"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="history is only added to"):
        owner.execute("UPDATE kyc.declaration SET codes = 'x' WHERE resident = %s", [person.subject])


async def test_history_that_waits_to_be_sealed_lets_itself_be_sealed_and_no_more(
    app: Litestar, client: httpx.AsyncClient, owner: Owner, house: House
) -> None:
    person = await known(app, client)
    _as_before_0043(owner, person.subject, None, Facts(residence="LIE"))

    for change in ("score = 0", "facts = 'x'", "unsealed = '{}'", "facts = 'x', unsealed = NULL, band = 'low'"):
        statement = sql.SQL("UPDATE kyc.assessment SET {} WHERE resident = %s").format(sql.SQL(change))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="history is only added to"):
            owner.execute(statement, [person.subject])
    assert await sealing.step(house) == 1


@pytest.mark.fresh
@pytest.mark.nightly
async def test_an_installation_of_before_keeps_what_was_declared_and_seals_it(
    app: Litestar, client: httpx.AsyncClient, house: House, database: str
) -> None:
    person = await known(app, client)
    await house.worker.dispose()
    await house.api.dispose()
    migrate.downgrade(database, "0042")
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute(_DECLARED_BEFORE, [person.subject])

    migrate.upgrade(database)

    assert await sealing.step(house) > 2, "both declarations, and the judgements"
    safes = functools.partial(vault.look_at_all, kms=house.keys.kms, why=access.SCREENING)
    async with db.transaction(house.worker, actor="service:test", operation="test") as story:
        [declared, lost] = await declaration.of(await story(), person.subject, safes, limit=5)
    assert (declared.said.residence, declared.said.funds) == ("LIE", (Origin.WINNINGS,))
    assert (lost.said.residence, lost.said.occupation) == ("XXX", Occupation.UNKNOWN)
    with psycopg.connect(postgres.libpq(database), autocommit=True) as owner:
        assert readable(owner, person.subject) == {}


_DECLARED_BEFORE = """
    INSERT INTO kyc.declaration (id, resident, version, occupation, industry, residence, products, funds, funds_amount,
                                 wealth, wealth_amount, expected_turnover, papers, words, at)
    SELECT uuidv7(), resident, 2, 'retired', 'precious', 'LIE', '{}', '{winnings}', 1, '{savings}', 1, 1, '{}', words,
           at
    FROM kyc.declaration WHERE resident = %s
"""


def _as_before_0043(owner: Owner, resident: UUID, codes: Codes | None, facts: Facts) -> None:
    """Leave the latest judgement, and what was declared, as a revision finds them that has no key."""
    for table, column, clear in (("declaration", "codes", codes), ("assessment", "facts", facts)):
        if clear is None:
            continue
        names = {"table": sql.Identifier("kyc", table), "column": sql.Identifier(column)}
        owner.execute(sql.SQL("ALTER TABLE {table} DISABLE TRIGGER USER").format(**names))
        owner.execute(sql.SQL(_UNSEALS).format(**names), [msgspec.json.encode(clear).decode(), resident])
        owner.execute(sql.SQL("ALTER TABLE {table} ENABLE TRIGGER USER").format(**names))


_UNSEALS = """
    UPDATE {table} SET {column} = NULL, unsealed = %s
    WHERE id = (SELECT max(id::text)::uuid FROM {table} WHERE resident = %s)
"""
