"""The ground floor: roles, the clock, idempotency, the relay's queue and feed, leases."""

from alembic import op

from migrations import walls

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the schema `app`."""
    walls.roles()
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    # Readiness compares the revision of the database with the code's.
    op.execute(f"GRANT USAGE ON SCHEMA public TO {', '.join(walls.ROLES)}")
    op.execute(f"GRANT SELECT ON public.alembic_version TO {', '.join(walls.ROLES)}")
    walls.schema("app")
    _triggers()
    _clock()
    _idempotency()
    _feed()
    walls.journal("app")
    _unrelayed()


def downgrade() -> None:
    """Drop the schema; the roles belong to the server and stay."""
    op.execute("DROP SCHEMA app CASCADE")


def _triggers() -> None:
    op.execute(
        """
        CREATE FUNCTION app.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of %.% refused: history is only added to', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        """
        CREATE TABLE app.outbox (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            source text NOT NULL,
            event_seq bigint NOT NULL
        )
        """
    )
    # SECURITY DEFINER: whoever may write an event queues it, and nobody but the relay may touch the queue.
    op.execute(
        """
        CREATE FUNCTION app.queue_for_relay() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            INSERT INTO app.outbox (source, event_seq)
            SELECT TG_TABLE_SCHEMA, written.seq FROM written ORDER BY written.seq;
            RETURN NULL;
        END $$
        """
    )
    walls.grant("app.outbox", worker="SELECT, DELETE")


def _clock() -> None:
    op.execute(
        """
        CREATE TABLE app.clock (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            advanced_by interval NOT NULL DEFAULT interval '0' CHECK (advanced_by >= interval '0')
        )
        """
    )
    op.execute("INSERT INTO app.clock DEFAULT VALUES")
    walls.grant("app.clock", api="SELECT, UPDATE", posting="SELECT", worker="SELECT", report="SELECT")


def _idempotency() -> None:
    op.execute(
        """
        CREATE TABLE app.idempotency (
            principal text NOT NULL,
            key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
            request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
            status smallint NOT NULL CHECK (status BETWEEN 200 AND 499),
            headers jsonb NOT NULL DEFAULT '{}',
            body bytea NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (principal, key)
        )
        """
    )
    walls.append_only("app.idempotency")
    op.execute("ALTER TABLE app.idempotency ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE app.idempotency FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
        CREATE POLICY own_keys ON app.idempotency TO {walls.API}
        USING (principal = NULLIF(current_setting('app.actor', true), ''))
        """
    )
    op.execute(
        f"""
        CREATE POLICY many_callers ON app.idempotency TO {walls.POSTING}, {walls.WORKER}, CURRENT_USER USING (true)
        """
    )
    walls.grant("app.idempotency", api="SELECT, INSERT", posting="SELECT, INSERT", worker="SELECT, INSERT")


def _feed() -> None:
    op.execute(
        """
        CREATE TABLE app.feed (
            position bigint PRIMARY KEY CHECK (position > 0),
            event_id uuid NOT NULL UNIQUE,
            source text NOT NULL,
            aggregate uuid NOT NULL,
            version integer NOT NULL,
            holder uuid,
            kind text NOT NULL,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            body jsonb NOT NULL,
            relayed_at timestamptz NOT NULL,
            hash bytea NOT NULL CHECK (length(hash) = 32)
        )
        """
    )
    op.execute("CREATE INDEX feed_holder ON app.feed (holder, position) WHERE holder IS NOT NULL")
    op.execute("CREATE INDEX feed_kind ON app.feed (kind, position)")
    walls.append_only("app.feed")
    walls.own_rows("app.feed", "holder")
    walls.grant("app.feed", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.tree_head (
            position bigint PRIMARY KEY,
            hash bytea NOT NULL CHECK (length(hash) = 32),
            at timestamptz NOT NULL,
            kid text NOT NULL,
            signature bytea NOT NULL
        )
        """
    )
    walls.append_only("app.tree_head")
    walls.grant("app.tree_head", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute("CREATE TABLE app.lease (name text PRIMARY KEY, heartbeat timestamptz)")
    op.execute("INSERT INTO app.lease (name) VALUES ('relay')")
    walls.grant("app.lease", api="SELECT", worker="SELECT, UPDATE", report="SELECT")


def _unrelayed() -> None:
    # The API may know how far the relay is behind without seeing what waits.
    op.execute(
        """
        CREATE FUNCTION app.unrelayed() RETURNS bigint
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS 'SELECT count(*) FROM app.outbox'
        """
    )
