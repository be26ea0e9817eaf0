"""Trust that goes on when a root ends: where a foreign root lists the signers that it revoked."""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it: part of what two officers agree to, like the rest of an entry."""
    op.execute(
        """
        ALTER TABLE credential.foreign_issuer
            ADD COLUMN crl_at text CHECK (crl_at ~ '^https?://[!-~]+$' AND length(crl_at) <= 520)
        """
    )


def downgrade() -> None:
    """Take it away."""
    op.execute("DELETE FROM credential.foreign_list USING credential.foreign_issuer WHERE id = issuer AND uri = crl_at")
    op.execute("ALTER TABLE credential.foreign_issuer DROP COLUMN crl_at")
