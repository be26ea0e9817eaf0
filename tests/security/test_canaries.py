"""Canaries: what is personal or secret is planted through every input field, and found nowhere it could be read.

Looked at: log lines, problem bodies, every column of every table, and the write-ahead log as it was written. What a
resident typed may stand in sealed columns, which a search can't see; in a readable one only where READABLE says why.
"""

import copy
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from app import log
from app.settings import Settings
from simulators.passport import Authority
from tests import postgres
from tests.app import card_numbers, people, terminal
from tests.security import contract, world
from tests.security.contract import Operation
from tests.security.world import World

pytestmark = pytest.mark.asyncio

#: In every canary; letters only, so that names and addresses may hold it too.
MARK = "zqkanarya"
PHONE = "+77015550199"
SURNAME = "ZQKANARYA"

#: Columns in which a text of the caller may be read: what it is, and why it is nothing personal or secret.
READABLE = {
    "app.idempotency.key": "a client's name for its request",
    "app.subscription.url": "a partner's address",
    "app.partner.name": "an organisation",
    "app.partner.code": "an organisation's code",
    "app.client.id": "as app.partner.code",
    "app.subject.name": "of a client: as app.partner.code; a resident has none here, by a check of the table",
    "invest.product.code": "begins with the code of its bank",
    "cards.campaign.basis": "what a programme of cards rests on: an agreement of ours",
    "cards.event.body card_campaign.moved basis": "as cards.campaign.basis",
    "app.idempotency.body officer basis": "as cards.campaign.basis",
    "cards.listed_merchant.merchant": "a shop, by its number at the network",
    "cards.event.body card_programme.merchant_listed merchant": "as cards.listed_merchant.merchant",
    "app.idempotency.body officer merchant": "as cards.listed_merchant.merchant",
    "cards.rule_version.name": "what officers call a rule of risk",
    "cards.event.body card_rule.drafted name": "as cards.rule_version.name",
    "app.idempotency.body officer name": "as cards.rule_version.name",
    "cards.rule_version.body when": "categories, countries and shops that a rule compares with",
    "app.idempotency.body officer body": "as cards.rule_version.body",
    "kyc.risk_version.body words": "what a rule of risk is called, in three languages",
    "kyc.risk_version.body source": "which law or standard a rule of risk stands on",
    "kyc.risk_override.entity": "a reference of the outside, by its vendor's number",
    "app.idempotency.body officer entity": "as kyc.risk_override.entity",
}
#: What tells rows of a table apart that hold different things: the kind of an event, whose an answer was.
WHICH = {"event": "kind", "feed": "kind", "idempotency": "split_part(principal, ':', 1)"}

_numbers = itertools.count(1)


class Ear:
    """Everything that was written to the log, and every problem that was told."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        self.problems: list[str] = []


def _canary() -> str:
    return f"{MARK}{next(_numbers):05d}"


def _leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401  any JSON
    """Name every text in a body."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if isinstance(node, str):
        yield path
    for key, value in inner:
        yield from _leaves(value, (*path, key))


def _planted(body: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  any JSON
    changed = copy.deepcopy(body)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = f"{_canary()}@example.com" if "@" in node[path[-1]] else _canary()
    return changed


async def _plant(living: World, client: httpx.AsyncClient, operation: Operation, role: str, ear: Ear) -> None:
    caller = living.callers[role]

    def pick(kind: str) -> str:
        found = sorted(living.mine.get(role, {}).get(kind, ()))
        return found[-1] if found else world.random(kind)

    path, body = operation.filled(pick, lambda _: _canary())
    bodies = [_planted(body, leaf) for leaf in _leaves(body) if leaf] or [body]
    for each in bodies:
        answer = await living.call(client, caller, operation, f"{path}?q={_canary()}", each)
        if not answer.is_success:
            ear.problems.append(answer.text)


async def _lived(living: World, client: httpx.AsyncClient) -> list[str]:
    """Let a person be identified, name a device, and see a card number; gives the secrets that came up."""
    token = await living.callers["resident"].token(living.app)

    async def do(method: str, path: str, body: object = None) -> contract.Json:
        answer = await client.request(method, path, json=body, headers=people.keyed(token))
        assert answer.is_success, answer.text
        found: contract.Json = answer.json() if answer.content else {}
        return found

    shown = Authority.seeded(1).issue(
        surname=SURNAME, given="ANNA", born=date(2001, 5, 5), expires=date(2034, 1, 1), number="K00000001", sex="F"
    )
    await do("POST", "/v1/identity/documents", shown.body())
    await do("POST", "/v1/me/contacts", {"kind": "email", "value": f"{MARK}.anna@example.com"})
    await do("POST", "/v1/me/contacts", {"kind": "phone", "value": PHONE})
    [card, *_] = (await do("GET", "/v1/cards"))["cards"]
    number = (await card_numbers.shown(client, token, card))["pan"]
    return [token, number, PHONE.removeprefix("+")]


def readable(database: str, needles: list[str]) -> dict[str, str]:
    """Find `needles` in every column of every table that can hold text or bytes, as the owner sees them.

    Each is named by its column, by what WHICH says of the row, and by the field where the cell is a JSON object.
    """
    found: dict[str, str] = {}
    with psycopg.connect(postgres.libpq(database)) as db:
        for schema, table, column in db.execute(_COLUMNS).fetchall():
            cells = sql.SQL("SELECT {0}::text, {2} FROM {1} WHERE {0} IS NOT NULL").format(
                sql.Identifier(column), sql.Identifier(schema, table), sql.SQL(WHICH.get(table, "''"))
            )
            for cell, which in db.execute(cells):
                for needle in needles:
                    if needle.lower() in (text := _spelt(cell)):
                        place = f"{schema}.{table}.{column} {which}".strip()
                        found |= {f"{place} {field}".strip(): needle for field in _fields(text, needle.lower())}
    return found


def _fields(text: str, needle: str) -> list[str]:
    """Name the fields of a JSON object that hold `needle`; of anything else, the whole."""
    cell = json.loads(text) if text.startswith("{") else None
    return [name for name, held in cell.items() if needle in f"{name} {held}"] if isinstance(cell, dict) else [""]


def _spelt(cell: str) -> str:
    """Read a cell as it stands or, where it is bytes, as what the bytes spell."""
    return (bytes.fromhex(cell[2:]).decode("latin-1") if cell.startswith("\\x") else cell).lower()


class WriteAhead:
    """What the server wrote to its log from now on; None of it is kept by us."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._from = self._segment()

    def _segment(self) -> str:
        with psycopg.connect(postgres.libpq(self._database)) as db:
            row = db.execute("SELECT pg_walfile_name(pg_current_wal_insert_lsn())").fetchone()
        assert row is not None, "a function of one row"
        return str(row[0])

    def holds(self, needles: list[str]) -> list[str]:
        """Find `needles` in the files written since."""
        with psycopg.connect(postgres.libpq(self._database)) as db:
            db.execute("SET synchronous_commit = on")  # all that was written before is on disk at the commit
            db.execute("SELECT pg_logical_emit_message(true, '', '')")
            row = db.execute("SELECT current_setting('data_directory')").fetchone()
        assert row is not None, "a function of one row"
        last, folder = self._segment(), Path(row[0], "pg_wal")
        files = [file for file in sorted(folder.iterdir()) if self._from <= file.name <= last and len(file.name) == 24]
        assert files, "the server keeps its log in files"
        return sorted({needle for file in files for needle in needles if _within(file.read_bytes().lower(), needle)})


def _within(log_file: bytes, needle: str) -> bool:
    return needle.lower().encode() in log_file


async def test_nothing_planted_can_be_read_anywhere(
    living: World, client: httpx.AsyncClient, settings: Settings
) -> None:
    ear, written = Ear(), WriteAhead(settings.database_url)
    with terminal.as_before(), redirect_stdout(ear.lines):
        log.configure()
        secrets = await _lived(living, client)
        for operation in contract.operations(living.app):
            for role in living.callers:
                if operation.scope and living.callers[role].role in operation.roles and not world.ends(operation.name):
                    await _plant(living, client, operation, role, ear)
        for operation in contract.operations(living.app):
            if operation.scope is None:
                await _plant(living, client, operation, "anonymous", ear)
    needles = [MARK, *secrets]
    said = ear.lines.getvalue()

    assert said.count('"event": "request"') > 100, "the log was heard"
    assert [line for line in said.splitlines() if _any(needles, line)] == []
    assert {told for told in ear.problems if _any(needles, told)} == set()
    assert {name: why for name, why in readable(settings.database_url, needles).items() if name not in READABLE} == {}
    assert written.holds(secrets) == []


async def test_what_is_written_in_clear_is_found(settings: Settings) -> None:
    written = WriteAhead(settings.database_url)
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        db.execute("CREATE TABLE app.planted (note text, raw bytea)")
        db.execute("INSERT INTO app.planted VALUES ('born ZQkanarya', %s)", [PHONE.encode()])
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        found = readable(settings.database_url, [MARK, PHONE])
        held = written.holds([PHONE])
        db.execute("DROP TABLE app.planted")

    assert found.items() >= {"app.planted.note": MARK, "app.planted.raw": PHONE}.items()
    assert held == [PHONE]


def _any(needles: list[str], text: str) -> bool:
    return any(needle.lower() in text.lower() for needle in needles)


_COLUMNS = """
    SELECT table_schema, table_name, column_name FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_type = 'BASE TABLE' AND data_type IN ('text', 'bytea', 'jsonb', 'json', 'ARRAY')
    AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3
"""
