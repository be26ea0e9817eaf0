"""Cards that somebody else processes: names there and here, what they are asked, what they told; prepaid money."""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_NEW = ["processor_reference", "command", "processor_event", "processor_cursor"]

# purpose, side, owner, floor, currency, label, about: mirrored by wallet/chart.py.
_LINE = (
    "card_account",
    "credit",
    "resident",
    0,
    None,
    "processor",
    "a resident's prepaid money for cards billed in it",
)


def upgrade() -> None:
    """Build it."""
    names = ("purpose", "side", "owner", "floor", "currency", "label", "about")
    lines = sa.table("chart", *(sa.column(name) for name in names), schema="wallet")
    op.bulk_insert(lines, [dict(zip(names, _LINE, strict=True))])
    for build in (_references, _commands, _events):
        build()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TRIGGER processor ON cards.change")
    op.execute("DROP FUNCTION cards.tell_processor()")
    for table in reversed(_NEW):
        op.execute(f"DROP TABLE cards.{table}")
    op.execute("DELETE FROM wallet.chart WHERE purpose = 'card_account'")


def _references() -> None:
    # `status` and `permits` (a digest) are what the processor was last asked to make true of a card; `due_at` says that
    # the card has changed since.
    op.execute(
        """
        CREATE TABLE cards.processor_reference (
            processor text NOT NULL CHECK (processor ~ '^[a-z]{2,20}$'),
            reference text NOT NULL CHECK (reference ~ '^[A-Za-z0-9_-]{1,64}$'),
            kind text NOT NULL CHECK (kind IN ('cardholder', 'card', 'dispute', 'token')),
            ours uuid NOT NULL,
            holder uuid NOT NULL,
            status text CHECK (status IN ('inactive', 'active', 'closed')),
            permits bytea CHECK (length(permits) = 32),
            due_at timestamptz,
            at timestamptz NOT NULL,
            PRIMARY KEY (processor, reference),
            UNIQUE (processor, kind, ours),
            CHECK ((kind = 'card') = (status IS NOT NULL)),
            CHECK (kind = 'card' OR num_nonnulls(permits, due_at) = 0)
        )
        """
    )
    op.execute("CREATE INDEX processor_reference_due ON cards.processor_reference (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("cards.processor_reference", "holder")
    walls.grant("cards.processor_reference", api="SELECT", posting="SELECT", report="SELECT")
    walls.grant("cards.processor_reference", worker="SELECT, INSERT, UPDATE (status, permits, due_at)")
    # Whoever changes a card has its processor told, without knowing of it.
    op.execute(
        """
        CREATE FUNCTION cards.tell_processor() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            UPDATE cards.processor_reference SET due_at = now() WHERE kind = 'card' AND ours = NEW.card;
            RETURN NULL;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.tell_processor() FROM PUBLIC")
    op.execute("CREATE INDEX processor_reference_ours ON cards.processor_reference (ours)")
    op.execute(
        """
        CREATE TRIGGER processor AFTER INSERT ON cards.change
        FOR EACH ROW EXECUTE FUNCTION cards.tell_processor()
        """
    )


def _commands() -> None:
    # `line` orders: a command waits until those before it on its line have ended. `sealed` is what is asked, under the
    # holder's key; it goes when the command has ended.
    op.execute(
        """
        CREATE TABLE cards.command (
            id uuid PRIMARY KEY,
            processor text NOT NULL CHECK (processor ~ '^[a-z]{2,20}$'),
            kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
            line uuid NOT NULL,
            about uuid NOT NULL,
            holder uuid NOT NULL,
            sealed bytea,
            state text NOT NULL CHECK (state IN ('requested', 'sent', 'unknown', 'done', 'refused')),
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            due_at timestamptz,
            leased_until timestamptz,
            trouble text,
            reason text CHECK (reason ~ '^[a-z_]{1,40}$'),
            asked_at timestamptz NOT NULL,
            ended_at timestamptz,
            CHECK ((state IN ('done', 'refused')) = (ended_at IS NOT NULL)),
            CHECK ((due_at IS NULL) = (ended_at IS NOT NULL)),
            CHECK ((sealed IS NULL) = (ended_at IS NOT NULL)),
            CHECK ((reason IS NOT NULL) = (state = 'refused'))
        )
        """
    )
    op.execute("CREATE INDEX command_due ON cards.command (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX command_line ON cards.command (line, id) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX command_holder ON cards.command (holder, id)")
    walls.own_rows("cards.command", "holder")
    running = "state, attempts, due_at, leased_until, trouble, reason, ended_at, sealed"
    walls.grant("cards.command", api="SELECT, INSERT", worker=f"SELECT, INSERT, UPDATE ({running})", report="SELECT")


def _events() -> None:
    # A row is what the processor told, by its own name; it is settled by the transaction that holds its effect.
    op.execute(
        """
        CREATE TABLE cards.processor_event (
            processor text NOT NULL CHECK (processor ~ '^[a-z]{2,20}$'),
            event text NOT NULL CHECK (event ~ '^[A-Za-z0-9_-]{1,64}$'),
            kind text NOT NULL CHECK (kind ~ '^[a-z_.]{1,64}$'),
            about text NOT NULL CHECK (about ~ '^[A-Za-z0-9_-]{1,64}$'),
            happened_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            found_by text NOT NULL CHECK (found_by IN ('webhook', 'repair')),
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            due_at timestamptz,
            leased_until timestamptz,
            outcome text,
            settled_at timestamptz,
            PRIMARY KEY (processor, event),
            CHECK ((due_at IS NULL) = (settled_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX processor_event_due ON cards.processor_event (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX processor_event_about ON cards.processor_event (processor, about)")
    settling = "due_at, leased_until, attempts, outcome, settled_at"
    walls.grant("cards.processor_event", api="INSERT, SELECT", posting=f"SELECT, UPDATE ({settling})", report="SELECT")
    walls.grant("cards.processor_event", worker=f"SELECT, INSERT, UPDATE ({settling})")
    # Up to when everything a processor told is known to be here.
    op.execute(
        """
        CREATE TABLE cards.processor_cursor (
            processor text PRIMARY KEY CHECK (processor ~ '^[a-z]{2,20}$'),
            complete_until timestamptz NOT NULL,
            due_at timestamptz NOT NULL
        )
        """
    )
    walls.grant("cards.processor_cursor", worker="SELECT, INSERT, UPDATE", report="SELECT")
