"""Card payments as sums of more kinds of elements; decisions with what was known; loans and links; being in time."""

from alembic import op

from migrations import walls

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_BEFORE = ("authorization", "decline", "reversal", "clearing", "expiry")
_KINDS = (
    *_BEFORE, "increment", "confirmation", "inquiry", "refund_authorization", "refund", "fee", "match", "recovery",
    "write_off",
)  # fmt: skip
_CAUSES = ("over_capture", "force_post", "after_expiry", "stand_in", "fee")
_CHECKS = {
    "element_kind_check": f"kind IN {_KINDS}",
    "element_check1": "(kind IN ('expiry', 'match', 'recovery', 'write_off')) = (source IS NULL)",
    "element_check3": "kind IN ('clearing', 'fee') OR (short_minor = 0 AND (NOT final OR kind = 'match'))",
    "short_is_no_gain": "short_minor >= 0",
    "short_has_cause": "(cause IS NOT NULL) = (short_minor > 0)",
}
_CHECKS_BEFORE = {
    "element_kind_check": f"kind IN {_BEFORE}",
    "element_check1": "(kind = 'expiry') = (source IS NULL)",
    "element_check3": "kind = 'clearing' OR (short_minor = 0 AND NOT final)",
    "element_check": "short_minor BETWEEN 0 AND amount_minor",
}
_MORE = {
    "fee_minor": "bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0)",
    "markup_minor": "bigint NOT NULL DEFAULT 0 CHECK (markup_minor >= 0)",
    "buffer_minor": "bigint NOT NULL DEFAULT 0 CHECK (buffer_minor >= 0)",
    "asked_minor": "bigint CHECK (asked_minor >= amount_minor)",
    "told_minor": "bigint",
    "single": "boolean NOT NULL DEFAULT false",
    "ours": "boolean NOT NULL DEFAULT false",
    "operation": ("text CHECK (operation IN ('purchase', 'cash', 'cashback', 'refund', 'balance', 'verification'))"),
    "channel": (
        "text CHECK (channel IN ('chip', 'contactless', 'magstripe', 'ecommerce', 'moto', 'recurring', 'token'))"
    ),
    "stand_in": "text CHECK (stand_in IN ('network', 'ours'))",
    "cause": f"text CHECK (cause IN {_CAUSES})",
    "original_minor": "bigint CHECK (original_minor >= 0)",
    "original_currency": "text CHECK (original_currency ~ '^[A-Z]{3}$')",
    "rate": "numeric CHECK (rate > 0)",
    "interchange_minor": "bigint",
    "of": "text",
}
_INDEXES = {
    "payment_merchant": "(card, merchant_id, opened_at) WHERE card IS NOT NULL",
    "payment_holder": "(holder, opened_at, id) WHERE holder IS NOT NULL",
}
#: Mirrored by wallet/chart.py.
_CHART = (
    ("interchange", "credit", "what a card network leaves the operator of purchases"),
    ("fx_income", "credit", "earned on exchanges of card payments"),
)


def upgrade() -> None:
    """Build it."""
    for purpose, side, about in _CHART:
        line = f"'{purpose}', '{side}', 'operator', '{about}'"
        op.execute(f"INSERT INTO wallet.chart (purpose, side, owner, about) VALUES ({line})")
    op.execute("ALTER TABLE cards.payment ADD COLUMN merchant_city text")
    for column, definition in _MORE.items():
        op.execute(f"ALTER TABLE cards.element ADD COLUMN {column} {definition}")
    op.execute(
        """
        ALTER TABLE cards.element ADD CONSTRAINT original_has_currency
        CHECK ((original_minor IS NULL) = (original_currency IS NULL))
        """
    )
    _recheck(_CHECKS_BEFORE, _CHECKS)
    _decisions()
    _work()
    _links()
    _in_time()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION cards.in_time(timestamptz)")
    for index in _INDEXES:
        op.execute(f"DROP INDEX cards.{index}")
    for table in ("link", "loose", "loan", "decision"):
        op.execute(f"DROP TABLE cards.{table}")
    _recheck(_CHECKS, _CHECKS_BEFORE)
    op.execute("ALTER TABLE cards.element DROP CONSTRAINT original_has_currency")
    for column in _MORE:
        op.execute(f"ALTER TABLE cards.element DROP COLUMN {column}")
    op.execute("ALTER TABLE cards.payment DROP COLUMN merchant_city")
    for purpose, _, _ in _CHART:
        op.execute(f"DELETE FROM wallet.chart WHERE purpose = '{purpose}'")


def _recheck(before: dict[str, str], after: dict[str, str]) -> None:
    for name in before:
        op.execute(f"ALTER TABLE cards.element DROP CONSTRAINT {name}")
    for name, condition in after.items():
        op.execute(f"ALTER TABLE cards.element ADD CONSTRAINT {name} CHECK ({condition})")


def _decisions() -> None:
    """Keep every answer to a question, with what was asked and known: rules are tried on these before they rule."""
    op.execute(
        """
        CREATE TABLE cards.decision (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            number integer NOT NULL,
            card uuid NOT NULL,
            holder uuid NOT NULL,
            at timestamptz NOT NULL,
            approved boolean NOT NULL,
            reasons text[] NOT NULL,
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            request jsonb NOT NULL,
            features jsonb NOT NULL,
            PRIMARY KEY (lane, payment, number),
            FOREIGN KEY (lane, payment, number) REFERENCES cards.element
        )
        """
    )
    op.execute("CREATE INDEX decision_card ON cards.decision (card, at)")
    op.execute("CREATE INDEX decision_at ON cards.decision (at)")
    walls.append_only("cards.decision")
    walls.own_rows("cards.decision", "holder")
    walls.grant("cards.decision", api="SELECT", posting="SELECT, INSERT", worker="SELECT", report="SELECT")


def _work() -> None:
    """Keep what the operator lent for a payment and has not got back: one row as long as that is so."""
    op.execute(
        """
        CREATE TABLE cards.loan (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            due_at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment),
            FOREIGN KEY (lane, payment) REFERENCES cards.payment
        )
        """
    )
    op.execute("CREATE INDEX loan_due ON cards.loan (due_at)")
    walls.grant("cards.loan", posting="SELECT, INSERT, UPDATE, DELETE", worker="SELECT", report="SELECT")
    # Refunds and clearings of which nobody knows yet what they are about.
    op.execute(
        """
        CREATE TABLE cards.loose (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment),
            FOREIGN KEY (lane, payment) REFERENCES cards.payment
        )
        """
    )
    op.execute("CREATE INDEX loose_due ON cards.loose (due_at)")
    walls.grant("cards.loose", posting="SELECT, INSERT, DELETE", worker="SELECT, UPDATE, DELETE", report="SELECT")


def _links() -> None:
    """Keep which payment another one is about: a refund its purchase, a clearing its promise."""
    op.execute(
        """
        CREATE TABLE cards.link (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            about uuid NOT NULL,
            holder uuid NOT NULL,
            confidence text NOT NULL CHECK (confidence IN ('named', 'exact', 'likely')),
            at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment),
            FOREIGN KEY (lane, payment) REFERENCES cards.payment,
            FOREIGN KEY (lane, about) REFERENCES cards.payment,
            CHECK (payment <> about)
        )
        """
    )
    op.execute("CREATE INDEX link_about ON cards.link (lane, about)")
    for index, columns in _INDEXES.items():
        op.execute(f"CREATE INDEX {index} ON cards.payment {columns}")
    walls.append_only("cards.link")
    walls.own_rows("cards.link", "holder")
    walls.grant("cards.link", api="SELECT", posting="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _in_time() -> None:
    """Have the last word before COMMIT. 40001 means "again": the batch is decided anew, and who is late hears no."""
    op.execute(
        """
        CREATE FUNCTION cards.in_time(deadline timestamptz) RETURNS void
        LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF clock_timestamp() >= deadline THEN
                RAISE EXCEPTION 'somebody stopped waiting for this answer' USING ERRCODE = 'serialization_failure';
            END IF;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.in_time(timestamptz) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION cards.in_time(timestamptz) TO {walls.POSTING}")
