"""Cards that a processor may have and we may not: tokens it is still to be told of, and what stand-ins may promise."""

from alembic import op

from migrations import walls

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_NAMES = "cards.processor_reference"
_FUNCTIONS = ("take_share(uuid, interval)", "give_share(uuid)")


def upgrade() -> None:
    """Build it."""
    for build in (_due, _shares):
        build()
    walls.grant("cards.settlement_missing", posting="SELECT")


def downgrade() -> None:
    """Take it away."""
    op.execute(f"REVOKE SELECT ON cards.settlement_missing FROM {walls.POSTING}")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION cards.{function}")
    op.execute("DROP TABLE cards.standin_share")
    op.execute(f"UPDATE {_NAMES} SET due_at = NULL WHERE kind = 'token'")
    op.execute(f"ALTER TABLE {_NAMES} DROP CONSTRAINT processor_reference_permits_of_cards")
    op.execute(f"ALTER TABLE {_NAMES} DROP CONSTRAINT processor_reference_due_of")
    op.execute(f"ALTER TABLE {_NAMES} ADD CONSTRAINT processor_reference_check1"
               " CHECK (kind = 'card' OR num_nonnulls(permits, due_at) = 0)")  # fmt: skip


def _due() -> None:
    # A token whose processor would not hear what became of it here is due to be told again.
    op.execute(f"ALTER TABLE {_NAMES} DROP CONSTRAINT processor_reference_check1")
    op.execute(f"ALTER TABLE {_NAMES} ADD CONSTRAINT processor_reference_permits_of_cards"
               " CHECK (kind = 'card' OR permits IS NULL)")  # fmt: skip
    op.execute(f"ALTER TABLE {_NAMES} ADD CONSTRAINT processor_reference_due_of"
               " CHECK (kind IN ('card', 'token') OR due_at IS NULL)")  # fmt: skip


def _shares() -> None:
    # What each place that stands in for the books may promise of what is left, in parts of 10,000, for as long as what
    # it knows may be used. A row is never changed: a place whose part shrank may still go by the older one until then.
    op.execute(
        """
        CREATE TABLE cards.standin_share (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            place uuid NOT NULL,
            part integer NOT NULL CHECK (part BETWEEN 0 AND 10000),
            ends_at timestamptz NOT NULL
        )
        """
    )
    walls.grant("cards.standin_share", posting="SELECT", report="SELECT")
    op.execute(
        """
        CREATE FUNCTION cards.take_share(asks uuid, lasts interval) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            others integer;
            taken integer;
            mine integer;
        BEGIN
            LOCK TABLE cards.standin_share IN SHARE ROW EXCLUSIVE MODE;
            DELETE FROM cards.standin_share WHERE ends_at <= clock_timestamp();
            SELECT count(*), coalesce(sum(most), 0) INTO others, taken FROM (
                SELECT max(part) AS most FROM cards.standin_share WHERE place <> asks GROUP BY place
            ) AS each;
            mine := greatest(0, least(10000 / (others + 1), 10000 - taken));
            INSERT INTO cards.standin_share (place, part, ends_at) VALUES (asks, mine, clock_timestamp() + lasts);
            RETURN mine;
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION cards.give_share(back uuid) RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            DELETE FROM cards.standin_share WHERE place = back
        $$
        """
    )
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION cards.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION cards.{function} TO {walls.POSTING}")
