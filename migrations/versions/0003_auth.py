"""Sign-in: subjects, passkeys, sessions with their refresh tokens, clients, single-use things, and who may come in."""

from alembic import op

from migrations import walls

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = (
    "step_up",
    "pre_authorized_code",
    "spent_jti",
    "client",
    "refresh",
    "session",
    "challenge",
    "invitation",
    "passkey",
    "subject",
)


def upgrade() -> None:
    """Build the tables of sign-in in the schema `app`."""
    _people()
    _challenges()
    _sessions()
    _clients()
    _step_ups()
    _admission()


def downgrade() -> None:
    """Drop them; their events stay in the journal of the schema."""
    op.execute("DROP FUNCTION app.admit")
    for table in _TABLES:
        op.execute(f"DROP TABLE app.{table}")


def _people() -> None:
    op.execute(
        """
        CREATE TABLE app.subject (
            id uuid PRIMARY KEY,
            role text NOT NULL CHECK (role IN ('resident', 'officer', 'partner', 'regulator', 'service')),
            name text NOT NULL,
            at timestamptz NOT NULL,
            suspended_at timestamptz,
            CHECK (role <> 'resident' OR name = '')
        )
        """
    )
    walls.own_rows("app.subject", "id")
    walls.grant("app.subject", api="SELECT, INSERT, UPDATE (suspended_at)", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.passkey (
            id bytea PRIMARY KEY CHECK (length(id) BETWEEN 16 AND 1023),
            subject uuid NOT NULL REFERENCES app.subject,
            public_key bytea NOT NULL,
            sign_count bigint NOT NULL CHECK (sign_count >= 0),
            aaguid uuid NOT NULL,
            synced boolean NOT NULL,
            at timestamptz NOT NULL,
            used_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX passkey_subject ON app.passkey (subject)")
    walls.own_rows("app.passkey", "subject")
    # Who moves money takes the confirmation in the same transaction: the passkey's answer, its counter, the step-up.
    counting = "sign_count, used_at"
    walls.grant("app.passkey", api=f"SELECT, INSERT, UPDATE ({counting})", posting=f"SELECT, UPDATE ({counting})")


def _challenges() -> None:
    op.execute(
        """
        CREATE TABLE app.invitation (
            hash bytea PRIMARY KEY CHECK (length(hash) = 32),
            subject uuid NOT NULL REFERENCES app.subject,
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at)
        )
        """
    )
    walls.own_rows("app.invitation", "subject")
    walls.grant("app.invitation", api="SELECT, INSERT, UPDATE (used_at)")
    # A stranger's: it belongs to nobody yet, so there is no owner to hide it from.
    op.execute(
        """
        CREATE TABLE app.challenge (
            id uuid PRIMARY KEY,
            purpose text NOT NULL CHECK (purpose IN ('registration', 'assertion')),
            challenge bytea NOT NULL UNIQUE CHECK (length(challenge) = 32),
            invitation bytea REFERENCES app.invitation CHECK (invitation IS NULL OR purpose = 'registration'),
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at)
        )
        """
    )
    op.execute("CREATE INDEX challenge_expiry ON app.challenge (expires_at)")
    walls.grant("app.challenge", api="SELECT, INSERT, UPDATE (used_at)", worker="SELECT, DELETE")


def _sessions() -> None:
    op.execute(
        """
        CREATE TABLE app.session (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL REFERENCES app.subject,
            opened_by text NOT NULL CHECK (opened_by IN ('passkey', 'client', 'code', 'mint')),
            client_id text NOT NULL,
            jkt text,
            scope text NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at),
            ended_at timestamptz,
            ended_why text CHECK (ended_why IN ('signed_out', 'refresh_reused')),
            CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
            CHECK (jkt IS NOT NULL OR opened_by = 'mint')
        )
        """
    )
    op.execute("CREATE INDEX session_subject ON app.session (subject, at)")
    walls.own_rows("app.session", "subject")
    walls.grant("app.session", api="SELECT, INSERT, UPDATE (ended_at, ended_why)", report="SELECT")
    # The token itself is nowhere: `hash` recognises it. `salt` makes its child, see app/auth/refresh.py.
    op.execute(
        """
        CREATE TABLE app.refresh (
            hash bytea PRIMARY KEY CHECK (length(hash) = 32),
            session uuid NOT NULL REFERENCES app.session,
            subject uuid NOT NULL REFERENCES app.subject,
            generation integer NOT NULL CHECK (generation > 0),
            salt bytea NOT NULL CHECK (length(salt) = 32),
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at),
            used_at timestamptz,
            UNIQUE (session, generation)
        )
        """
    )
    # However many refresh at once, a session has one token that still works.
    op.execute("CREATE UNIQUE INDEX refresh_one_live ON app.refresh (session) WHERE used_at IS NULL")
    walls.own_rows("app.refresh", "subject")
    walls.grant("app.refresh", api="SELECT, INSERT, UPDATE (used_at)")


def _clients() -> None:
    op.execute(
        """
        CREATE TABLE app.client (
            id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
            subject uuid NOT NULL UNIQUE REFERENCES app.subject,
            jwks jsonb NOT NULL CHECK (jsonb_typeof(jwks) = 'array'),
            at timestamptz NOT NULL
        )
        """
    )
    walls.grant("app.client", api="SELECT, INSERT, UPDATE (jwks)")
    op.execute(
        """
        CREATE TABLE app.pre_authorized_code (
            hash bytea PRIMARY KEY CHECK (length(hash) = 32),
            subject uuid NOT NULL REFERENCES app.subject,
            configurations text[] NOT NULL CHECK (cardinality(configurations) > 0),
            tx_code_hash bytea CHECK (length(tx_code_hash) = 32),
            tries smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at)
        )
        """
    )
    op.execute("CREATE INDEX pre_authorized_code_expiry ON app.pre_authorized_code (expires_at)")
    walls.own_rows("app.pre_authorized_code", "subject")
    walls.grant(
        "app.pre_authorized_code", api="SELECT, INSERT, UPDATE (tries, used_at)", worker="SELECT, INSERT, DELETE"
    )


def _step_ups() -> None:
    op.execute(
        """
        CREATE TABLE app.step_up (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL REFERENCES app.subject,
            operation text NOT NULL,
            covered bytea NOT NULL,
            challenge bytea NOT NULL UNIQUE CHECK (challenge = sha256(covered)),
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at),
            passkey bytea REFERENCES app.passkey,
            client_data bytea,
            authenticator_data bytea,
            signature bytea,
            CHECK (num_nulls(used_at, passkey, client_data, authenticator_data, signature) IN (0, 5))
        )
        """
    )
    walls.own_rows("app.step_up", "subject")
    using = "used_at, passkey, client_data, authenticator_data, signature"
    walls.grant("app.step_up", api="SELECT, INSERT", posting=f"SELECT, UPDATE ({using})", report="SELECT")


def _admission() -> None:
    # UNLOGGED: writing one costs no flush at COMMIT. After a crash of the server the table is empty, so a proof of the
    # last 70 seconds could be used once more by whoever reads TLS; sessions and refresh tokens are logged tables.
    op.execute(
        """
        CREATE UNLOGGED TABLE app.spent_jti (
            minted_by text NOT NULL,
            jti text NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (minted_by, jti)
        )
        """
    )
    op.execute("CREATE INDEX spent_jti_expiry ON app.spent_jti (expires_at)")
    walls.grant("app.spent_jti", api="SELECT, INSERT", worker="SELECT, DELETE")
    # One statement for all requests that came in while the last one ran. It serves many subjects, hence the audience.
    # The insert is ordered, so two processes with the same proofs wait for each other in one direction only.
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
    op.execute("REVOKE ALL ON FUNCTION app.admit FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.admit TO {walls.API}")
