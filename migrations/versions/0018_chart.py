"""The chart of accounts as rows, accounts that are closed for good, linked groups, reversals counted again; lanes."""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# purpose, side, owner, floor, currency, label, about: mirrored by wallet/chart.py.
_CHART = (
    ("wallet", "credit", "resident", 0, "KZT", None, "tenge e-money of a resident (Payments Law art. 42)"),
    ("partner_account", "credit", "resident", 0, None, "bank", "a resident's money at a partner bank"),
    ("bank", "debit", "operator", None, None, "bank", "mirror of the operator's account at a bank"),
    ("safeguarding", "debit", "operator", None, "KZT", "bank", "money kept apart for the holders of e-money"),
    ("partner_holdings", "debit", "operator", None, None, "bank", "what a partner bank holds for residents"),
    ("sandbox", "debit", "operator", None, None, None, "play money of a demo or test installation"),
    ("card_clearing", "credit", "operator", None, None, "network", "owed to a card network for purchases"),
    ("payout_clearing", "credit", "operator", None, None, "bank", "pay-outs on their way to a bank"),
    ("invest_settlement", "credit", "operator", None, None, "bank", "principals placed at a bank"),
    ("transit", "either", "operator", None, None, "lane", "what crossed to another lane; zero over all lanes"),
    ("suspense", "either", "operator", None, None, None, "money nobody could be found for yet"),
    ("card_receivable", "debit", "operator", None, None, None, "paid to merchants, owed by residents"),
    ("dispute_receivable", "debit", "operator", None, None, "network", "given back, owed by a card network"),
    ("fees", "credit", "operator", None, None, None, "earned from residents"),
    ("fx_position", "either", "operator", None, None, "bank", "the operator's position in a currency"),
    ("rounding", "either", "operator", None, None, None, "remainders of exchanges"),
    ("adjustment", "either", "operator", None, None, None, "corrections two officers agreed on"),
)
_FUNCTIONS = ("refuse_off_chart", "refuse_reopening", "refuse_reversal", "refuse_unlinked", "refuse_torn_group")


def upgrade() -> None:
    """Build it."""
    _chart()
    _closing()
    _lanes()
    _reversals()
    _groups()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TRIGGER linked ON wallet.transfer")
    op.execute("DROP TABLE wallet.linked")
    op.execute("DROP INDEX wallet.transfer_linked")
    op.execute("DROP TRIGGER reversal ON wallet.transfer")
    op.execute("DROP INDEX wallet.transfer_reversal")
    op.execute(f"REVOKE INSERT (lane, opens), UPDATE (opens) ON wallet.lane FROM {walls.WORKER}")
    op.execute("ALTER TABLE wallet.lane DROP COLUMN opens")
    op.execute(f"REVOKE UPDATE (closed_at) ON wallet.account FROM {walls.POSTING}")
    op.execute("DROP TRIGGER reopening ON wallet.account")
    op.execute("ALTER TABLE wallet.account DROP CONSTRAINT closed_is_empty")
    op.execute("DROP TRIGGER chart ON wallet.account")
    op.execute("ALTER TABLE wallet.account DROP CONSTRAINT account_purpose_fkey")
    op.execute("DROP TABLE wallet.chart")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION wallet.{function}()")


def _refuser(name: str, body: str, *, declare: str = "") -> None:
    op.execute(
        f"""
        CREATE FUNCTION wallet.{name}() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        {declare} BEGIN {body} RETURN NEW; END $$
        """
    )
    op.execute(f"REVOKE ALL ON FUNCTION wallet.{name} FROM PUBLIC")


def _chart() -> None:
    op.execute(
        """
        CREATE TABLE wallet.chart (
            purpose text PRIMARY KEY,
            side text NOT NULL CHECK (side IN ('debit', 'credit', 'either')),
            owner text NOT NULL CHECK (owner IN ('resident', 'operator')),
            floor bigint,
            currency text,
            label text,
            about text NOT NULL
        )
        """
    )
    names = ("purpose", "side", "owner", "floor", "currency", "label", "about")
    lines = sa.table("chart", *(sa.column(name) for name in names), schema="wallet")
    op.bulk_insert(lines, [dict(zip(names, line, strict=True)) for line in _CHART])
    walls.grant("wallet.chart", api="SELECT", posting="SELECT", worker="SELECT", report="SELECT")
    op.execute(
        "ALTER TABLE wallet.account ADD CONSTRAINT account_purpose_fkey FOREIGN KEY (purpose) REFERENCES wallet.chart"
    )
    _refuser(
        "refuse_off_chart",
        """
        IF NOT EXISTS (
            SELECT FROM wallet.chart WHERE chart.purpose = NEW.purpose
            AND (chart.owner = 'resident') = (NEW.holder IS NOT NULL) AND chart.floor IS NOT DISTINCT FROM NEW.floor
            AND (chart.currency IS NULL OR chart.currency = NEW.currency)
            AND (chart.label IS NULL) = (NEW.label = '')
        ) THEN
            RAISE EXCEPTION 'the chart of accounts has no such line: %', NEW.purpose USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.holder IS NOT NULL AND NOT EXISTS (
            SELECT FROM wallet.holder WHERE holder.holder = NEW.holder AND holder.lane = NEW.lane
        ) THEN
            RAISE EXCEPTION 'all accounts of a holder share a lane' USING ERRCODE = 'check_violation';
        END IF;
        """,
    )
    op.execute(
        """
        CREATE TRIGGER chart BEFORE INSERT ON wallet.account
        FOR EACH ROW EXECUTE FUNCTION wallet.refuse_off_chart()
        """
    )


def _closing() -> None:
    """Let an empty account be closed, for good."""
    op.execute(
        """
        ALTER TABLE wallet.account ADD CONSTRAINT closed_is_empty
        CHECK (closed_at IS NULL OR (posted = 0 AND hold_out = 0 AND hold_in = 0))
        """
    )
    _refuser(
        "refuse_reopening",
        """
        IF OLD.closed_at IS NOT NULL THEN
            RAISE EXCEPTION 'the account is closed' USING ERRCODE = 'check_violation';
        END IF;
        """,
    )
    # Only a statement that names the column pays for this; wallet.post() does not.
    op.execute(
        """
        CREATE TRIGGER reopening BEFORE UPDATE OF closed_at ON wallet.account
        FOR EACH ROW EXECUTE FUNCTION wallet.refuse_reopening()
        """
    )
    walls.grant("wallet.account", posting="UPDATE (closed_at)")


def _lanes() -> None:
    """Let an installation have more lanes, and say which of them take new wallets."""
    op.execute("ALTER TABLE wallet.lane ADD COLUMN opens boolean NOT NULL DEFAULT true")
    walls.grant("wallet.lane", worker="INSERT (lane, opens), UPDATE (opens)")


def _reversals() -> None:
    """Refuse to move back what was not moved, or more than was."""
    op.execute("CREATE INDEX transfer_reversal ON wallet.transfer (lane, of) WHERE kind = 'reversal'")
    _refuser(
        "refuse_reversal",
        """
        IF NEW.held <> 0 OR NOT EXISTS (
            SELECT FROM wallet.transfer AS moved
            WHERE moved.lane = NEW.lane AND moved.id = NEW.of AND moved.kind IN ('post', 'capture')
              AND moved.debit = NEW.credit AND moved.credit = NEW.debit AND moved.currency = NEW.currency
              AND moved.amount >= (SELECT sum(back.amount) FROM wallet.transfer AS back
                                   WHERE back.lane = NEW.lane AND back.of = NEW.of AND back.kind = 'reversal')
        ) THEN
            RAISE EXCEPTION 'this was not moved, or not that much' USING ERRCODE = 'data_corrupted';
        END IF;
        """,
    )
    op.execute(
        """
        CREATE TRIGGER reversal AFTER INSERT ON wallet.transfer
        FOR EACH ROW WHEN (NEW.kind = 'reversal') EXECUTE FUNCTION wallet.refuse_reversal()
        """
    )


def _groups() -> None:
    """Refuse a group of which a transfer is missing, and one that leaves money in transit.

    A group has a row in each of its lanes, written with its transfers; they are compared when both are there.
    """
    op.execute(
        """
        CREATE TABLE wallet.linked (
            lane integer NOT NULL REFERENCES wallet.lane,
            id uuid NOT NULL,
            transfers integer NOT NULL CHECK (transfers > 0),
            total integer NOT NULL CHECK (total > 1),
            at timestamptz NOT NULL,
            PRIMARY KEY (lane, id),
            CHECK (transfers <= total)
        )
        """
    )
    walls.append_only("wallet.linked")
    walls.grant("wallet.linked", posting="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute("CREATE INDEX transfer_linked ON wallet.transfer (lane, linked) WHERE linked IS NOT NULL")
    _refuser(
        "refuse_unlinked",
        """
        IF NOT EXISTS (SELECT FROM wallet.linked WHERE lane = NEW.lane AND id = NEW.linked AND at = NEW.at) THEN
            RAISE EXCEPTION 'the transfer names a group it is not part of' USING ERRCODE = 'data_corrupted';
        END IF;
        """,
    )
    _refuser(
        "refuse_torn_group",
        """
        SELECT count(*), count(*) FILTER (WHERE transfer.lane = NEW.lane) INTO found, here
        FROM wallet.lane JOIN wallet.transfer ON transfer.lane = lane.lane AND transfer.linked = NEW.id;
        IF (found, here) <> (NEW.total, NEW.transfers) THEN
            RAISE EXCEPTION 'a group is torn: % of % transfers', found, NEW.total USING ERRCODE = 'data_corrupted';
        END IF;
        IF EXISTS (
            SELECT FROM wallet.lane JOIN wallet.transfer ON transfer.lane = lane.lane AND transfer.linked = NEW.id
            CROSS JOIN LATERAL (VALUES (transfer.debit, -amount), (transfer.credit, amount)) AS leg (account, moved)
            JOIN wallet.account ON account.lane = transfer.lane AND account.id = leg.account
            WHERE account.purpose = 'transit' GROUP BY transfer.currency HAVING sum(leg.moved) <> 0
        ) THEN
            RAISE EXCEPTION 'a group leaves money in transit' USING ERRCODE = 'data_corrupted';
        END IF;
        """,
        declare="DECLARE found bigint; here bigint;",
    )
    for table, function, when in (
        ("transfer", "refuse_unlinked", "WHEN (NEW.linked IS NOT NULL) "),
        ("linked", "refuse_torn_group", ""),
    ):
        op.execute(
            f"""
            CREATE CONSTRAINT TRIGGER linked AFTER INSERT ON wallet.{table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW {when}EXECUTE FUNCTION wallet.{function}()
            """
        )
