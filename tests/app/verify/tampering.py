"""What whoever owns the database can do to it, drawn by a seeded generator: one change at a time, triggers disabled.

Each kind is a function (connection, table, random) that changes something for sure; tests undo it by rolling back.
"""

import base64
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from app import anchor
from app.verify import blocks, encoding
from app.verify.coverage import COVERED, ROOMS
from app.verify.encoding import encoder
from app.verify.finding import Connection
from app.verify.log import FEED, SECURITY, Log
from proof.signer import FileSigner
from tests.app.verify import past

Tampering = Callable[[Connection, str, random.Random], str]

#: What another value of each type is.
_OTHER = {
    "bigint": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
    "text": "coalesce({0}, '') || 'x'",
    "uuid": "uuidv7()",
    "timestamp with time zone": "coalesce({0}, now()) - interval '1 microsecond'",
    "bytea": "sha256(coalesce({0}, ''))",
    "date": "{0} + 1",
    "boolean": "NOT {0}",
    "jsonb": "{0} || '{{\"forged\": 1}}'",
}
#: The order of a log: what its rows are counted by.
ORDERED = {
    "app.feed": "position",
    "app.security_event": "position",
    "app.anchor": "no",
    "credential.log_entry": "position",
    "credential.log_head": "size",
    "wallet.transfer": "seq",
    "wallet.block": "no",
}
#: What tells where a log ends: something else can be put there.
HEADS = {
    "wallet.lane": "head",
    "wallet.block": "hash",
    "app.feed": "hash",
    "app.security_event": "hash",
    "app.anchor_head": "hash",
    "credential.log_head": "root",
}
#: How a row that is added gets a key of its own.
_KEYS = {
    "app.feed": {"position": "position + 1000", "event_id": "uuidv7()"},
    "app.security_event": {"position": "position + 1000"},
    "app.anchor": {"no": "no + 1000", "minute": "minute + interval '1 year'"},
    "app.anchor_head": {"log": "log || '/x'"},
    "wallet.lane": {"lane": "lane + 1000"},
    "wallet.block": {"no": "no + 1000", "first_seq": "first_seq + 1000"},
    "wallet.transfer": {
        "seq": "seq + 1000",
        "id": "uuidv7()",
        "debit_version": "debit_version + 1000",
        "credit_version": "credit_version + 1000",
    },
    "wallet.holder": {"holder": "uuidv7()"},
    "wallet.account": {"id": "uuidv7()", "holder": "uuidv7()"},
    "wallet.hold": {"id": "uuidv7()"},
    "credential.leaf": {"commitment": "sha256(commitment)", "list": "uuidv7()"},
    "credential.log_entry": {"position": "position + 1000", "commitment": "sha256(commitment)"},
    "credential.log_node": {"idx": "idx + 1000"},
    "credential.log_head": {"size": "size + 1000", "prev": "sha256(root)"},
    "wallet.linked": {"id": "uuidv7()"},
    "wallet.chart": {"purpose": "purpose || '_x'"},
    "wallet.address": {"account": "uuidv7()", "iban": "'KZ000000000000000000'"},
    "wallet.period": {"id": "uuidv7()", "closed_until": "closed_until - 1"},
    "wallet.statement": {"id": "uuidv7()", "code": "sha256(code)"},
}
_EVENT_KEY = {"seq": "seq + 1000", "id": "uuidv7()", "aggregate": "uuidv7()"}


def flip(books: Connection, table: str, drawn: random.Random, column: str | None = None) -> str:
    """Change one column of one row."""
    column = column or drawn.choice(sorted(COVERED[table]))
    other = _OTHER[_types(books, table)[column]].format(f'"{column}"')
    for place in _shuffled(books, table, drawn):
        parts = {"column": sql.Identifier(column), "other": sql.SQL(other)}
        if _done(books, "UPDATE {table} SET {column} = {other} WHERE ctid = {place}", table, place=place, **parts):
            return f"{column} of {place}"
    raise AssertionError(f"{table}.{column} can't be changed")


def delete(books: Connection, table: str, drawn: random.Random) -> str:
    """Take one row away."""
    place = _shuffled(books, table, drawn)[0]
    assert _done(books, "DELETE FROM {table} WHERE ctid = {place}", table, place=place)
    return place


def backdate(books: Connection, table: str, drawn: random.Random) -> str:
    """Add a row like another one, an hour older."""
    place, columns = _shuffled(books, table, drawn)[0], _types(books, table)
    older = {name: f"{name} - interval '1 hour'" for name, kind in columns.items() if kind.startswith("timestamp")}
    other = {**older, **_KEYS.get(table, _EVENT_KEY)}
    assert _done(
        books,
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {other} FROM {table} WHERE ctid = {place}",
        table,
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
        other=sql.SQL(", ".join(other.get(name, f'"{name}"') for name in columns)),
        place=place,
    )
    return place


def reorder(books: Connection, table: str, drawn: random.Random) -> str:
    """Let two rows of a log change places."""
    one, other = drawn.sample(positions(books, table), 2)
    for before, after in ((one, -1), (other, one), (-1, other)):
        moved = "UPDATE {table} SET {column} = {after} WHERE {column} = {before}"
        assert _done(books, moved, table, column=sql.Identifier(ORDERED[table]), after=after, before=before)
    return f"{one} and {other}"


def truncate(books: Connection, table: str, drawn: random.Random) -> str:
    """Cut off the end of a log."""
    kept = drawn.choice(positions(books, table)[:-1])
    column = sql.Identifier(ORDERED[table])
    assert _done(books, "DELETE FROM {table} WHERE {column} > {kept}", table, column=column, kept=kept)
    return f"behind {kept}"


def replace_head(books: Connection, table: str, drawn: random.Random) -> str:
    """Put another hash where a log ends."""
    place, column = _places(books, table)[-1], sql.Identifier(HEADS[table])
    changed = "UPDATE {table} SET {column} = {other} WHERE ctid = {place}"
    assert _done(books, changed, table, column=column, other=drawn.randbytes(32), place=place)
    return place


KINDS: dict[str, tuple[Tampering, Sequence[str]]] = {
    "flip": (flip, sorted(COVERED)),
    "delete": (delete, sorted(COVERED)),
    "backdate": (backdate, sorted(COVERED)),
    "reorder": (reorder, sorted(ORDERED)),
    "truncate": (truncate, sorted(ORDERED)),
    "replace head": (replace_head, sorted(HEADS)),
}


LOGS = {log.table: log for log in (FEED, SECURITY)}


def rehash(books: Connection, log: Log) -> None:
    """Make a log's chain whole again behind whatever was changed: its owner knows the rules as well as we do."""
    encode, head = encoder("".join(log.columns.values())), log.chain.genesis
    for row in books.execute(log.select).fetchall():
        head = log.chain.link(head, encode([row[name] for name in log.columns]))
        changed = "UPDATE {table} SET hash = {hash} WHERE position = {position}"
        assert _done(books, changed, log.table, hash=head, position=row["position"])


def append(books: Connection, log: Log) -> None:
    """Put a copy of a log's first row behind its last one, an hour earlier than that one."""
    other = {"position": "last.position + 1", "event_id": "uuidv7()", log.dated: "last.at - interval '1 hour'"}
    added = """
    INSERT INTO {table} ({columns}, hash)
    SELECT {other}, hash FROM {table} AS copied
    CROSS JOIN (SELECT max(position) AS position, max({dated}) AS at FROM {table}) AS last
    WHERE copied.position = 1
    """
    assert _done(
        books,
        added,
        log.table,
        dated=sql.Identifier(log.dated),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in log.columns),
        other=sql.SQL(", ".join(other.get(name, f'copied."{name}"') for name in log.columns)),
    )


def fold(books: Connection) -> None:
    """Make every block vouch for its transfers as they are now, and the lane show the last."""
    head = blocks.CHAIN.genesis
    for row in books.execute("SELECT * FROM wallet.block ORDER BY lane, no").fetchall():
        span = [row["lane"], row["first_seq"], row["last_seq"]]
        found = books.execute(_LEAVES, span).fetchall()
        root = encoding.root([encoding.leaf(_LEAF([leaf[name] for name in blocks.LEAF])) for leaf in found])
        prev, head = head, blocks.CHAIN.link(head, _BLOCK([row["lane"], row["no"], *span[1:], root]))
        changed = "UPDATE {table} SET root = {root}, prev = {prev}, hash = {hash} WHERE no = {no}"
        assert _done(books, changed, "wallet.block", root=root, prev=prev, hash=head, no=row["no"])
    assert _done(books, "UPDATE {table} SET head = {head}", "wallet.lane", head=head)


def cut_off(books: Connection) -> None:
    """Cut off everything of the last two minutes, everywhere; the rest follows from what is left."""
    for statement in _CUT_OFF:
        books.execute(statement)
    for room in ROOMS:
        gone = "DELETE FROM {table} WHERE id NOT IN (SELECT event_id FROM app.feed)"
        books.execute(sql.SQL(gone).format(table=sql.Identifier(room, "event")))


def restate(books: Connection, signer: FileSigner, *, pause: timedelta = timedelta(0)) -> None:
    """State all anchors again over what they state, signed with a key of one's own, the last one a `pause` later."""
    prev = None
    for row in books.execute("SELECT no, minute, jws FROM app.anchor ORDER BY no").fetchall():
        payload = row["jws"].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=="))
        minute = row["minute"] + (pause if row["no"] == past.MINUTES else timedelta(0))
        jws = anchor.sign(signer, {**said, "prev": prev, "minute": anchor.shown(minute)})
        prev = hashlib.sha256(jws.encode()).hexdigest()
        changed = "UPDATE {table} SET jws = {jws}, minute = {minute} WHERE no = {no}"
        assert _done(books, changed, "app.anchor", jws=jws, minute=minute, no=row["no"])


_LEAF, _BLOCK = encoder("".join(blocks.LEAF.values())), encoder("iiiib")
_LEAVES = "SELECT * FROM wallet.transfer WHERE lane = %s AND seq BETWEEN %s AND %s ORDER BY seq"
_CUT_OFF: tuple[LiteralString, ...] = (
    "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT log, position FROM app.anchor_head WHERE anchor = 2",
    "DELETE FROM app.feed WHERE position > (SELECT position FROM kept WHERE log = 'feed')",
    "DELETE FROM app.tree_head WHERE position > (SELECT position FROM kept WHERE log = 'feed')",
    "DELETE FROM app.security_event WHERE position > (SELECT position FROM kept WHERE log = 'security')",
    "DELETE FROM wallet.block WHERE no > (SELECT position FROM kept WHERE log = 'lane/1')",
    "DELETE FROM wallet.transfer WHERE seq > (SELECT max(last_seq) FROM wallet.block)",
    "DELETE FROM app.anchor_head WHERE anchor > 2",
    "DELETE FROM app.anchor WHERE no > 2",
    """
    UPDATE wallet.lane SET seq = last.last_seq, relayed = last.last_seq, block = last.no, head = last.hash
    FROM (SELECT * FROM wallet.block ORDER BY no DESC LIMIT 1) AS last
    """,
    "DELETE FROM wallet.linked WHERE id NOT IN (SELECT linked FROM wallet.transfer WHERE linked IS NOT NULL)",
    "DELETE FROM wallet.hold WHERE id NOT IN (SELECT id FROM wallet.transfer WHERE kind = 'hold')",
    """
    UPDATE wallet.hold SET remaining = amount + coalesce((
        SELECT sum(held) FROM wallet.transfer WHERE transfer.of = hold.id AND kind <> 'reversal'), 0)
    """,
    """
    UPDATE wallet.account SET (version, posted, hold_out, hold_in) = (
        SELECT count(*), coalesce(sum(CASE WHEN kind NOT IN ('post', 'capture', 'reversal') THEN 0
                                           WHEN credit = account.id THEN amount ELSE -amount END), 0),
               coalesce(sum(held) FILTER (WHERE debit = account.id), 0),
               coalesce(sum(held) FILTER (WHERE credit = account.id), 0)
        FROM wallet.transfer WHERE account.id IN (debit, credit))
    """,
)


def positions(books: Connection, table: str) -> list[int]:
    """Read the numbers of a log's rows."""
    select = sql.SQL("SELECT {} AS at FROM {} ORDER BY 1").format(sql.Identifier(ORDERED[table]), _table(table))
    return [row["at"] for row in books.execute(select)]


def _types(books: Connection, table: str) -> dict[str, str]:
    rows = books.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        table.split("."),
    )
    return {row["column_name"]: row["data_type"] for row in rows}


def _shuffled(books: Connection, table: str, drawn: random.Random) -> list[str]:
    found = _places(books, table)
    return drawn.sample(found, len(found))


def _places(books: Connection, table: str) -> list[str]:
    statement = sql.SQL("SELECT ctid::text AS place FROM {} ORDER BY {}").format(
        _table(table), sql.Identifier(ORDERED.get(table, "ctid"))
    )
    return [row["place"] for row in books.execute(statement)]


def _done(books: Connection, template: LiteralString, table: str, **parts: object) -> bool:
    """Do it; False where another row stands in the way."""
    composed = {name: part if isinstance(part, sql.Composable) else sql.Literal(part) for name, part in parts.items()}
    books.execute("SAVEPOINT before")
    try:
        return books.execute(sql.SQL(template).format(table=_table(table), **composed)).rowcount > 0
    except psycopg.errors.UniqueViolation:
        books.execute("ROLLBACK TO before")
        return False


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
