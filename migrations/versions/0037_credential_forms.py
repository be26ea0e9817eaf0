"""The resident ID beside the e-resident credential, the status it proves, and what verifiers ask through us."""

from alembic import op

from migrations import walls

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    _kinds("credential.credential", "'e_resident', 'resident_id'")
    _kinds("residency.status", "'e_resident', 'altyn'")
    op.execute(
        """
        CREATE TABLE credential.presentation (
            id uuid PRIMARY KEY,
            verifier text NOT NULL,
            state text NOT NULL CHECK (state IN ('open', 'answered', 'declined')),
            conclusion text CHECK (conclusion IN ('accepted', 'rejected', 'status_unknown')),
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            response_code_hash bytea,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at),
            answered_at timestamptz,
            CONSTRAINT presentation_answered CHECK ((state = 'open') = (answered_at IS NULL)),
            CONSTRAINT presentation_concluded CHECK ((state = 'answered') = (conclusion IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX presentation_expiry ON credential.presentation (expires_at)")
    walls.grant(
        "credential.presentation",
        api="SELECT, INSERT, UPDATE (state, conclusion, sealed, response_code_hash, answered_at)",
        worker="SELECT, DELETE, UPDATE (kek_version, wrapped)",
    )


def downgrade() -> None:
    """Take it away; raises where somebody holds what there was not before."""
    op.execute("DROP TABLE credential.presentation")
    _kinds("residency.status", "'e_resident'")
    _kinds("credential.credential", "'e_resident'")


def _kinds(table: str, kinds: str) -> None:
    name = f"{table.rpartition('.')[2]}_kind_check"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK (kind IN ({kinds}))")
