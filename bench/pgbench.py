"""PostgreSQL's own load generator moving money in the smallest ledger there can be: the peer of ours.

A move is one locked debit, one locked credit and one row of history in one transaction; no chain, no holds, no
idempotency.
"""

import re
import subprocess
import tempfile

import psycopg

from bench.ground import Ground

CLIENTS = 32
SECONDS = 4

_LEDGER = """
    DROP SCHEMA IF EXISTS peer CASCADE;
    CREATE SCHEMA peer;
    CREATE TABLE peer.account (id int PRIMARY KEY, balance bigint NOT NULL CHECK (id = 1 OR balance >= 0));
    CREATE TABLE peer.transfer (id uuid PRIMARY KEY DEFAULT uuidv7(), debit int NOT NULL, credit int NOT NULL,
                                amount bigint NOT NULL, at timestamptz NOT NULL DEFAULT now());
    INSERT INTO peer.account SELECT n, 1000000000 FROM generate_series(1, {accounts}) n;
    CREATE FUNCTION peer.move(a int, b int, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM peer.account WHERE id IN (a, b) ORDER BY id FOR UPDATE;
        UPDATE peer.account SET balance = balance - amount WHERE id = a;
        UPDATE peer.account SET balance = balance + amount WHERE id = b;
        INSERT INTO peer.transfer (debit, credit, amount) VALUES (a, b, amount);
    END $$;
    VACUUM ANALYZE peer.account;
"""
_PICK = "\\set a {hot_or_random}\n\\set b 1 + (:a - 1 + random(1, {accounts} - 1)) % {accounts}\n"
_FUNCTION = "SELECT peer.move(:a, :b, 1);\n"
# Locked in order by hand, or the random pairs would deadlock.
_STATEMENTS = """
BEGIN;
SELECT 1 FROM peer.account WHERE id IN (:a, :b) ORDER BY id FOR UPDATE;
UPDATE peer.account SET balance = balance - 1 WHERE id = :a;
UPDATE peer.account SET balance = balance + 1 WHERE id = :b;
INSERT INTO peer.transfer (debit, credit, amount) VALUES (:a, :b, 1);
COMMIT;
"""


def prepare(ground: Ground, accounts: int) -> None:
    """Make the peer's ledger, beside ours in the same database."""
    with psycopg.connect(ground.address, autocommit=True) as db:
        for statement in _split(_LEDGER.format(accounts=accounts)):
            db.execute(statement.encode())


def function(ground: Ground, accounts: int, *, hot: bool) -> float:
    """Measure moves a second when one move is one call of a stored function."""
    return _run(ground, _script(accounts, hot=hot) + _FUNCTION)


def statements(ground: Ground, accounts: int, *, hot: bool) -> float:
    """Measure moves a second when one move is four statements between BEGIN and COMMIT."""
    return _run(ground, _script(accounts, hot=hot) + _STATEMENTS)


def _script(accounts: int, *, hot: bool) -> str:
    # Hot: everybody is paid from the first account, as a bank's mirror or a merchant is.
    return _PICK.format(hot_or_random="1" if hot else f"random(1, {accounts})", accounts=accounts)


def _split(script: str) -> list[str]:
    """Split at the semicolons outside the function's body; VACUUM must stand alone."""
    head, body, tail = re.split(r"(CREATE FUNCTION.*?END \$\$;)", script, maxsplit=1, flags=re.DOTALL)
    return [part for part in (*head.split(";"), body, *tail.split(";")) if part.strip()]


def _run(ground: Ground, script: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        load = ["--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2", f"--time={SECONDS}"]
        command = [str(ground.pgbench), *load, f"--file={file.name}", ground.address]
        done = subprocess.run(command, capture_output=True, check=True)
    found = re.search(rb"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])
