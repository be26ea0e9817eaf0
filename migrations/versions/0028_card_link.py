"""Lines to card networks: the keyed indexes of all numbers at once, for when nobody can be asked one by one."""

from alembic import op

from migrations import walls

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_VAULT = "eresidency_card_vault"


def upgrade() -> None:
    """Build it."""
    # Keyed digests, never a number; whoever holds them without the key can't even test a guess.
    op.execute(
        """
        CREATE FUNCTION card_vault.indexes() RETURNS TABLE (card uuid, blind bytea, plate_version integer)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT pan.card, pan.blind, pan.plate_version FROM card_vault.pan;
        END
        """
    )
    op.execute(f"ALTER FUNCTION card_vault.indexes() OWNER TO {_VAULT}")
    op.execute("REVOKE ALL ON FUNCTION card_vault.indexes() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION card_vault.indexes() TO {walls.POSTING}")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION card_vault.indexes()")
