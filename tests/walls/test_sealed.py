"""What is sealed opens where it was sealed and nowhere else; and every column there is was looked at."""

from collections.abc import Callable, Iterator
from uuid import UUID

import msgspec
import pytest

from app import sealed
from app.sealed import SEALED, Owner, Sealed
from proof import kms
from proof.kms import FileKms, Kms, Unopenable, Wrapped
from tests.walls import catalogue, lives
from tests.walls.lives import Lives


class Cell(msgspec.Struct, frozen=True):
    """A sealed cell of the database: its row, what stands there, and the data key it was sealed with."""

    row: UUID
    content: bytes
    key: bytes


@pytest.fixture
def owner(lived: Lives) -> Iterator[catalogue.Owner]:
    with lives.connect(lived.url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def keys(lived: Lives) -> Kms:
    return FileKms.open(lived.keys / "kms")


# -- the list ----------------------------------------------------------------------------------------------------------


def unlisted(db: catalogue.Owner) -> set[tuple[str, str]]:
    """Find columns that could hold something personal and are not in the list, and the other way round."""
    rows = db.execute(
        """
        SELECT nspname || '.' || relname, attname FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_type ON pg_type.oid = atttypid
        WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p')
          AND NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
          AND (typcategory IN ('S', 'I') OR typname IN ('bytea', 'json', 'jsonb', 'xml', '_text', '_bytea', '_jsonb'))
        """
    )
    return {(table, column) for table, column in rows} ^ sealed.listed().keys()


def test_every_column_that_could_hold_something_personal_is_listed(owner: catalogue.Owner) -> None:
    assert unlisted(owner) == set()


@pytest.mark.parametrize("kind", ["text", "bytea", "jsonb", "text[]", "varchar(9)", "inet", "json"])
def test_a_new_column_that_nobody_looked_at_would_be_found(owner: catalogue.Owner, kind: str) -> None:
    before = unlisted(owner)
    owner.execute(f"ALTER TABLE kyc.document ADD COLUMN note {kind}".encode())

    assert unlisted(owner) - before == {("kyc.document", "note")}


def test_a_wrapped_key_or_a_sealed_field_is_not_called_plain() -> None:
    kinds = sealed.listed()

    assert {place for place, kind in kinds.items() if kind == "sealed"} == {(one.table, one.column) for one in SEALED}
    assert all(reason for _, reason in sealed.PERSONAL.values())


# -- swapped cells -----------------------------------------------------------------------------------------------------


def cells(db: catalogue.Owner, keys: Kms, place: Sealed) -> list[Cell]:
    """Read what two lives left in a sealed column, each cell with the key of whose it is."""
    found = []
    for row in db.execute(_CELLS[place.owner].format(**msgspec.structs.asdict(place)).encode()):
        id_, content, owner, version, wrapped = row
        found.append(Cell(id_, bytes(content), keys.unwrap(Wrapped(version, bytes(wrapped)), owner)))  # type: ignore[arg-type]  # a row of five types
    return found


_CELLS = {
    Owner.RESIDENT: """
        SELECT cell.{row}, cell.{column}, key.holder::text, key.kek_version, key.wrapped
        FROM {table} AS cell JOIN app.resident_key AS key ON key.holder = cell.{person} WHERE cell.{column} IS NOT NULL
        """,
    Owner.PARTNER: """
        SELECT cell.{row}, cell.{column}, 'partner:' || key.id, key.kek_version, key.data_key
        FROM {table} AS cell JOIN app.partner AS key ON key.id = cell.partner
        """,
    Owner.COHORT: """
        SELECT cell.{row}, cell.{column}, 'cohort:' || key.cohort, key.kek_version, key.wrapped
        FROM {table} AS cell JOIN kyc.cohort_key AS key ON key.cohort = cell.cohort
        """,
    Owner.CARD: "SELECT {row}, {column}, 'card:' || card, key_version, wrapped_key FROM {table}",
    Owner.ROW: "SELECT {row}, {column}, '{table} ' || {row}, kek_version, wrapped FROM {table}",
    Owner.KEY: "SELECT {row}, {column}, name, key_version, wrapped_key FROM {table}",
    Owner.MESSAGE: "SELECT {row}, {column}, 'message ' || id, kek_version, wrapped FROM {table}",
}


Open = Callable[[bytes, bytes, Sealed, UUID], bool]


def opens(key: bytes, content: bytes, place: Sealed, row: UUID) -> bool:
    try:
        kms.open_(key, content, table=place.table, column=place.column, row=row)
    except Unopenable:
        return False
    return True


def opening(place: Sealed, cell: Cell, other: Cell, opens_: Open = opens) -> set[tuple[str, UUID]]:
    """Say where a cell opens: tried in every sealed column, in its row and in the other, with both rows' keys."""
    return {
        (f"{anywhere.table}.{anywhere.column}", row)
        for anywhere in (place, *SEALED)
        for row in (cell.row, other.row)
        for key in (cell.key, other.key)
        if opens_(key, cell.content, anywhere, row)
    }


@pytest.mark.parametrize("place", SEALED, ids=lambda place: f"{place.table}.{place.column}")
def test_a_cell_opens_in_its_place_and_nowhere_else(owner: catalogue.Owner, keys: Kms, place: Sealed) -> None:
    mine, theirs, *_ = cells(owner, keys, place)

    for cell, other in ((mine, theirs), (theirs, mine)):
        assert opening(place, cell, other) == {(f"{place.table}.{place.column}", cell.row)}


@pytest.mark.parametrize("forgotten", ["row", "column"])
def test_a_field_that_is_not_bound_to_all_of_its_place_would_be_found(forgotten: str) -> None:
    key, place = kms.new_data_key(), SEALED[0]

    def sloppy(key: bytes, content: bytes, place: Sealed, row: UUID) -> bool:
        loose = SEALED[0] if forgotten == "column" else place
        return opens(key, content, loose, UUID(int=0) if forgotten == "row" else row)

    row = UUID(int=0) if forgotten == "row" else UUID(int=1)
    cell = Cell(UUID(int=1), kms.seal(key, b"Anna", table=place.table, column=place.column, row=row), key)

    assert len(opening(place, cell, Cell(UUID(int=2), b"", key), sloppy)) > 1
