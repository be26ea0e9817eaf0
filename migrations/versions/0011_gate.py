"""Who comes in: how often, with which nonce, until when; and who was shut out by whom."""

from alembic import op

from migrations import walls

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the gate's tables and its one statement."""
    op.execute("DROP FUNCTION app.admit")
    op.execute(f"REVOKE ALL ON app.spent_jti FROM {walls.API}")
    _epoch()
    _quota()
    _admission()
    _assertions()
    _suspensions()


def downgrade() -> None:
    """Undo it."""
    op.execute("DROP TABLE app.suspension")
    op.execute("DROP TABLE app.spent_assertion")
    op.execute("DROP FUNCTION app.admit")
    op.execute("DROP TABLE app.quota")
    op.execute("DROP TABLE app.epoch")
    walls.grant("app.spent_jti", api="SELECT, INSERT")
    _admission_before()


def _epoch() -> None:
    # UNLOGGED like spent_jti: a crash of the server, or a standby that takes over, empties both together. The next
    # epoch is another one, nonces carry it, so a proof made before finds its nonce void: none can be used again.
    op.execute(
        """
        CREATE UNLOGGED TABLE app.epoch (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            id uuid NOT NULL DEFAULT gen_random_uuid()
        )
        """
    )


def _quota() -> None:
    # A row for each caller and policy, counting in the window that ends at `expires_at`; half a page stays free, so
    # that counting writes beside the row and touches no index.
    op.execute(
        """
        CREATE UNLOGGED TABLE app.quota (
            who text NOT NULL,
            policy text NOT NULL,
            used bigint NOT NULL CHECK (used > 0),
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (who, policy)
        ) WITH (fillfactor = 50)
        """
    )
    op.execute("CREATE INDEX quota_expiry ON app.quota (expires_at)")
    walls.grant("app.quota", worker="SELECT, DELETE")


def _admission() -> None:
    # One statement for all requests that came in while the last one ran. SECURITY DEFINER: the API may ask this
    # question and touches none of these tables otherwise. Both writes are ordered and the second waits for the first,
    # so two processes with the same proofs or callers wait for each other in one direction only.
    op.execute(
        """
        CREATE FUNCTION app.admit(asked jsonb, instant timestamptz) RETURNS json
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            WITH ask AS MATERIALIZED (
                SELECT given.*,
                       row_number() OVER (PARTITION BY given.minter, given.jti ORDER BY given.place) = 1 AS first,
                       row_number() OVER (PARTITION BY given.who, given.policy ORDER BY given.place)
                       - count(*) OVER (PARTITION BY given.who, given.policy) AS behind
                FROM ROWS FROM (
                    jsonb_to_recordset(asked) AS (
                        session uuid, minter text, jti text, until timestamptz,
                        who text, policy text, window_ends timestamptz
                    )
                ) WITH ORDINALITY AS given (session, minter, jti, until, who, policy, window_ends, place)
            ), spent AS (
                INSERT INTO app.spent_jti (minted_by, jti, expires_at)
                SELECT ask.minter, ask.jti, ask.until FROM ask
                WHERE ask.first AND ask.jti IS NOT NULL ORDER BY ask.minter, ask.jti
                ON CONFLICT DO NOTHING
                RETURNING minted_by, jti
            ), counted AS (
                INSERT INTO app.quota (who, policy, used, expires_at)
                SELECT ask.who, ask.policy, count(*), max(ask.window_ends) FROM ask
                WHERE ask.who IS NOT NULL AND (SELECT count(*) FROM spent) >= 0
                GROUP BY ask.who, ask.policy ORDER BY ask.who, ask.policy
                ON CONFLICT (who, policy) DO UPDATE SET
                    used = EXCLUDED.used
                        + CASE WHEN quota.expires_at >= EXCLUDED.expires_at THEN quota.used ELSE 0 END,
                    expires_at = greatest(quota.expires_at, EXCLUDED.expires_at)
                RETURNING who, policy, used
            ), begun AS (
                INSERT INTO app.epoch (only_row) SELECT true WHERE NOT EXISTS (SELECT FROM app.epoch)
                ON CONFLICT (only_row) DO UPDATE SET id = epoch.id
                RETURNING id
            )
            SELECT json_build_object(
                'epoch', coalesce((SELECT id FROM app.epoch), (SELECT id FROM begun)),
                'answers', coalesce(json_agg(json_build_array(
                    ask.jti IS NULL OR (ask.first AND spent.jti IS NOT NULL),
                    ask.session IS NULL OR (
                        session.ended_at IS NULL AND session.expires_at > instant AND subject.suspended_at IS NULL
                    ) IS TRUE,
                    coalesce(counted.used + ask.behind, 0)
                ) ORDER BY ask.place), '[]')
            )
            FROM ask
            LEFT JOIN spent ON spent.minted_by = ask.minter AND spent.jti = ask.jti
            LEFT JOIN counted ON counted.who = ask.who AND counted.policy = ask.policy
            LEFT JOIN app.session ON session.id = ask.session
            LEFT JOIN app.subject ON subject.id = session.subject
        $$
        """
    )
    _executable()


def _assertions() -> None:
    # A client's assertion lives for minutes and is bound to no nonce, so it is remembered through a crash.
    op.execute(
        """
        CREATE TABLE app.spent_assertion (
            minted_by text NOT NULL,
            jti text NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (minted_by, jti)
        )
        """
    )
    op.execute("CREATE INDEX spent_assertion_expiry ON app.spent_assertion (expires_at)")
    walls.grant("app.spent_assertion", api="SELECT, INSERT", worker="SELECT, DELETE")


def _suspensions() -> None:
    # One officer shuts out, since waiting could harm; letting in again takes two.
    op.execute(
        """
        CREATE TABLE app.suspension (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL REFERENCES app.subject,
            reason text NOT NULL,
            suspended_by text NOT NULL,
            at timestamptz NOT NULL,
            lift_reason text,
            lift_proposed_by text,
            lifted_by text CHECK (lifted_by <> lift_proposed_by),
            lifted_at timestamptz,
            CHECK (num_nulls(lift_reason, lift_proposed_by) IN (0, 2)),
            CHECK (num_nulls(lifted_by, lifted_at) IN (0, 2)),
            CHECK (lifted_by IS NULL OR lift_proposed_by IS NOT NULL)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX suspension_standing ON app.suspension (subject) WHERE lifted_at IS NULL")
    walls.own_rows("app.suspension", "subject")
    lifting = "lift_reason, lift_proposed_by, lifted_by, lifted_at"
    walls.grant("app.suspension", api=f"SELECT, INSERT, UPDATE ({lifting})", report="SELECT")


def _admission_before() -> None:
    op.execute(
        """
        CREATE FUNCTION app.admit(
            sessions uuid[], minters text[], jtis text[], until timestamptz[], instant timestamptz
        ) RETURNS TABLE (place bigint, fresh boolean, live boolean)
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            WITH asked AS (
                SELECT ask.*, row_number() OVER (PARTITION BY ask.minter, ask.jti ORDER BY ask.place) = 1 AS first
                FROM unnest(sessions, minters, jtis, until)
                     WITH ORDINALITY AS ask (session, minter, jti, until, place)
            ), spent AS (
                INSERT INTO app.spent_jti (minted_by, jti, expires_at)
                SELECT asked.minter, asked.jti, asked.until FROM asked
                WHERE asked.first AND asked.jti IS NOT NULL ORDER BY asked.minter, asked.jti
                ON CONFLICT DO NOTHING
                RETURNING minted_by, jti
            )
            SELECT asked.place,
                   asked.jti IS NULL OR (asked.first AND spent.jti IS NOT NULL),
                   asked.session IS NULL OR (
                       session.ended_at IS NULL AND session.expires_at > instant AND subject.suspended_at IS NULL
                   ) IS TRUE
            FROM asked
            LEFT JOIN spent ON spent.minted_by = asked.minter AND spent.jti = asked.jti
            LEFT JOIN app.session ON session.id = asked.session
            LEFT JOIN app.subject ON subject.id = session.subject
            ORDER BY asked.place
        $$
        """
    )
    _executable()


def _executable() -> None:
    op.execute("REVOKE ALL ON FUNCTION app.admit FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.admit TO {walls.API}")
