"""Who comes in: nonces, idle limits, quotas by subject."""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""


def downgrade() -> None:
    """Undo it."""
