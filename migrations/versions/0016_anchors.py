"""Anchors: each minute's signed heads and where they were sent; the security log; the trace of an event."""

from alembic import op

from migrations import walls

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    _anchors()
    _sinks()
    _security()
    _traces()


def downgrade() -> None:
    """Undo it."""
    for table in ("security_event", "anchor_sink", "anchor_receipt", "anchor_head", "anchor"):
        op.execute(f"DROP TABLE app.{table}")
    op.execute("DELETE FROM app.lease WHERE name = 'anchor'")
    op.execute(_QUEUE.format(columns="", values=""))
    op.execute("ALTER TABLE app.outbox DROP COLUMN trace")
    op.execute("ALTER TABLE app.delivery DROP COLUMN trace")


def _anchors() -> None:
    op.execute(
        """
        CREATE TABLE app.anchor (
            no bigint PRIMARY KEY CHECK (no > 0),
            minute timestamptz NOT NULL UNIQUE CHECK (minute = date_trunc('minute', minute)),
            jws text NOT NULL
        )
        """
    )
    # What the statement says of each log, as columns: a receipt looks up which anchor covers its block.
    op.execute(
        """
        CREATE TABLE app.anchor_head (
            anchor bigint NOT NULL REFERENCES app.anchor,
            log text NOT NULL,
            position bigint NOT NULL CHECK (position >= 0),
            hash bytea NOT NULL CHECK (length(hash) = 32),
            after bigint NOT NULL CHECK (after <= position),
            root bytea NOT NULL CHECK (length(root) = 32),
            PRIMARY KEY (anchor, log)
        )
        """
    )
    op.execute("CREATE INDEX anchor_head_log ON app.anchor_head (log, position, anchor)")
    for table in ("app.anchor", "app.anchor_head"):
        walls.append_only(table)
        walls.grant(table, api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute("INSERT INTO app.lease (name) VALUES ('anchor')")


def _sinks() -> None:
    op.execute(
        """
        CREATE TABLE app.anchor_receipt (
            sink text NOT NULL,
            anchor bigint NOT NULL REFERENCES app.anchor,
            receipt text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (sink, anchor)
        )
        """
    )
    walls.append_only("app.anchor_receipt")
    walls.grant("app.anchor_receipt", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.anchor_sink (
            name text PRIMARY KEY,
            delivered bigint NOT NULL DEFAULT 0,
            attempts integer NOT NULL DEFAULT 0,
            due_at timestamptz NOT NULL,
            trouble text
        )
        """
    )
    walls.grant("app.anchor_sink", api="SELECT", worker="SELECT, INSERT, UPDATE", report="SELECT")


def _security() -> None:
    op.execute(
        """
        CREATE TABLE app.security_event (
            position bigint PRIMARY KEY CHECK (position > 0),
            minute timestamptz NOT NULL,
            kind text NOT NULL,
            code text NOT NULL,
            operation text NOT NULL,
            role text,
            subject uuid,
            address bytea,
            count integer NOT NULL CHECK (count > 0),
            written_at timestamptz NOT NULL,
            hash bytea NOT NULL CHECK (length(hash) = 32)
        )
        """
    )
    op.execute("CREATE INDEX security_event_kind ON app.security_event (kind, position)")
    walls.append_only("app.security_event")
    walls.own_rows("app.security_event", "subject", also_nobodys=True)
    walls.grant("app.security_event", api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


# The trace a story runs in (app/db.py) goes with its events to the webhooks they become.
_QUEUE = """
CREATE OR REPLACE FUNCTION app.queue_for_relay() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO app.outbox (source, event_seq{columns})
    SELECT TG_TABLE_SCHEMA, written.seq{values} FROM written ORDER BY written.seq;
    RETURN NULL;
END $$
"""


def _traces() -> None:
    op.execute("ALTER TABLE app.outbox ADD COLUMN trace text")
    op.execute("ALTER TABLE app.delivery ADD COLUMN trace text")
    op.execute(_QUEUE.format(columns=", trace", values=", NULLIF(current_setting('app.trace', true), '')"))
