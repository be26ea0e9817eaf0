"""What people owe of lost disputes, found without reading all disputes."""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    op.execute("CREATE INDEX dispute_owed ON cards.dispute (id) WHERE owed_minor > 0")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP INDEX cards.dispute_owed")
