"""What a verification says: how much it looked at, and each row that isn't as it was written."""

import contextlib
import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads

#: A check that goes wrong everywhere is told by its first places.
PLACES_MAX = 20

Connection = psycopg.Connection[DictRow]


class Kind(enum.StrEnum):
    """What was done to a row, as far as the rows tell."""

    FLIPPED = "flipped"
    MISSING = "missing"
    REORDERED = "reordered"
    BACKDATED = "backdated"
    TRUNCATED = "truncated"
    SIGNATURE = "signature"
    GAP = "gap"


@dataclass(frozen=True)
class Finding:
    """`row` (a position, lane/seq, number or id) of `table` isn't as it was written.

    `backdated` is a row that was added later than it claims; `truncated` a log that ends too early; `gap` minutes
    without an anchor, in which nothing need have happened but nobody vouches for it.
    """

    table: str
    row: str
    kind: Kind
    what: str


@dataclass(frozen=True)
class Verdict:
    """`looked_at` counts what was checked by kind; sound if nothing but gaps was found."""

    looked_at: Mapping[str, int]
    findings: tuple[Finding, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def sound(self) -> bool:
        """Whether everything is as it was written."""
        return all(finding.kind is Kind.GAP for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0: sound. 1: something was changed. 3: sound, but there are minutes nobody vouches for."""
        if not self.sound:
            return 1
        return 3 if self.findings else 0

    def shown(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(asdict(self))


class NoNumber:
    """What a number in JSON becomes that we never write: a fraction."""

    def __init__(self, _: str) -> None:
        pass


_JSON = json.JSONDecoder(parse_float=NoNumber)


def _read(data: str | bytes) -> Any:  # noqa: ANN401  whatever the database's JSON holds
    return _JSON.decode(data if isinstance(data, str) else data.decode())


@contextlib.contextmanager
def snapshot(dsn: str) -> Iterator[Connection]:
    """Read the database at `dsn` (a libpq or SQLAlchemy address) as it is at one instant; writes are refused."""
    address = dsn.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(address, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield prepared(connection)


def prepared(connection: Connection) -> Connection:
    """Read instants as UTC and fractions in JSON as what they are: nothing of ours."""
    set_json_loads(_read, connection)
    connection.execute("SET LOCAL timezone TO 'UTC'")
    return connection


def count(connection: Connection, statement: LiteralString | sql.Composed) -> int:
    """Answer the one number `statement` selects as `n`."""
    row = connection.execute(statement).fetchone()
    assert row is not None, "a count is one row"
    return int(row["n"])


def findings(
    connection: Connection, table: str, statement: str, values: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Make a finding of each row (`place`, `kind`, `what`) that `statement` selects, up to PLACES_MAX."""
    rows = connection.execute(f"{statement} LIMIT {PLACES_MAX}".encode(), values)
    return [Finding(table, str(row["place"]), Kind(row["kind"]), str(row["what"])) for row in rows]
