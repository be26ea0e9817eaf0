"""Several devices, contacts with codes, recovery with a limit period, what the app says of its platform."""

from alembic import op

from migrations import walls

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_DEVICE = "name, backed_up, removed_at, removed_why, regressed_at"
_TABLES = ("attestation", "recovery", "message", "sending", "verification", "contact")


def upgrade() -> None:
    """Build it."""
    _devices()
    _challenges()
    _contacts()
    _codes()
    _messages()
    _recoveries()
    _attestations()


def downgrade() -> None:
    """Undo it. A device that was removed or left behind by a recovery must not sign in again, so it goes for good."""
    op.execute("DROP FUNCTION app.recovery_subject, app.contact_subject")
    for table in _TABLES:
        op.execute(f"DROP TABLE app.{table}")
    op.execute("DELETE FROM app.challenge WHERE purpose NOT IN ('registration', 'assertion')")
    op.execute("ALTER TABLE app.challenge DROP CONSTRAINT challenge_bound, DROP COLUMN binding")
    _purposes("'registration', 'assertion'")
    op.execute("ALTER TABLE app.session DROP COLUMN passkey")
    op.execute("UPDATE app.session SET ended_why = 'signed_out' WHERE ended_why IN ('device_removed', 'recovered')")
    _ends("'signed_out', 'refresh_reused'")
    op.execute("ALTER TABLE app.subject DROP COLUMN limited_until")
    op.execute("DELETE FROM app.step_up WHERE passkey IN (SELECT id FROM app.passkey WHERE removed_at IS NOT NULL)")
    op.execute("DELETE FROM app.passkey WHERE removed_at IS NOT NULL")
    op.execute(f"ALTER TABLE app.passkey DROP COLUMN device, {', '.join(f'DROP COLUMN {n}' for n in _columns())}")


def _columns() -> list[str]:
    return _DEVICE.split(", ")


def _devices() -> None:
    # `device` names a passkey outside, `name` is what its owner calls it, sealed. A passkey that was used stays as long
    # as the evidence that refers to it, so it is marked as removed.
    op.execute(
        """
        ALTER TABLE app.passkey
            ADD COLUMN device uuid NOT NULL UNIQUE DEFAULT uuidv7(),
            ADD COLUMN name bytea,
            ADD COLUMN backed_up boolean NOT NULL DEFAULT false,
            ADD COLUMN removed_at timestamptz,
            ADD COLUMN removed_why text CHECK (removed_why IN ('removed', 'recovered')),
            ADD COLUMN regressed_at timestamptz,
            ADD CHECK (synced OR NOT backed_up),
            ADD CHECK ((removed_at IS NULL) = (removed_why IS NULL))
        """
    )
    op.execute(f"GRANT UPDATE ({_DEVICE}) ON app.passkey TO {walls.API}")
    op.execute(f"GRANT UPDATE (backed_up) ON app.passkey TO {walls.POSTING}")
    op.execute("ALTER TABLE app.subject ADD COLUMN limited_until timestamptz")
    op.execute(f"GRANT UPDATE (limited_until) ON app.subject TO {walls.API}")
    op.execute("ALTER TABLE app.session ADD COLUMN passkey bytea REFERENCES app.passkey")
    _ends("'signed_out', 'refresh_reused', 'device_removed', 'recovered'")


def _ends(whys: str) -> None:
    op.execute("ALTER TABLE app.session DROP CONSTRAINT session_ended_why_check")
    op.execute(f"ALTER TABLE app.session ADD CONSTRAINT session_ended_why_check CHECK (ended_why IN ({whys}))")


def _purposes(allowed: str) -> None:
    op.execute("ALTER TABLE app.challenge DROP CONSTRAINT challenge_purpose_check")
    op.execute(f"ALTER TABLE app.challenge ADD CONSTRAINT challenge_purpose_check CHECK (purpose IN ({allowed}))")


def _challenges() -> None:
    # The digest of the flow a challenge belongs to: it is answered there and nowhere else.
    op.execute("ALTER TABLE app.challenge ADD COLUMN binding bytea CHECK (length(binding) = 32)")
    _purposes("'registration', 'assertion', 'recovery', 'attestation'")
    op.execute(
        """
        ALTER TABLE app.challenge ADD CONSTRAINT challenge_bound
            CHECK ((purpose IN ('recovery', 'attestation')) = (binding IS NOT NULL))
        """
    )


def _contacts() -> None:
    op.execute(
        """
        CREATE TABLE app.contact (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL REFERENCES app.subject,
            kind text NOT NULL CHECK (kind IN ('email', 'phone')),
            value bytea NOT NULL,
            blind bytea NOT NULL CHECK (length(blind) = 32),
            language text NOT NULL CHECK (language IN ('en', 'ru', 'kk')),
            at timestamptz NOT NULL,
            verified_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX contact_of ON app.contact (subject, at)")
    # A contact is one person's, whoever proved to receive what is sent there; claims that nobody proved are nobody's.
    op.execute("CREATE UNIQUE INDEX contact_verified ON app.contact (blind) WHERE verified_at IS NOT NULL")
    walls.own_rows("app.contact", "subject")
    walls.grant("app.contact", api="SELECT, INSERT, UPDATE (verified_at), DELETE", worker="SELECT, DELETE")
    # Whose a contact is, or somebody who does not exist: the callers of both do the same with the answer.
    op.execute(
        """
        CREATE FUNCTION app.contact_subject(asked bytea) RETURNS uuid
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            SELECT coalesce(
                (SELECT contact.subject FROM app.contact WHERE contact.blind = asked AND verified_at IS NOT NULL),
                gen_random_uuid()
            )
        $$
        """
    )
    _for_the_api("app.contact_subject")


def _for_the_api(function: str) -> None:
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {walls.API}")


def _codes() -> None:
    # No reference to a subject here nor below: who recovers an account that does not exist leaves the same rows.
    op.execute(
        """
        CREATE TABLE app.verification (
            id uuid PRIMARY KEY,
            flow text NOT NULL CHECK (flow IN ('contact', 'recovery')),
            subject uuid NOT NULL,
            mac bytea NOT NULL CHECK (length(mac) = 32),
            tries smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at)
        )
        """
    )
    op.execute("CREATE INDEX verification_expiry ON app.verification (expires_at)")
    walls.own_rows("app.verification", "subject")
    walls.grant("app.verification", api="SELECT, INSERT, UPDATE (tries, used_at)", worker="SELECT, DELETE")
    # `key` is a keyed digest of who asked for a code, and for which contact.
    op.execute(
        """
        CREATE TABLE app.sending (
            key bytea NOT NULL CHECK (length(key) = 32),
            expires_at timestamptz NOT NULL,
            sent integer NOT NULL CHECK (sent > 0),
            PRIMARY KEY (key, expires_at)
        )
        """
    )
    op.execute("CREATE INDEX sending_expiry ON app.sending (expires_at)")
    walls.grant("app.sending", api="SELECT, INSERT, UPDATE (sent)", worker="SELECT, DELETE")


def _messages() -> None:
    op.execute(
        """
        CREATE TABLE app.message (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL,
            kek_version integer NOT NULL CHECK (kek_version > 0),
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            expires_at timestamptz NOT NULL,
            due_at timestamptz,
            attempts smallint NOT NULL DEFAULT 0,
            state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'refused', 'nobody')),
            CHECK ((state = 'waiting') = (due_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX message_due ON app.message (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX message_expiry ON app.message (expires_at)")
    walls.own_rows("app.message", "subject")
    walls.grant(
        "app.message",
        api="INSERT",
        worker="SELECT, UPDATE (due_at, attempts, state), DELETE",
    )


def _recoveries() -> None:
    op.execute(
        """
        CREATE TABLE app.recovery (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL,
            jkt text NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            proven_at timestamptz,
            shown smallint NOT NULL DEFAULT 0 CHECK (shown BETWEEN 0 AND 5),
            identified_at timestamptz,
            finished_at timestamptz,
            passkey bytea REFERENCES app.passkey,
            CHECK (proven_at IS NOT NULL OR (identified_at IS NULL AND finished_at IS NULL)),
            CHECK (identified_at IS NOT NULL OR finished_at IS NULL),
            CHECK ((finished_at IS NULL) = (passkey IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX recovery_subject ON app.recovery (subject, at)")
    op.execute("CREATE INDEX recovery_expiry ON app.recovery (expires_at) WHERE finished_at IS NULL")
    walls.own_rows("app.recovery", "subject")
    walls.grant(
        "app.recovery",
        api="SELECT, INSERT, UPDATE (expires_at, proven_at, shown, identified_at, finished_at, passkey)",
        worker="SELECT, DELETE",
    )
    # Row-level security needs to know whose rows to show before any row is read.
    op.execute(
        """
        CREATE FUNCTION app.recovery_subject(asked uuid, key text, instant timestamptz) RETURNS uuid
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            SELECT coalesce(
                (SELECT recovery.subject FROM app.recovery
                 WHERE recovery.id = asked AND recovery.jkt = key AND recovery.expires_at > instant),
                gen_random_uuid()
            )
        $$
        """
    )
    _for_the_api("app.recovery_subject")


def _attestations() -> None:
    op.execute(
        """
        CREATE TABLE app.attestation (
            id uuid PRIMARY KEY,
            subject uuid NOT NULL REFERENCES app.subject,
            session uuid NOT NULL REFERENCES app.session,
            platform text NOT NULL CHECK (platform IN ('android', 'ios')),
            client_hash bytea NOT NULL CHECK (length(client_hash) = 32),
            evidence bytea,
            at timestamptz NOT NULL,
            due_at timestamptz,
            attempts smallint NOT NULL DEFAULT 0,
            verdict text CHECK (verdict IN ('trusted', 'doubtful', 'refused', 'unknown')),
            findings text[] NOT NULL DEFAULT '{}',
            settled_at timestamptz,
            CHECK ((due_at IS NULL) = (verdict IS NOT NULL)),
            CHECK ((settled_at IS NULL) = (verdict IS NULL)),
            CHECK (due_at IS NULL OR evidence IS NOT NULL)
        )
        """
    )
    op.execute("CREATE INDEX attestation_due ON app.attestation (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX attestation_of ON app.attestation (subject, at)")
    walls.own_rows("app.attestation", "subject")
    walls.grant(
        "app.attestation",
        api="SELECT, INSERT",
        worker="SELECT, UPDATE (evidence, due_at, attempts, verdict, findings, settled_at)",
        report="SELECT",
    )
