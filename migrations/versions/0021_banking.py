"""Accounts at partner banks, stages of incoming money, pay-outs, exchange, safeguarding."""

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""


def downgrade() -> None:
    """Take it away."""
