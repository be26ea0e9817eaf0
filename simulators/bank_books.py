"""The bank's books: deposits, orders, accounts, what it has to tell and was told. SQLite, flushed at every commit.

What was acknowledged is in the file, so a bank that is killed and started again goes on where it was.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Row = dict[str, Any]
_ALMATY_S = 5 * 3600

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deposit (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, status TEXT NOT NULL, reference TEXT NOT NULL UNIQUE, reason TEXT,
    decide_at REAL
);
CREATE TABLE IF NOT EXISTS bank_order (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, reference TEXT NOT NULL UNIQUE, told TEXT, decide_at REAL
);
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, minor INTEGER NOT NULL,
    reference TEXT NOT NULL, day TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, asked TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS copy (
    number INTEGER PRIMARY KEY, message TEXT NOT NULL REFERENCES message, forged INTEGER NOT NULL,
    due_at REAL, attempts INTEGER NOT NULL DEFAULT 0, outcome TEXT
);
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY, body TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1);
"""


class Books:
    """One bank's file. Every method is one transaction, unless it runs inside `together()`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "bank.sqlite3", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        #: The day that is booked on; whoever tests moves it.
        self.day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + _ALMATY_S))

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write everything in the block or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def deposit(self, key: str) -> Row | None:
        """Find a deposit by our key."""
        return self._one("SELECT * FROM deposit WHERE key = ?", key)

    def open_deposit(self, key: str, asked: str, *, decide_at: float) -> None:
        """Take an order; it is decided at `decide_at`."""
        count = self._one("SELECT count(*) AS n FROM deposit")
        reference = f"DB-{(count['n'] if count else 0) + 1:06d}"
        self._db.execute(
            "INSERT INTO deposit (key, asked, status, reference, decide_at) VALUES (?, ?, 'pending', ?, ?)",
            (key, asked, reference, decide_at),
        )

    def undecided(self, now_s: float) -> list[Row]:
        """List the deposits to decide."""
        return self._all("SELECT * FROM deposit WHERE decide_at <= ? ORDER BY decide_at", now_s)

    def decide(self, key: str, status: str, reason: str | None = None) -> None:
        """Set what became of a deposit."""
        self._db.execute(
            "UPDATE deposit SET status = ?, reason = ?, decide_at = NULL WHERE key = ?", (status, reason, key)
        )

    def order(self, key: str) -> Row | None:
        """Find an order by the house's key."""
        return self._one("SELECT * FROM bank_order WHERE key = ?", key)

    def take_order(self, key: str, asked: str, *, decide_at: float) -> None:
        """Take an order of the house; it is decided at `decide_at`."""
        count = self._one("SELECT count(*) AS n FROM bank_order")
        reference = f"BO-{(count['n'] if count else 0) + 1:06d}"
        self._db.execute(
            "INSERT INTO bank_order (key, asked, reference, decide_at) VALUES (?, ?, ?, ?)",
            (key, asked, reference, decide_at),
        )

    def orders_undecided(self, now_s: float) -> list[Row]:
        """List the orders to decide."""
        return self._all("SELECT * FROM bank_order WHERE decide_at <= ? ORDER BY decide_at", now_s)

    def decide_order(self, key: str, told: str) -> None:
        """Set what the house is told of an order."""
        self._db.execute("UPDATE bank_order SET told = ?, decide_at = NULL WHERE key = ?", (told, key))

    def enter(self, account: str, currency: str, minor: int, reference: str) -> int:
        """Book an entry; gives how many the account has."""
        self._db.execute(
            "INSERT INTO entry (account, currency, minor, reference, day) VALUES (?, ?, ?, ?, ?)",
            (account, currency, minor, reference, self.day),
        )
        found = self._one("SELECT count(*) AS n FROM entry WHERE account = ?", account)
        return int(found["n"]) if found else 0

    def on(self, account: str, currency: str) -> int:
        """Say what is on an account."""
        query = "SELECT coalesce(sum(minor), 0) AS n FROM entry WHERE account = ? AND currency = ?"
        found = self._one(query, account, currency)
        return int(found["n"]) if found else 0

    def number(self, account: str) -> int:
        """Give the number of an account: its first entry."""
        found = self._one("SELECT min(number) AS n FROM entry WHERE account = ?", account)
        return int(found["n"]) if found else 0

    def entries(self, account: str, day: str) -> list[Row]:
        """List what moved on an account on a day."""
        return self._all("SELECT * FROM entry WHERE account = ? AND day = ? ORDER BY number", account, day)

    def before(self, account: str, day: str) -> int:
        """Say what was on an account before a day."""
        query = "SELECT coalesce(sum(minor), 0) AS n FROM entry WHERE account = ? AND day < ?"
        found = self._one(query, account, day)
        return int(found["n"]) if found else 0

    def of(self, account: str) -> list[Row]:
        """List everything that moved on an account."""
        return self._all("SELECT * FROM entry WHERE account = ? ORDER BY number", account)

    def payment(self, payment_id: str) -> Row | None:
        """Find a payment that came in."""
        return self._one("SELECT * FROM payment WHERE id = ?", payment_id)

    def take_payment(self, payment_id: str, asked: str) -> str:
        """Note a payment that came in; gives what was noted under this id first."""
        self._db.execute("INSERT OR IGNORE INTO payment (id, asked) VALUES (?, ?)", (payment_id, asked))
        found = self._one("SELECT asked FROM payment WHERE id = ?", payment_id)
        return str(found["asked"]) if found else ""

    def tell(self, message_id: str, kind: str, body: str, copies: list[tuple[float | None, bool]]) -> None:
        """Queue a message; each copy is due at a time (None: it gets lost) and may be a forgery."""
        self._db.execute("INSERT INTO message (id, kind, body) VALUES (?, ?, ?)", (message_id, kind, body))
        for due_at, forged in copies:
            outcome = "dropped" if due_at is None else None
            self._db.execute(
                "INSERT INTO copy (message, forged, due_at, outcome) VALUES (?, ?, ?, ?)",
                (message_id, forged, due_at, outcome),
            )

    def due(self, now_s: float) -> list[Row]:
        """List the copies to send, in the order they are due."""
        query = "SELECT copy.*, body FROM copy JOIN message ON message.id = message WHERE due_at <= ? ORDER BY due_at"
        return self._all(query, now_s)

    def sent(self, number: int, outcome: str, *, again_at: float | None) -> None:
        """Note what came of a copy, and when to send it again."""
        self._db.execute(
            "UPDATE copy SET outcome = ?, due_at = ?, attempts = attempts + 1 WHERE number = ?",
            (outcome, again_at, number),
        )

    def messages(self) -> list[Json]:
        """List every message with what became of its copies."""
        found = []
        for row in self._all("SELECT * FROM message ORDER BY rowid"):
            copies = self._all("SELECT forged, attempts, outcome FROM copy WHERE message = ?", row["id"])
            found.append({"id": row["id"], "kind": row["kind"], "body": json.loads(row["body"]), "copies": copies})
        return found

    def hear(self, message_id: str, body: str) -> None:
        """Keep a message that we were sent, once, and count how often it came."""
        self._db.execute(
            "INSERT INTO heard (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET times = times + 1",
            (message_id, body),
        )

    def heard(self) -> list[Json]:
        """List what we were sent, in the order it first came."""
        rows = self._all("SELECT * FROM heard ORDER BY rowid")
        return [{"id": row["id"], "times": row["times"], "body": json.loads(row["body"])} for row in rows]

    def _one(self, query: str, *values: object) -> Row | None:
        row = self._db.execute(query, values).fetchone()
        return dict(row) if row else None

    def _all(self, query: str, *values: object) -> list[Row]:
        return [dict(row) for row in self._db.execute(query, values)]
