"""What happened stays: nobody changes or takes away a row of any history, the owner of its table included."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from tests.walls import lives
from tests.walls.catalogue import Owner

LEDGER = {"wallet.block", "wallet.event", "wallet.holder", "wallet.linked", "wallet.transfer"}
#: Statements that must be refused whether or not there is a row to change.
ACTS = {
    "update": sql.SQL("UPDATE {table} SET {column} = {column}"),
    "delete": sql.SQL("DELETE FROM {table}"),
    "truncate": sql.SQL("TRUNCATE {table} CASCADE"),
}


@pytest.fixture
def owner(database: str) -> Iterator[Owner]:
    with lives.connect(database) as connection:
        yield connection
        connection.rollback()


def histories(owner: Owner) -> list[tuple[str, str, str, bool]]:
    """List every history: schema, table, a column of it, and whether a rule says which rows may go."""
    rows = owner.execute(
        """
        SELECT nspname, relname, attname,
               EXISTS (SELECT FROM pg_trigger AS other WHERE other.tgrelid = pg_class.oid
                       AND other.tgtype & 11 = 11) -- before each row that is deleted
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND attgenerated = '' AND attidentity = ''
        WHERE tgname = 'append_only' AND attnum = (
            SELECT min(attnum) FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND attidentity = ''
        )
        ORDER BY 1, 2
        """
    )
    return [(str(schema), str(table), str(column), bool(may_go)) for schema, table, column, may_go in rows]


def test_the_ledger_is_history(owner: Owner) -> None:
    assert {f"{schema}.{table}" for schema, table, _, _ in histories(owner)} >= LEDGER


@pytest.mark.parametrize("act", ACTS)
def test_its_owner_can_not_change_it(owner: Owner, act: str) -> None:
    changed = []
    for schema, table, column, may_go in histories(owner):
        if act == "delete" and may_go:  # row by row, such as those of erased people: tests/app/account
            continue
        statement = ACTS[act].format(table=sql.Identifier(schema, table), column=sql.Identifier(column))
        if not refused(owner, statement):
            changed.append(f"{schema}.{table}")

    assert changed == []


def test_a_table_without_the_wall_would_be_noticed(owner: Owner) -> None:
    owner.execute("CREATE TABLE wallet.note (lane integer)")

    assert not refused(owner, sql.SQL("DELETE FROM wallet.note"))


def refused(owner: Owner, statement: sql.SQL | sql.Composed) -> bool:
    """Try it; whether it is refused because history is only added to."""
    try:
        with owner.transaction():
            owner.execute(statement)
            raise psycopg.Rollback
    except errors.InsufficientPrivilege as refusal:
        return "history is only added to" in str(refusal)
    return False
