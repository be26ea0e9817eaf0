"""PostgreSQL's own load generator authorising card payments in the smallest way there can be: the peer of ours.

One stored procedure, one transaction: the question is kept once, the card's counter of the day goes up, the balance is
held where it suffices, two entries and one event are written. No proof, no rules, no chain, no other language.
"""

import re
import subprocess
import tempfile

import psycopg

from bench.ground import Ground

CLIENTS = (8, 32)
SECONDS = 4

_SCHEMA = (
    "DROP SCHEMA IF EXISTS peer_cards CASCADE",
    "CREATE SCHEMA peer_cards",
    """
    CREATE TABLE peer_cards.card AS
    SELECT id, 10000000000::bigint AS balance, 0::bigint AS held FROM generate_series(1, 10000) AS id
    """,
    "ALTER TABLE peer_cards.card ADD PRIMARY KEY (id), ADD CHECK (held <= balance)",
    "CREATE TABLE peer_cards.asked (key uuid PRIMARY KEY, answer text NOT NULL)",
    """
    CREATE TABLE peer_cards.spent (card int, day date, minor bigint NOT NULL, times int NOT NULL,
                                   PRIMARY KEY (card, day))
    """,
    """
    CREATE TABLE peer_cards.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, card int NOT NULL,
                                   minor bigint NOT NULL, at timestamptz NOT NULL DEFAULT now())
    """,
    """
    CREATE TABLE peer_cards.event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL,
                                   at timestamptz NOT NULL DEFAULT now())
    """,
    """
    CREATE FUNCTION peer_cards.authorise(key uuid, wanted int, amount bigint) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        answer text := '00';
    BEGIN
        INSERT INTO peer_cards.spent VALUES (wanted, current_date, amount, 1)
        ON CONFLICT (card, day) DO UPDATE SET minor = spent.minor + EXCLUDED.minor, times = spent.times + 1;
        UPDATE peer_cards.card SET held = held + amount WHERE id = wanted AND balance - held >= amount;
        IF NOT FOUND THEN
            answer := '51';
        ELSE
            INSERT INTO peer_cards.entry (card, minor) VALUES (wanted, -amount), (wanted, amount);
        END IF;
        INSERT INTO peer_cards.asked VALUES (key, answer);
        INSERT INTO peer_cards.event (body)
        VALUES (jsonb_build_object('card', wanted, 'minor', amount, 'answer', answer));
        RETURN answer;
    END $$
    """,
    "ANALYZE peer_cards.card",
)
_SCRIPT = "\\set card random(1, 10000)\nSELECT peer_cards.authorise(uuidv7(), :card, 100);\n"


def prepare(place: Ground) -> None:
    """Make the peer's tables, beside ours in the same database."""
    with psycopg.connect(place.address, autocommit=True) as db:
        for statement in _SCHEMA:
            db.execute(statement.encode())


def named(clients: int) -> str:
    """Name the peer."""
    return f"pgbench, stored procedure, {clients} clients"


def per_second(place: Ground, clients: int) -> float:
    """Measure authorisations a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(_SCRIPT)
        file.flush()
        load = ["--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=2", f"--time={SECONDS}"]
        command = [str(place.pgbench), *load, f"--file={file.name}", place.address]
        done = subprocess.run(command, capture_output=True, check=True)
    found = re.search(rb"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])
