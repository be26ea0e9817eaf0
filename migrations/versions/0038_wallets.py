"""Wallets at the issuer: who vouches for them, what they hold a session for, their grade, what they wait for."""

from alembic import op

from migrations import erasing, walls

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_SESSION = "('app.session', 'subject')"
_GOES = f"('app.wallet_session', 'subject'), ('credential.deferred', 'holder'), {_SESSION}"
_GRADE = "CHECK (grade IN ('basic', 'attested', 'high'))"
_BOUND = ("authorization_request", "authorization_code")


def upgrade() -> None:
    """Build it."""
    for build in (_provider, _status_list, _clients, _session, _grade, _deferred):
        build()
    erasing.also(_SESSION, _GOES)


def downgrade() -> None:
    """Take it away."""
    erasing.also(_GOES, _SESSION)
    op.execute("DROP TABLE credential.deferred")
    op.execute("ALTER TABLE credential.issuance DROP COLUMN grade")
    op.execute("DROP TABLE app.wallet_session")
    for table in _BOUND:
        op.execute(f"ALTER TABLE app.{table} DROP COLUMN provider, DROP COLUMN instance")
    op.execute("ALTER TABLE app.wallet_client DROP COLUMN provider")
    op.execute("DROP TABLE app.wallet_status_list")
    op.execute("DROP TABLE app.wallet_provider")


def _provider() -> None:
    # A wallet provider whose word on its wallets and their keys is taken, from one instant to another.
    op.execute(
        """
        CREATE TABLE app.wallet_provider (
            id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
            name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            root bytea NOT NULL UNIQUE,
            valid_from timestamptz NOT NULL,
            valid_to timestamptz CHECK (valid_to >= valid_from),
            at timestamptz NOT NULL
        )
        """
    )
    # Every request of a wallet reads whom we trust; operators say so, and the sandbox's service.
    walls.only_for("app.wallet_provider", "INSERT", "UPDATE", audiences=("officer", "service"))
    walls.grant("app.wallet_provider", api="SELECT, INSERT, UPDATE (valid_to)", worker="SELECT", report="SELECT")


def _status_list() -> None:
    # What a provider publishes on which of its attestations still hold, as it was fetched last.
    op.execute(
        """
        CREATE TABLE app.wallet_status_list (
            uri text PRIMARY KEY CHECK (uri ~ '^https?://[!-~]+$' AND length(uri) <= 500),
            provider text NOT NULL REFERENCES app.wallet_provider,
            token bytea,
            due_at timestamptz NOT NULL,
            attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0)
        )
        """
    )
    op.execute("CREATE INDEX wallet_status_list_due ON app.wallet_status_list (due_at)")
    walls.grant(
        "app.wallet_status_list", api="SELECT, INSERT", worker="SELECT, UPDATE (token, due_at, attempts), DELETE"
    )


def _clients() -> None:
    op.execute("ALTER TABLE app.wallet_client ADD COLUMN provider text REFERENCES app.wallet_provider")
    for table in _BOUND:
        op.execute(
            f"""
            ALTER TABLE app.{table}
                ADD COLUMN provider text REFERENCES app.wallet_provider,
                ADD COLUMN instance text,
                ADD CONSTRAINT {table}_attested CHECK ((provider IS NULL) = (instance IS NULL))
            """
        )


def _session() -> None:
    # What a wallet may fetch for as long as its session lasts, and by whose word it is a wallet at all.
    op.execute(
        """
        CREATE TABLE app.wallet_session (
            session uuid PRIMARY KEY REFERENCES app.session,
            subject uuid NOT NULL REFERENCES app.subject,
            configurations text[] NOT NULL CHECK (cardinality(configurations) > 0),
            detailed boolean NOT NULL,
            provider text REFERENCES app.wallet_provider,
            instance text,
            CONSTRAINT wallet_session_attested CHECK ((provider IS NULL) = (instance IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX wallet_session_subject ON app.wallet_session (subject)")
    walls.own_rows("app.wallet_session", "subject")
    walls.grant("app.wallet_session", api="SELECT, INSERT", worker="SELECT, DELETE")


def _grade() -> None:
    op.execute(f"ALTER TABLE credential.issuance ADD COLUMN grade text NOT NULL DEFAULT 'basic' {_GRADE}")
    op.execute("ALTER TABLE credential.issuance ALTER COLUMN grade DROP DEFAULT")


def _deferred() -> None:
    # A request that waits until its holder may have the credential; the proven keys are sealed, and go when it is met.
    op.execute(
        f"""
        CREATE TABLE credential.deferred (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
            configuration text NOT NULL,
            device text NOT NULL,
            grade text NOT NULL {_GRADE},
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at)
        )
        """
    )
    op.execute("CREATE INDEX deferred_holder ON credential.deferred (holder)")
    op.execute("CREATE INDEX deferred_expiry ON credential.deferred (expires_at)")
    walls.own_rows("credential.deferred", "holder")
    walls.grant(
        "credential.deferred",
        api="SELECT, INSERT, DELETE",
        worker="SELECT, DELETE, UPDATE (kek_version, wrapped)",
    )
