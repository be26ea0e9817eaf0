"""What a verification says: how much it looked at, and each thing that isn't as it was written."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

#: A check that goes wrong everywhere is told by its first places.
PLACES_MAX = 20

Connection = psycopg.Connection[DictRow]


class Finding(msgspec.Struct, frozen=True):
    """`check` failed at `where` (a position, lane/seq, account or id), because of `what`."""

    check: str
    where: str
    what: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`looked_at` counts what was checked by kind; sound if nothing was found."""

    looked_at: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings


class Witness(msgspec.Struct, frozen=True):
    """A head of the feed's chain that somebody outside kept: the hash of the row at `position`."""

    position: int
    hash: bytes


@contextlib.contextmanager
def snapshot(dsn: str) -> Iterator[Connection]:
    """Read the database at `dsn` (a libpq or SQLAlchemy address) as it is at one instant; writes are refused."""
    address = dsn.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(address, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def count(connection: Connection, statement: LiteralString | sql.Composed) -> int:
    """Answer the one number `statement` selects as `n`."""
    row = connection.execute(statement).fetchone()
    assert row is not None, "a count is one row"
    return int(row["n"])


def findings(
    connection: Connection, check: str, statement: str, values: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Make a finding of each row (`place`, `what`) that `statement` selects, up to PLACES_MAX."""
    rows = connection.execute(f"{statement} LIMIT {PLACES_MAX}".encode(), values)
    return [Finding(check, str(row["place"]), str(row["what"])) for row in rows]
