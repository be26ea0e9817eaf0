"""Signed heads of the lanes and the feed, every minute, and where they were sent."""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""


def downgrade() -> None:
    """Undo it."""
