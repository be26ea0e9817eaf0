"""The revisions: up, down to nothing, up again; and the tables in code are those in the database."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy
from alembic import autogenerate
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, pool, text

import app.account.tables
import app.auth.tables
import app.banking.tables
import app.limiting.tables
import app.partners.tables
import app.payments.tables
import app.tables
import cards.payments.tables
import cards.processing.tables
import cards.programme.tables
import cards.proofs.tables
import cards.rules.tables
import cards.spending.tables
import cards.tables
import invest.tables
import kyc.cases.tables
import kyc.chip.tables
import kyc.identifiers.tables
import kyc.lists.tables
import kyc.papers.tables
import kyc.risk.tables
import kyc.screening.tables
import kyc.tables
import residency.credential.presenting.tables
import residency.credential.showing.tables
import residency.credential.tables
import residency.credential.transparency.log_tables
import residency.tables
import wallet.tables
from app import migrate
from migrations import walls

SCHEMAS: dict[str, MetaData] = {
    str(found.metadata.schema): found.metadata
    for found in (
        app.tables,
        wallet.tables,
        kyc.tables,
        residency.tables,
        residency.credential.tables,
        cards.tables,
        invest.tables,
    )
}
# Sign-in and partners describe their tables on the metadata of `app` by being imported.
assert {"app.passkey", "app.partner"} <= set(app.tables.metadata.tables)


@pytest.fixture
def owner(database: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(database, poolclass=pool.NullPool)
    yield engine
    engine.dispose()


@pytest.mark.fresh
def test_the_revisions_go_down_to_nothing_and_up_again(database: str, owner: sqlalchemy.Engine) -> None:
    before = _shape(owner)

    migrate.downgrade(database, "base")
    with owner.connect() as connection:
        left = set(connection.scalars(text(_SCHEMAS)))
    migrate.upgrade(database)

    assert left == {"public"}
    assert _shape(owner) == before


@pytest.mark.parametrize("schema", sorted(SCHEMAS))
def test_the_tables_in_code_are_those_in_the_database(owner: sqlalchemy.Engine, schema: str) -> None:
    def concerns(name: str | None, kind: str, _: object) -> bool:
        return name == schema if kind == "schema" else True

    with owner.connect() as connection:
        options = {"include_schemas": True, "include_name": concerns, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        differences = autogenerate.compare_metadata(context, SCHEMAS[schema])

    assert [each for each in differences if _matters(each)] == []


@pytest.mark.parametrize("role", walls.ROLES)
def test_a_role_owns_nothing_and_makes_nothing(owner: sqlalchemy.Engine, role: str) -> None:
    with owner.connect() as connection:
        owned = connection.scalar(
            text("SELECT count(*) FROM pg_class WHERE relowner = CAST(:role AS regrole)"), {"role": role}
        )
        powers = connection.execute(
            text("SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = :role"),
            {"role": role},
        ).one()
        creates = [
            schema
            for schema in connection.scalars(text(_SCHEMAS))
            if connection.scalar(
                text("SELECT has_schema_privilege(:role, :schema, 'CREATE')"), {"role": role, "schema": schema}
            )
        ]

    assert owned == 0
    assert tuple(powers) == (False, False, False, False)
    assert creates == []


def test_the_revisions_form_one_line() -> None:
    assert re.fullmatch(r"\d{4}", migrate.head())


_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
"""


def _shape(owner: sqlalchemy.Engine) -> list[tuple[str, str, str]]:
    """Every column of every table there is."""
    with owner.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_schema || '.' || table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
            )
        )
        return [(row[0], row[1], row[2]) for row in rows]


def _matters(difference: object) -> bool:
    """Columns and tables must agree; indexes and constraints are the revisions' alone."""
    kinds = {"add_table", "remove_table", "add_column", "remove_column", "modify_type", "modify_nullable"}
    found = difference[0] if isinstance(difference, list) else difference
    assert isinstance(found, tuple)
    return found[0] in kinds
