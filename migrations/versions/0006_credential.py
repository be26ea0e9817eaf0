"""The resident's credential: its life, its copies in wallets, the status lists that verifiers read."""

from alembic import op

from migrations import walls

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATES = "'active', 'paused', 'suspended', 'revoked'"


def upgrade() -> None:
    """Build the schema `credential`."""
    walls.schema("credential")
    walls.journal("credential")
    for build in (_credential, _transition, _issuance, _status_list, _copy, _notice, _spent_nonce):
        build()


def downgrade() -> None:
    """Drop the schema with everything in it."""
    op.execute("DROP SCHEMA credential CASCADE")


def _credential() -> None:
    op.execute(
        f"""
        CREATE TABLE credential.credential (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            holder uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('e_resident')),
            state text NOT NULL CHECK (state IN ({_STATES})),
            version integer NOT NULL CHECK (version > 0),
            opened_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX credential_one_alive ON credential.credential (holder, kind) WHERE state <> 'revoked'
        """
    )
    walls.own_rows("credential.credential", "holder")
    rights = "SELECT, INSERT, UPDATE (state, version)"
    walls.grant("credential.credential", api=rights, worker=rights, report="SELECT")


def _transition() -> None:
    op.execute(
        f"""
        CREATE TABLE credential.transition (
            credential uuid NOT NULL CONSTRAINT transition_of REFERENCES credential.credential,
            sort integer NOT NULL CHECK (sort > 0),
            holder uuid NOT NULL,
            act text,
            state text NOT NULL CHECK (state IN ({_STATES})),
            actor text NOT NULL,
            reason text,
            at timestamptz NOT NULL,
            PRIMARY KEY (credential, sort),
            CONSTRAINT transition_reached UNIQUE (credential, sort, state),
            -- A credential is born active, without an act; what happens to it later has an act and a reason.
            CONSTRAINT transition_born CHECK (num_nulls(act, reason) = CASE sort WHEN 1 THEN 2 ELSE 0 END)
        )
        """
    )
    # Deferred, because the credential and the transition it stands at point at each other.
    op.execute(
        """
        ALTER TABLE credential.credential ADD CONSTRAINT credential_stands_at
        FOREIGN KEY (id, version, state) REFERENCES credential.transition (credential, sort, state)
        DEFERRABLE INITIALLY DEFERRED
        """
    )
    _history("credential.transition")


def _issuance() -> None:
    op.execute(
        """
        CREATE TABLE credential.issuance (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            credential uuid NOT NULL CONSTRAINT issuance_of REFERENCES credential.credential,
            holder uuid NOT NULL,
            configuration text NOT NULL,
            device text NOT NULL,
            copies integer NOT NULL CHECK (copies > 0),
            expires_at timestamptz NOT NULL,
            notification_hash bytea NOT NULL CHECK (length(notification_hash) = 32),
            at timestamptz NOT NULL,
            CONSTRAINT issuance_notified_by UNIQUE (notification_hash)
        )
        """
    )
    op.execute("CREATE INDEX issuance_credential ON credential.issuance (credential)")
    _history("credential.issuance")


def _status_list() -> None:
    op.execute(
        """
        CREATE TABLE credential.status_list (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            size integer NOT NULL CHECK (size > 0),
            version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
            opened_at timestamptz NOT NULL,
            closed_at timestamptz
        )
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX status_list_one_open ON credential.status_list ((closed_at IS NULL))
        WHERE closed_at IS NULL
        """
    )
    op.execute(
        """
        CREATE TABLE credential.entry (
            list uuid NOT NULL CONSTRAINT entry_of REFERENCES credential.status_list,
            idx integer NOT NULL CHECK (idx >= 0),
            status smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 2),
            PRIMARY KEY (list, idx)
        )
        """
    )
    op.execute("CREATE INDEX entry_set ON credential.entry (list, idx) WHERE status <> 0")
    rights = "SELECT, INSERT, UPDATE (version, closed_at)"
    walls.grant("credential.status_list", api=rights, worker=rights, report="SELECT")
    rights = "SELECT, INSERT, UPDATE (status)"
    walls.grant("credential.entry", api=rights, worker=rights, report="SELECT")


def _copy() -> None:
    op.execute(
        """
        CREATE TABLE credential.copy (
            list uuid NOT NULL,
            idx integer NOT NULL,
            issuance uuid NOT NULL CONSTRAINT copy_of REFERENCES credential.issuance,
            credential uuid NOT NULL CONSTRAINT copy_credential REFERENCES credential.credential,
            holder uuid NOT NULL,
            PRIMARY KEY (list, idx),
            CONSTRAINT copy_entry FOREIGN KEY (list, idx) REFERENCES credential.entry
        )
        """
    )
    op.execute("CREATE INDEX copy_by_credential ON credential.copy (credential)")
    _history("credential.copy")


def _notice() -> None:
    op.execute(
        """
        CREATE TABLE credential.notice (
            issuance uuid NOT NULL CONSTRAINT notice_of REFERENCES credential.issuance,
            event text NOT NULL CHECK (event IN ('credential_accepted', 'credential_failure', 'credential_deleted')),
            holder uuid NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (issuance, event)
        )
        """
    )
    _history("credential.notice")


def _spent_nonce() -> None:
    op.execute(
        """
        CREATE TABLE credential.spent_nonce (
            nonce bytea PRIMARY KEY,
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX spent_nonce_expiry ON credential.spent_nonce (expires_at)")
    walls.grant("credential.spent_nonce", api="SELECT, INSERT", worker="SELECT, DELETE")


def _history(table: str) -> None:
    walls.append_only(table)
    walls.own_rows(table, "holder")
    walls.grant(table, api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")
