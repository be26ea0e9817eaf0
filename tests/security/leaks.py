"""Where numbers, PINs and codes of cards must never be, and how they are looked for: however they are spelt."""

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from app.settings import Settings
from cards.proofs.pan import IIN, NotAPan, Pan
from tests import postgres

#: A digit may be followed by what people and programs put between them.
_NUMBER = re.compile(rf"(?<![0-9])({'[ -]?'.join(IIN)}(?:[ -]?[0-9]){{10}})(?![0-9])")
#: A value of its own: what is quoted. Bare numbers are counts and times, and no code begins with its zeros there.
VALUE = re.compile(r'"([^"\\]{3,6})"')

#: Something to read, and what it is.
Place = tuple[str, str]


def leaks(places: Iterable[Place], secrets: set[str]) -> set[str]:
    """Name every place that holds a number, a PIN or a code."""
    return {place for place, content in places if numbers(content) or words(content, secrets)}


def numbers(content: str) -> set[str]:
    """Find card numbers of ours in a text; also where the text is base64 or hexadecimal digits of one."""
    return {number for spelt in _spellings(content) for number in _plain(spelt)}


def _plain(content: str) -> Iterator[str]:
    for found in _NUMBER.findall(content):
        digits = re.sub(r"[ -]", "", found)
        try:
            yield Pan(digits).digits
        except NotAPan:
            continue


def _spellings(content: str) -> Iterator[str]:
    yield content
    for word in set(re.findall(r"[A-Za-z0-9+/_-]{22,}={0,2}", content)):
        for decode in (bytes.fromhex, lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))):
            try:
                yield decode(word).decode("latin-1")
            except ValueError:
                continue


def words(content: str, secrets: set[str]) -> set[str]:
    """Find PINs and codes as whole values: a cell of text, a text in JSON."""
    return {content.strip(), *VALUE.findall(content)} & secrets


def cells(settings: Settings) -> list[tuple[str, str]]:
    """Read every column of every table, as its owner: text as it stands, bytes as what they spell."""
    found = []
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        for schema, table, column, kind in db.execute(_COLUMNS).fetchall():
            query = sql.SQL("SELECT DISTINCT {0}::text FROM {1} WHERE {0} IS NOT NULL").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            found += [(f"{schema}.{table}.{column}", _read(cell, kind)) for (cell,) in db.execute(query)]
    return found


def _read(cell: str, kind: str) -> str:
    if kind == "bytea":
        return bytes.fromhex(cell[2:]).decode("latin-1")
    return f"number {cell}" if kind in {"integer", "bigint", "smallint", "numeric"} else cell


def owner(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    """Log in as the owner, who may plant what nobody else may."""
    return psycopg.connect(postgres.libpq(settings.database_url))


def dump(settings: Settings) -> list[Place]:
    """Write every table as a backup of the database has it: rows of text."""
    found = []
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        for schema, table in db.execute(_TABLES).fetchall():
            with db.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))) as copy:
                found.append((f"dump of {schema}.{table}", b"".join(bytes(each) for each in copy).decode()))
    return found


def files(folder: Path) -> list[Place]:
    """Read every file below a folder, whatever is in it."""
    return [
        (f"{folder.name}/{path.relative_to(folder)}", path.read_bytes().decode("latin-1"))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


_COLUMNS = """
    SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3
"""
_TABLES = """
    SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""
