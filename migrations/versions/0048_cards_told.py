"""Cards that processors are told of again where they refused, and shares that last while their promises are untold."""

from alembic import op

from migrations import walls

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_NAMES = "cards.processor_reference"


def upgrade() -> None:
    """Build it."""
    # What a processor refused to make true of a card is not known to be true there: it has no status then.
    op.execute(f"ALTER TABLE {_NAMES} DROP CONSTRAINT processor_reference_check")
    op.execute(f"ALTER TABLE {_NAMES} ADD CONSTRAINT processor_reference_status_of_cards"
               " CHECK (kind = 'card' OR status IS NULL)")  # fmt: skip
    op.execute("DROP FUNCTION cards.take_share(uuid, interval)")
    # A part that ended counts for all others until its place has said since that the books know all it promised. One
    # that never comes back is waited for a week: what it promised the merchants have taken by then, or may no more.
    _take_share(
        "asks uuid, lasts interval, told boolean DEFAULT false",
        "ends_at <= clock_timestamp() - interval '7 days'"
        " OR (told AND place = asks AND ends_at <= clock_timestamp() - interval '1 minute')",
    )
    _granted("uuid, interval, boolean")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION cards.take_share(uuid, interval, boolean)")
    _take_share("asks uuid, lasts interval", "ends_at <= clock_timestamp()")
    _granted("uuid, interval")
    op.execute(f"UPDATE {_NAMES} SET status = 'inactive', due_at = coalesce(due_at, now())"
               " WHERE kind = 'card' AND status IS NULL")  # fmt: skip
    op.execute(f"ALTER TABLE {_NAMES} DROP CONSTRAINT processor_reference_status_of_cards")
    op.execute(f"ALTER TABLE {_NAMES} ADD CONSTRAINT processor_reference_check"
               " CHECK ((kind = 'card') = (status IS NOT NULL))")  # fmt: skip


def _take_share(arguments: str, over: str) -> None:
    op.execute(
        f"""
        CREATE FUNCTION cards.take_share({arguments}) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            others integer;
            taken integer;
            mine integer;
        BEGIN
            LOCK TABLE cards.standin_share IN SHARE ROW EXCLUSIVE MODE;
            DELETE FROM cards.standin_share WHERE {over};
            SELECT count(*), coalesce(sum(most), 0) INTO others, taken FROM (
                SELECT max(part) AS most FROM cards.standin_share WHERE place <> asks GROUP BY place
            ) AS each;
            mine := greatest(0, least(10000 / (others + 1), 10000 - taken));
            INSERT INTO cards.standin_share (place, part, ends_at) VALUES (asks, mine, clock_timestamp() + lasts);
            RETURN mine;
        END $$
        """
    )


def _granted(arguments: str) -> None:
    op.execute(f"REVOKE ALL ON FUNCTION cards.take_share({arguments}) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION cards.take_share({arguments}) TO {walls.POSTING}")
