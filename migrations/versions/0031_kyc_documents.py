"""Challenges for chips that were used once and can't be used again."""

from alembic import op

from migrations import walls

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the table of used challenges; it names nobody, and each row goes within minutes."""
    op.execute(
        """
        CREATE TABLE kyc.spent_challenge (
            digest bytea PRIMARY KEY CHECK (length(digest) = 32),
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX spent_challenge_expiry ON kyc.spent_challenge (expires_at)")
    walls.grant("kyc.spent_challenge", api="SELECT, INSERT", worker="SELECT, DELETE")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TABLE kyc.spent_challenge")
