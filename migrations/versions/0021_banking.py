"""Accounts at partner banks, stages of incoming money, pay-outs, exchange, safeguarding.

What a bank is asked for is one kind of row, `app.bank_order`, whatever it is: it is asked again under the same key
until it answers, and its money moves with its state, in one transaction.
"""

from alembic import op

from migrations import walls

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NEW = [
    "bank_account", "beneficiary", "fx_quote", "bank_order", "bank_order_step", "topup", "incoming", "incoming_stage",
    "suspense_proposal", "bank_statement", "bank_statement_entry", "safeguarding",
]  # fmt: skip

#: What goes with a person, by the column that says whose row it is, and what goes after it.
_GOES = "('app.beneficiary', 'holder'), ('app.bank_account', 'holder')"
_LAST = "('app.resident_key', 'holder')"


def upgrade() -> None:
    """Build it."""
    for build in (_accounts, _beneficiaries, _quotes, _orders, _topups):
        build()
    for build in (_incoming, _suspense, _statements, _safeguarding):
        build()
    _erase_also(_LAST, f"{_GOES}, {_LAST}")


def downgrade() -> None:
    """Take it away."""
    _erase_also(f"{_GOES}, {_LAST}", _LAST)
    op.execute("DELETE FROM app.lease WHERE name = 'safeguarding'")
    for table in reversed(_NEW):
        op.execute(f"DROP TABLE app.{table}")


def _accounts() -> None:
    # `details` is {"iban", "bic"}, sealed; `sequence` counts the movements the bank knows of, so that an older report
    # never overtakes a newer one.
    op.execute(
        """
        CREATE TABLE app.bank_account (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            partner uuid NOT NULL REFERENCES app.partner,
            currency text NOT NULL CHECK (currency IN ('KZT', 'USD', 'EUR', 'CNY')),
            account uuid NOT NULL,
            lane integer NOT NULL,
            state text NOT NULL CHECK (state IN ('opening', 'open', 'refused')),
            details bytea,
            reported_minor bigint,
            reported_at timestamptz,
            sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
            asked_at timestamptz NOT NULL,
            opened_at timestamptz,
            CHECK ((state = 'open') = (details IS NOT NULL)),
            CHECK ((state = 'open') = (opened_at IS NOT NULL)),
            CHECK ((reported_minor IS NULL) = (reported_at IS NULL))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX bank_account_one ON app.bank_account (holder, partner, currency) WHERE state <> 'refused'"
    )
    walls.own_rows("app.bank_account", "holder")
    walls.grant("app.bank_account", api="SELECT, INSERT", worker="SELECT, UPDATE (state, details, opened_at)")
    walls.grant("app.bank_account", posting="SELECT, UPDATE (reported_minor, reported_at, sequence)", report="SELECT")


def _beneficiaries() -> None:
    # `details` is {"name", "iban"}, sealed. Nobody edits a payee: it is removed, and another one saved.
    op.execute(
        """
        CREATE TABLE app.beneficiary (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            details bytea NOT NULL,
            bic text CHECK (bic ~ '^[A-Z0-9]{8}([A-Z0-9]{3})?$'),
            own boolean NOT NULL,
            named text NOT NULL CHECK (named IN ('asked', 'match', 'close', 'differs', 'unknown')),
            saved_at timestamptz NOT NULL,
            checked_at timestamptz,
            removed_at timestamptz,
            CHECK ((named = 'asked') = (checked_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX beneficiary_holder ON app.beneficiary (holder, id)")
    walls.own_rows("app.beneficiary", "holder")
    walls.grant("app.beneficiary", api="SELECT, INSERT, UPDATE (removed_at)", report="SELECT")
    walls.grant("app.beneficiary", posting="SELECT", worker="SELECT, UPDATE (named, checked_at)")


def _quotes() -> None:
    op.execute(
        """
        CREATE TABLE app.fx_quote (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            partner uuid NOT NULL REFERENCES app.partner,
            bank_quote text NOT NULL CHECK (bank_quote ~ '^[A-Za-z0-9._:/-]{1,64}$'),
            fixed text NOT NULL CHECK (fixed IN ('sells', 'buys')),
            sells_minor bigint NOT NULL CHECK (sells_minor > 0),
            sells_currency text NOT NULL CHECK (sells_currency ~ '^[A-Z]{3}$'),
            buys_minor bigint NOT NULL CHECK (buys_minor > 0),
            buys_currency text NOT NULL CHECK (buys_currency ~ '^[A-Z]{3}$' AND buys_currency <> sells_currency),
            rate text NOT NULL CHECK (rate ~ '^(?=.*[1-9])[0-9]{1,12}([.][0-9]{1,12})?$'),
            reference_rate text NOT NULL CHECK (reference_rate ~ '^(?=.*[1-9])[0-9]{1,12}([.][0-9]{1,12})?$'),
            source text NOT NULL CHECK (source ~ '^[ -~]{1,64}$'),
            source_account uuid NOT NULL,
            target_account uuid NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at)
        )
        """
    )
    walls.append_only("app.fx_quote")
    walls.own_rows("app.fx_quote", "holder")
    walls.grant("app.fx_quote", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _orders() -> None:
    # `about` is whom or what the order is about: a beneficiary, an account at the bank, a payment that came in.
    op.execute(
        """
        CREATE TABLE app.bank_order (
            id uuid PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN (
                'account', 'name_check', 'payout', 'to_account', 'from_account', 'exchange', 'refund')),
            holder uuid,
            partner uuid NOT NULL REFERENCES app.partner,
            about uuid NOT NULL,
            quote uuid UNIQUE REFERENCES app.fx_quote,
            lane integer NOT NULL,
            source uuid,
            target uuid,
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
            gets_minor bigint CHECK (gets_minor > 0),
            gets_currency text CHECK (gets_currency ~ '^[A-Z]{3}$'),
            operation text CHECK (operation ~ '^[a-z_]{1,20}$'),
            rail text CHECK (rail IN ('imps', 'ismt')),
            promised_from timestamptz,
            promised_by timestamptz CHECK (promised_by >= promised_from),
            requested_at timestamptz NOT NULL,
            ended_at timestamptz,
            state text NOT NULL CHECK (state IN ('requested', 'sent', 'unknown', 'done', 'rejected', 'returned')),
            version integer NOT NULL CHECK (version > 0),
            bank_reference text CHECK (bank_reference ~ '^[A-Za-z0-9._:/-]{1,64}$'),
            reason text CHECK (reason ~ '^[a-z0-9_]{1,64}$'),
            trouble text,
            due_at timestamptz,
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            leased_until timestamptz,
            CHECK (amount_minor > 0 OR kind IN ('account', 'name_check')),
            CHECK ((source IS NULL) = (kind IN ('account', 'name_check'))),
            CHECK ((quote IS NOT NULL) = (kind = 'exchange')),
            CHECK ((holder IS NULL) = (kind = 'refund')),
            CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'rejected', 'returned'))),
            CHECK (due_at IS NULL OR ended_at IS NULL),
            CHECK (reason IS NOT NULL OR state NOT IN ('rejected', 'returned'))
        )
        """
    )
    op.execute("CREATE INDEX bank_order_due ON app.bank_order (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX bank_order_holder ON app.bank_order (holder, kind, id)")
    op.execute("CREATE INDEX bank_order_about ON app.bank_order (about)")
    op.execute("CREATE INDEX bank_order_promised ON app.bank_order (promised_by) WHERE promised_by IS NOT NULL")
    # A payment goes back to its payer once: another try only after the bank refused the first.
    op.execute(
        "CREATE UNIQUE INDEX bank_order_refund ON app.bank_order (about)"
        " WHERE kind = 'refund' AND state NOT IN ('rejected', 'returned')"
    )
    walls.own_rows("app.bank_order", "holder")
    # What moves money is written with its hold, by the role that posts; the API asks for errands only.
    op.execute(
        f"""
        CREATE POLICY errands ON app.bank_order AS RESTRICTIVE FOR INSERT TO {walls.API}
        WITH CHECK (kind IN ('account', 'name_check') AND state = 'requested')
        """
    )
    running = "state, version, bank_reference, reason, trouble, due_at, attempts, leased_until, ended_at"
    walls.grant("app.bank_order", api="SELECT, INSERT", posting=f"SELECT, INSERT, UPDATE ({running})", report="SELECT")
    walls.grant("app.bank_order", worker=f"SELECT, UPDATE ({running})")
    op.execute(
        """
        CREATE TABLE app.bank_order_step (
            "order" uuid NOT NULL REFERENCES app.bank_order,
            version integer NOT NULL CHECK (version > 0),
            holder uuid,
            act text NOT NULL CHECK (act ~ '^[a-z]+$'),
            state text NOT NULL CHECK (state ~ '^[a-z]+$'),
            actor text NOT NULL CHECK (actor ~ '^[a-z]+(:[0-9a-z_-]+)?$'),
            at timestamptz NOT NULL,
            PRIMARY KEY ("order", version)
        )
        """
    )
    walls.append_only("app.bank_order_step")
    walls.own_rows("app.bank_order_step", "holder")
    walls.grant("app.bank_order_step", api="SELECT, INSERT", posting="SELECT, INSERT", worker="SELECT, INSERT")
    walls.grant("app.bank_order_step", report="SELECT")


def _topups() -> None:
    op.execute(
        """
        CREATE TABLE app.topup (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            account uuid NOT NULL,
            lane integer NOT NULL,
            reference text NOT NULL UNIQUE CHECK (reference ~ '^[0-9A-HJKMNP-TV-Z]{12}$'),
            amount_minor bigint CHECK (amount_minor > 0),
            at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX topup_holder ON app.topup (holder, id)")
    walls.append_only("app.topup")
    walls.own_rows("app.topup", "holder")
    walls.grant("app.topup", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _incoming() -> None:
    # A `payment_id` is a bank's; with a tilde, which no bank's has, it is our order whose money came back for nobody.
    op.execute(
        """
        CREATE TABLE app.incoming (
            id uuid PRIMARY KEY,
            partner uuid NOT NULL REFERENCES app.partner,
            payment_id text NOT NULL CHECK (payment_id ~ '^~?[A-Za-z0-9._:/-]{1,64}$'),
            message uuid REFERENCES app.inbox,
            holder uuid,
            topup uuid REFERENCES app.topup,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            rail text NOT NULL CHECK (rail IN ('imps', 'ismt')),
            lane integer,
            stage text NOT NULL CHECK (stage IN ('announced', 'suspended', 'credited', 'returning', 'returned')),
            reason text CHECK (reason ~ '^[a-z0-9_]{1,64}$'),
            promised_from timestamptz NOT NULL,
            promised_by timestamptz NOT NULL CHECK (promised_by >= promised_from),
            announced_at timestamptz NOT NULL,
            received_at timestamptz,
            ended_at timestamptz,
            aged_at timestamptz,
            version integer NOT NULL CHECK (version > 0),
            UNIQUE (partner, payment_id),
            CHECK ((stage = 'announced') = (received_at IS NULL)),
            CHECK ((lane IS NULL) = (received_at IS NULL)),
            CHECK ((stage IN ('credited', 'returned')) = (ended_at IS NOT NULL)),
            CHECK ((stage = 'credited') <= (holder IS NOT NULL)),
            CHECK ((stage IN ('suspended', 'returning', 'returned')) <= (reason IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX incoming_holder ON app.incoming (holder, id)")
    op.execute("CREATE INDEX incoming_topup ON app.incoming (topup) WHERE topup IS NOT NULL")
    op.execute("CREATE INDEX incoming_suspended ON app.incoming (received_at, id) WHERE stage = 'suspended'")
    op.execute("CREATE INDEX incoming_promised ON app.incoming (promised_by)")
    walls.own_rows("app.incoming", "holder", also_nobodys=True)
    # What arrives may differ from what was announced; what has arrived is what the ledger moved, for good.
    op.execute(
        "CREATE TRIGGER received BEFORE UPDATE ON app.incoming FOR EACH ROW WHEN (OLD.received_at IS NOT NULL AND"
        " (OLD.amount_minor, OLD.currency, OLD.rail, OLD.received_at) IS DISTINCT FROM"
        " (NEW.amount_minor, NEW.currency, NEW.rail, NEW.received_at)) EXECUTE FUNCTION app.refuse_change()"
    )
    moving = "amount_minor, currency, rail, message, holder, topup, lane, stage, reason, received_at, ended_at, version"
    walls.grant("app.incoming", api="SELECT", posting=f"SELECT, INSERT, UPDATE ({moving})", report="SELECT")
    walls.grant("app.incoming", worker=f"SELECT, INSERT, UPDATE ({moving}, aged_at)")
    op.execute(
        """
        CREATE TABLE app.incoming_stage (
            incoming uuid NOT NULL REFERENCES app.incoming,
            version integer NOT NULL CHECK (version > 0),
            holder uuid,
            stage text NOT NULL CHECK (stage IN (
                'announced', 'received', 'screened', 'credited', 'suspended', 'returning', 'returned')),
            why text CHECK (why ~ '^[a-z0-9_]{1,64}$'),
            at timestamptz NOT NULL,
            PRIMARY KEY (incoming, version)
        )
        """
    )
    walls.append_only("app.incoming_stage")
    walls.own_rows("app.incoming_stage", "holder", also_nobodys=True)
    walls.grant("app.incoming_stage", api="SELECT", posting="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _suspense() -> None:
    op.execute(
        """
        CREATE TABLE app.suspense_proposal (
            id uuid PRIMARY KEY,
            incoming uuid NOT NULL REFERENCES app.incoming,
            action text NOT NULL CHECK (action IN ('match', 'return')),
            account uuid,
            reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
            proposed_by text NOT NULL CHECK (proposed_by ~ '^officer:[0-9a-f-]{36}$'),
            proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by ~ '^officer:[0-9a-f-]{36}$'),
            decided_at timestamptz,
            verdict text CHECK (verdict IN ('approved', 'refused')),
            CONSTRAINT four_eyes CHECK (decided_by <> proposed_by OR verdict <> 'approved'),
            CHECK (num_nulls(decided_by, decided_at, verdict) IN (0, 3)),
            CHECK ((account IS NOT NULL) = (action = 'match'))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX suspense_proposal_open ON app.suspense_proposal (incoming) WHERE verdict IS NULL")
    op.execute(
        "CREATE UNIQUE INDEX suspense_proposal_match ON app.suspense_proposal (incoming)"
        " WHERE verdict = 'approved' AND action = 'match'"
    )
    deciding = "decided_by, decided_at, verdict"
    walls.for_officers("app.suspense_proposal")
    walls.decided_once("app.suspense_proposal")
    proposing = "id, incoming, action, account, reason, proposed_by, proposed_at"
    walls.grant("app.suspense_proposal", api=f"SELECT, INSERT ({proposing}), UPDATE ({deciding})", report="SELECT")
    walls.grant("app.suspense_proposal", posting=f"SELECT, UPDATE ({deciding})", worker="SELECT")


def _statements() -> None:
    # The file is kept as it came, under the bank's key: payers' names are in it.
    op.execute(
        """
        CREATE TABLE app.bank_statement (
            id uuid PRIMARY KEY,
            partner uuid NOT NULL REFERENCES app.partner,
            day date NOT NULL,
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            opening_minor bigint NOT NULL,
            closing_minor bigint NOT NULL,
            entries integer NOT NULL CHECK (entries >= 0),
            format text NOT NULL CHECK (format IN ('camt.053', 'json')),
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            body bytea NOT NULL,
            at timestamptz NOT NULL,
            UNIQUE (partner, day, currency)
        )
        """
    )
    walls.append_only("app.bank_statement")
    walls.own_rows("app.bank_statement", "partner")
    walls.grant("app.bank_statement", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.bank_statement_entry (
            statement uuid NOT NULL REFERENCES app.bank_statement,
            no integer NOT NULL CHECK (no > 0),
            amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
            reference text NOT NULL CHECK (reference ~ '^[A-Za-z0-9._:/-]{0,64}$'),
            PRIMARY KEY (statement, no)
        )
        """
    )
    op.execute("CREATE INDEX bank_statement_entry_reference ON app.bank_statement_entry (reference)")
    walls.append_only("app.bank_statement_entry")
    walls.grant("app.bank_statement_entry", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _safeguarding() -> None:
    op.execute(
        """
        CREATE TABLE app.safeguarding (
            partner uuid NOT NULL REFERENCES app.partner,
            day date NOT NULL,
            no integer NOT NULL CHECK (no > 0),
            outcome text NOT NULL CHECK (outcome IN ('agrees', 'explained', 'differs', 'no_statement')),
            books_minor bigint NOT NULL,
            statement_minor bigint,
            unexplained_minor bigint NOT NULL CHECK (unexplained_minor >= 0),
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            jws text NOT NULL CHECK (jws ~ '^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$'),
            at timestamptz NOT NULL,
            PRIMARY KEY (partner, day, no),
            CHECK ((statement_minor IS NULL) = (outcome = 'no_statement'))
        )
        """
    )
    op.execute("CREATE INDEX safeguarding_alarm ON app.safeguarding (day) WHERE outcome IN ('differs', 'no_statement')")
    walls.append_only("app.safeguarding")
    walls.own_rows("app.safeguarding", "partner")
    op.execute("INSERT INTO app.lease (name) VALUES ('safeguarding')")
    walls.grant("app.safeguarding", api="SELECT", worker="SELECT, INSERT", report="SELECT")


def _erase_also(was: str, becomes: str) -> None:
    """Write the one function that erases a person anew, with what else goes before the key does."""
    was, becomes = (text.replace("'", "''") for text in (was, becomes))
    changed = f"replace(pg_get_functiondef('app.erase(uuid)'::regprocedure), '{was}', '{becomes}')"
    op.execute(f"DO $$ BEGIN EXECUTE {changed}; END $$")
