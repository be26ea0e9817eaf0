"""Every column of every covered table is vouched for, or there is a reason why not; so is every table of history."""

from collections import defaultdict

from app.verify.coverage import COVERED, NOT_COVERED, ROOMS, TABLES_NOT_COVERED
from app.verify.finding import Connection


def columns(books: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in books.execute("SELECT table_schema, table_name, column_name FROM information_schema.columns"):
        found[f"{row['table_schema']}.{row['table_name']}"].add(row["column_name"])
    return found


def test_every_column_of_a_covered_table_is_vouched_for_or_excused(books: Connection) -> None:
    found = columns(books)

    for table, covered in COVERED.items():
        excused = {name.rpartition(".")[2] for name in NOT_COVERED if name.rpartition(".")[0] == table}
        assert not covered & excused, table
        assert covered | excused == found[table], table


def test_every_table_of_history_is_covered_or_excused(books: Connection) -> None:
    guarded = {
        f"{row['schema']}.{row['name']}"
        for row in books.execute(
            """
            SELECT nspname AS schema, relname AS name FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE tgname = 'append_only'
            """
        )
    }
    # Running totals, which only the posting function changes, and what is decided or read later, are covered as well.
    totals = {"wallet.lane", "wallet.account", "wallet.hold", "wallet.period", "wallet.statement"}

    assert not COVERED.keys() & TABLES_NOT_COVERED.keys()
    assert guarded | totals == COVERED.keys() | TABLES_NOT_COVERED.keys()


def test_every_journal_is_one_of_a_room_we_know(books: Connection) -> None:
    journals = {table.partition(".")[0] for table in columns(books) if table.endswith(".event")}

    assert journals == set(ROOMS)


def test_an_exception_carries_its_reason() -> None:
    assert all(len(reason) > 20 for reason in (*NOT_COVERED.values(), *TABLES_NOT_COVERED.values()))
