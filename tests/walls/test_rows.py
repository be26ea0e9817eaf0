"""Row-level security, tried on every table and view: who speaks for nobody, or for somebody else, sees no row."""

import uuid
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from migrations import walls
from tests import postgres
from tests.walls import filling, lives
from tests.walls.catalogue import Owner
from tests.walls.lives import Lives

#: Tables about a resident of which the resident sees nothing: what was found and thought (tipping-off).
FOR_OFFICERS = {
    "residency.finding",
    "residency.review",
    "app.restriction_act",
    "app.restriction_verdict",
    "app.adjustment",
    "app.suspense_proposal",
    "wallet.period",
    "cards.listed_person",
    # How a card is judged, and by what it was suspected.
    "cards.rule_version",
    "cards.rule_step",
    "cards.rule_result",
    "cards.backtest",
    # How a relation is judged, what the outside says of a person, and when they are looked at again.
    "kyc.risk_version",
    "kyc.risk_step",
    "kyc.risk_backtest",
    "kyc.assessment",
    "kyc.risk_hit",
    "kyc.exposure",
    "kyc.exposure_answer",
    "kyc.risk_override",
    "kyc.risk_profile",
    # Who is near an entry of a list, who was looked up in which, and what officers did about it.
    "kyc.alert",
    "kyc.alert_act",
    "kyc.look",
    "kyc.screened",
    # How a case of identification moved, what followed, who looked at it and what officers said.
    "kyc.case_move",
    "kyc.case_decision",
    "kyc.case_action",
    "kyc.case_review",
    # What officers, the network and the operator settle between themselves.
    "cards.dispute_errand",
    "cards.dispute_write_off",
    "cards.settlement_break",
    "cards.settlement_missing",
    "cards.settlement_file",
    "cards.settlement_proposal",
    "cards.settlement_refusal",
    "cards.settlement_report",
}
Spoken = dict[str, str]
NOBODY: tuple[Spoken, ...] = (
    {},
    {"holder": "", "audience": "", "actor": ""},
    *({"holder": "", "audience": audience, "actor": ""} for audience in ("resident", "public", "partner", "system")),
    *(
        {"holder": str(uuid.UUID(int=7)), "audience": audience, "actor": f"{audience}:{uuid.UUID(int=7)}"}
        for audience in ("resident", "partner", "regulator", "public", "", "system", "Officer", "officer ")
    ),
)


def everything(db: Owner) -> list[str]:
    """List what has rows that belong to people: tables with a wall, and every view there is."""
    views = db.execute(
        """
        SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('v', 'm') AND NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
        """
    )
    return filling.walled(db) + [row[0] for row in views]


def counted(db: Owner, tables: list[str], spoken: Spoken) -> dict[str, int]:
    """Count the rows of each table that are seen by who says this; the settings end with the transaction."""
    each = sql.SQL("SELECT {}, count(*) FROM {}")
    parts = [each.format(sql.Literal(table), sql.Identifier(*table.split("."))) for table in tables]
    for name, value in spoken.items():
        db.execute("SELECT set_config(%s, %s, true)", [f"app.{name}", value])
    return {str(table): int(count) for table, count in db.execute(sql.SQL(" UNION ALL ").join(parts))}


def shown_to_nobody(db: Owner, tables: list[str]) -> list[str]:
    """Find what is shown to people it does not belong to; a wall that fails instead of hiding is found too."""
    found = []
    for spoken in NOBODY:
        try:
            with db.transaction(force_rollback=True):
                shown = [table for table, count in counted(db, tables, spoken).items() if count]
        except psycopg.errors.InvalidTextRepresentation:
            shown = ["a wall fails"]
        found += [f"{table} to {spoken}" for table in shown]
    return found


@pytest.fixture(scope="module")
def people(lived: Lives) -> Lives:
    with lives.connect(lived.url) as owner:
        empty = _empty(owner, lived.mine)
        filling.fill_the_rest(owner, lived.mine, empty)
    return msgspec.structs.replace(lived, filled=frozenset(empty))


def _empty(owner: Owner, mine: uuid.UUID) -> list[str]:
    tables = filling.walled(owner)
    there = counted(owner, tables, {})
    with owner.transaction(force_rollback=True):
        owner.execute(f"SET LOCAL ROLE {walls.API}")
        seen = counted(owner, tables, _speaking_for(mine))
    return [table for table in tables if not (there if table in FOR_OFFICERS else seen)[table]]


def _speaking_for(person: uuid.UUID) -> Spoken:
    return {"holder": str(person), "audience": "resident", "actor": f"resident:{person}"}


@pytest.fixture
def owner(lived: Lives) -> Iterator[Owner]:
    with lives.connect(lived.url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def api(lived: Lives) -> Iterator[Owner]:
    """Give one connection of the application's role: what a setting leaves on it, the next transaction would see."""
    word = postgres.role_password(lived.url)
    url = sqlalchemy.make_url(lived.url).set(username=walls.API, password=word)
    with lives.connect(url.render_as_string(hide_password=False)) as connection:
        yield connection


def test_there_is_something_to_see_behind_every_wall(owner: Owner, api: Owner, people: Lives) -> None:
    tables = filling.walled(owner)

    there = counted(owner, tables, {})
    mine = counted(api, tables, _speaking_for(people.mine))

    assert [table for table, count in there.items() if not count] == []
    assert {table for table, count in mine.items() if not count} == FOR_OFFICERS
    assert len(tables) - len(people.filled) >= 25, "most of it by real stories"


def test_nobody_sees_the_rows_of_another(owner: Owner, api: Owner, people: Lives) -> None:
    tables = everything(owner)
    before = counted(api, tables, _speaking_for(people.mine))
    api.commit()

    found = shown_to_nobody(api, tables)

    assert sum(before.values()) > len(tables)
    assert found == []


def test_of_two_each_sees_what_is_theirs(owner: Owner, api: Owner, people: Lives) -> None:
    tables = sorted(set(filling.walled(owner)) - people.filled - FOR_OFFICERS)
    there, both = counted(owner, tables, {}), dict.fromkeys(tables, 0)
    for person in (people.mine, people.theirs):
        with api.transaction(force_rollback=True):
            seen = counted(api, tables, _speaking_for(person))
        both = {table: both[table] + seen[table] for table in tables}

    shared = {"wallet.transfer", "app.payment_note"}  # a transfer between the two, and its message, are rows of both
    assert [table for table in tables if both[table] > there[table] and table not in shared] == []


def test_what_one_transaction_says_the_next_does_not_know(owner: Owner, api: Owner, people: Lives) -> None:
    tables = filling.walled(owner)

    for _ in range(3):
        with api.transaction():
            assert sum(counted(api, tables, _speaking_for(people.mine)).values())
        with api.transaction():
            assert sum(counted(api, tables, {}).values()) == 0
        with api.transaction(force_rollback=True):
            assert sum(counted(api, tables, {"audience": "officer"}).values())


def test_a_setting_that_is_no_id_is_refused(owner: Owner, api: Owner, people: Lives) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        counted(api, filling.walled(owner), {"holder": f"{people.mine}' OR true --", "audience": "resident"})


_LAX = "CREATE POLICY lax ON {} TO eresidency_api USING ({})"
_VIEW = "CREATE VIEW kyc.v AS SELECT * FROM kyc.document; GRANT SELECT ON kyc.v TO eresidency_api"


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("defect", "found"),
    [
        (_LAX.format("kyc.document", "true"), "kyc.document"),
        (_LAX.format("wallet.account", "current_setting('app.audience', true) = 'partner'"), "wallet.account"),
        (_LAX.format("cards.card", "holder = current_setting('app.holder', true)::uuid"), "a wall fails"),
        (_VIEW, "kyc.v"),
    ],
)
def test_a_wall_with_a_hole_would_be_found(owner: Owner, defect: str, found: str) -> None:
    owner.execute(defect.encode())
    tables = everything(owner)
    owner.execute(f"SET LOCAL ROLE {walls.API}")

    assert any(each.startswith(found) for each in shown_to_nobody(owner, tables))
