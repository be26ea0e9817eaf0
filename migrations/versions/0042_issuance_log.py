"""The log of issuance: a leaf for each copy, the tree they are in, and its signed heads."""

from alembic import op

from migrations import erasing, walls

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

#: What goes with a person; without its leaf nobody finds the entry of a copy any more.
_GOES = "('credential.leaf', 'holder')"
_LAST = "('app.resident_key', 'holder')"


def upgrade() -> None:
    """Build it."""
    _leaf()
    _tree()
    op.execute("INSERT INTO app.lease (name) VALUES ('issuance_log')")
    erasing.also(_LAST, f"{_GOES}, {_LAST}")


def downgrade() -> None:
    """Take it away."""
    erasing.also(f"{_GOES}, {_LAST}", _LAST)
    op.execute("DELETE FROM app.lease WHERE name = 'issuance_log'")
    for table in ("log_head", "log_node", "log_entry", "log_waiting", "leaf"):
        op.execute(f"DROP TABLE credential.{table}")


def _leaf() -> None:
    """Build what leads from a copy to its entry: the holder's, and gone with the holder."""
    op.execute(
        """
        CREATE TABLE credential.leaf (
            commitment bytea PRIMARY KEY CHECK (length(commitment) = 32),
            salt bytea NOT NULL CHECK (length(salt) = 32),
            list uuid NOT NULL,
            idx integer NOT NULL,
            issuance uuid NOT NULL CONSTRAINT leaf_issuance REFERENCES credential.issuance,
            holder uuid NOT NULL,
            CONSTRAINT leaf_of UNIQUE (list, idx),
            CONSTRAINT leaf_copy FOREIGN KEY (list, idx) REFERENCES credential.copy
        )
        """
    )
    op.execute("CREATE INDEX leaf_issuance ON credential.leaf (issuance)")
    walls.append_only("credential.leaf")
    walls.erasable("credential.leaf", "holder")
    walls.own_rows("credential.leaf", "holder")
    walls.grant("credential.leaf", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE credential.log_waiting (
            commitment bytea PRIMARY KEY CHECK (length(commitment) = 32),
            at timestamptz NOT NULL
        )
        """
    )
    walls.grant("credential.log_waiting", api="INSERT", worker="SELECT, DELETE")


def _tree() -> None:
    """Build what is published, and says nothing of anybody."""
    op.execute(
        """
        CREATE TABLE credential.log_entry (
            position bigint PRIMARY KEY CHECK (position >= 0),
            commitment bytea NOT NULL CHECK (length(commitment) = 32),
            CONSTRAINT log_entry_once UNIQUE (commitment)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE credential.log_node (
            level smallint NOT NULL CHECK (level > 0),
            idx bigint NOT NULL CHECK (idx >= 0),
            hash bytea NOT NULL CHECK (length(hash) = 32),
            PRIMARY KEY (level, idx)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE credential.log_head (
            size bigint PRIMARY KEY CHECK (size > 0),
            root bytea NOT NULL CHECK (length(root) = 32),
            prev bytea CHECK (length(prev) = 32),
            jws text NOT NULL,
            CONSTRAINT log_head_follows UNIQUE NULLS NOT DISTINCT (prev)
        )
        """
    )
    for table in ("log_entry", "log_node", "log_head"):
        walls.append_only(f"credential.{table}")
        walls.grant(f"credential.{table}", api="SELECT", worker="SELECT, INSERT", report="SELECT")
