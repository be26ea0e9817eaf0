"""One row of a person in every table, written by hand where no story leaves one."""

from typing import Any
from uuid import UUID, uuid4

from psycopg import sql

from tests.walls.catalogue import PERSON, Owner

#: What a row filled by hand holds, by the type of its column; `confidential` is false and a time is now.
_VALUES: dict[str, str] = {
    "uuid": "uuidv7()",
    "text": "'x' || left(md5(random()::text), 40)",
    "bytea": "sha256(random()::text::bytea)",
    "integer": "1 + (random() * 1000000)::integer",
    "bigint": "1000000000 + (random() * 1000000)::bigint",
    "smallint": "1",
    "boolean": "false",
    "timestamp with time zone": "now()",
    "date": "current_date",
    "jsonb": "'{}'::jsonb",
    "text[]": "ARRAY['x']",
    "uuid[]": "ARRAY[uuidv7()]",
}


def walled(db: Owner) -> list[str]:
    """List the tables with walls that the API reads."""
    rows = db.execute(
        """
        SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relrowsecurity AND has_any_column_privilege('eresidency_api', pg_class.oid, 'SELECT') ORDER BY 1
        """
    )
    return [row[0] for row in rows]


def fill(db: Owner, table: str, person: UUID, **given: object) -> None:
    """Write one row of `person` into a table, past its checks and references."""
    name = sql.Identifier(*table.split("."))
    for (constraint,) in db.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table]
    ).fetchall():
        db.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, sql.Identifier(constraint)))
    columns = db.execute(
        """
        SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
        """,
        [table],
    ).fetchall()
    values: list[sql.Composable] = [
        sql.Literal(given[column])
        if column in given
        else sql.Literal(str(person))
        if column in PERSON or (table == "app.subject" and column == "id")
        else sql.SQL(_VALUES[kind])
        for column, kind in columns
    ]
    names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})")
    db.execute("SET LOCAL session_replication_role = replica")
    db.execute(statement.format(name, names, sql.SQL(", ").join(values)))


def known(db: Owner, query: str, *values: object) -> Any:  # noqa: ANN401  one value of any type
    row = db.execute(query.encode(), values).fetchone()
    return row[0] if row else uuid4()


def fill_the_rest(db: Owner, mine: UUID, empty: list[str]) -> None:
    """Fill what the stories left empty; what a wall finds through another table refers to a row of that one."""
    for table in sorted(empty, key=lambda each: each in {"app.delivery", "wallet.hold"}):
        given: dict[str, object] = {"principal": f"resident:{mine}"}
        if table == "app.delivery":
            given["subscription"] = known(db, "SELECT id FROM app.subscription WHERE partner = %s", mine)
        if table == "wallet.hold":
            given["lane"] = 1
            given["debit"] = known(db, "SELECT id FROM wallet.account WHERE holder = %s", mine)
        fill(db, table, mine, **given)
