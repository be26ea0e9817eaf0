"""What cards still owed: allowances, what networks have of the evidence, files that did not come, exemptions."""

from alembic import op

from migrations import walls

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_NAME = r"'^[!-~]{1,64}$'"
_MINE = "holder = NULLIF(current_setting('app.holder', true), '')::uuid"
_OFFICER = "current_setting('app.audience', true) = 'officer'"


def upgrade() -> None:
    """Build it."""
    for build in (_allowances, _shown, _missing, _exemptions):
        build()
    # What a processor elsewhere tells of cards in its wallets is a row here as well, written by the worker.
    walls.grant("cards.token", worker="INSERT")


def downgrade() -> None:
    """Take it away."""
    op.execute(f"REVOKE INSERT ON cards.token FROM {walls.WORKER}")
    for policy in ("seen", "proposed", "decided"):
        op.execute(f"DROP POLICY {policy} ON cards.exemption")
    op.execute("DROP POLICY many_holders ON cards.exemption")
    walls.own_rows("cards.exemption", "holder")
    for table in ("settlement_missing", "dispute_shown", "allowance"):
        op.execute(f"DROP TABLE cards.{table}")


def _allowances() -> None:
    # What a declined payment was declined for by its holder's own choice, and passes once where it was asked.
    op.execute(
        f"""
        CREATE TABLE cards.allowance (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            card uuid NOT NULL REFERENCES cards.card,
            payment uuid NOT NULL UNIQUE,
            reasons text[] NOT NULL CHECK (cardinality(reasons) > 0),
            passing text[] NOT NULL CHECK (cardinality(passing) = cardinality(reasons)),
            network text NOT NULL CHECK (network ~ {_NAME}),
            merchant text NOT NULL CHECK (merchant <> ''),
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
            granted_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > granted_at),
            used_by uuid,
            used_at timestamptz,
            CHECK ((used_by IS NULL) = (used_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX allowance_open ON cards.allowance (card) WHERE used_at IS NULL")
    op.execute("CREATE INDEX allowance_holder ON cards.allowance (holder, id)")
    walls.own_rows("cards.allowance", "holder")
    walls.refuse("cards.allowance", "UPDATE", when="OLD.used_at IS NOT NULL")
    walls.grant("cards.allowance", api="SELECT, INSERT", posting="SELECT, UPDATE (used_by, used_at)")
    walls.grant("cards.allowance", worker="SELECT", report="SELECT")


def _shown() -> None:
    op.execute(
        f"""
        CREATE TABLE cards.dispute_shown (
            evidence uuid PRIMARY KEY REFERENCES cards.dispute_evidence,
            dispute uuid NOT NULL,
            reference text CHECK (reference ~ {_NAME}),
            refused text CHECK (refused <> ''),
            at timestamptz NOT NULL,
            CHECK ((reference IS NULL) <> (refused IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX dispute_shown_dispute ON cards.dispute_shown (dispute)")
    walls.append_only("cards.dispute_shown")
    walls.grant("cards.dispute_shown", worker="SELECT, INSERT", report="SELECT")


def _missing() -> None:
    # A day of a network whose file had not come by its hour; the row stays when it came later.
    op.execute(
        f"""
        CREATE TABLE cards.settlement_missing (
            network text NOT NULL CHECK (network ~ {_NAME}),
            business_date date NOT NULL,
            link text NOT NULL CHECK (link IN ('domestic', 'international')),
            expected_by timestamptz NOT NULL,
            found_at timestamptz NOT NULL CHECK (found_at >= expected_by),
            arrived_at timestamptz,
            PRIMARY KEY (network, business_date)
        )
        """
    )
    op.execute(
        "CREATE INDEX settlement_missing_open ON cards.settlement_missing (expected_by) WHERE arrived_at IS NULL"
    )
    walls.for_officers("cards.settlement_missing")
    walls.refuse("cards.settlement_missing", "UPDATE", when="OLD.arrived_at IS NOT NULL")
    walls.grant("cards.settlement_missing", api="SELECT", report="SELECT")
    walls.grant("cards.settlement_missing", worker="SELECT, INSERT, UPDATE (arrived_at)")


def _exemptions() -> None:
    """Let a person read what exempts them, and only officers write it: who has a session is no officer."""
    op.execute("DROP POLICY own_rows ON cards.exemption")
    op.execute("DROP POLICY many_holders ON cards.exemption")
    op.execute(f"CREATE POLICY seen ON cards.exemption FOR SELECT TO {walls.API} USING ({_MINE} OR {_OFFICER})")
    op.execute(f"CREATE POLICY proposed ON cards.exemption FOR INSERT TO {walls.API} WITH CHECK ({_OFFICER})")
    op.execute(f"CREATE POLICY decided ON cards.exemption FOR UPDATE TO {walls.API} USING ({_OFFICER})")
    everybody = f"{walls.POSTING}, {walls.WORKER}, {walls.REPORT}, CURRENT_USER"
    op.execute(f"CREATE POLICY many_holders ON cards.exemption TO {everybody} USING (true)")
