"""Addresses of wallets, who may be found, requests for money, splits, standing orders, payment lists, messages."""

from alembic import op

from migrations import walls

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = (
    "payment_item",
    "payment_list",
    "standing_payment",
    "standing_order",
    "money_request",
    "split",
    "payment_note",
    "payee",
)
#: What goes with a person, by the column that says whose row it is.
_GOES = (("app.payment_note", "holder"), ("app.payment_note", "reader"), ("app.payee", "holder"))
_LAST = "('app.resident_key', 'holder')"


def upgrade() -> None:
    """Build it."""
    for build in (_addresses, _payees, _notes, _requests, _orders, _payments_of_orders, _lists, _items, _find):
        build()
    _erase_also(_LAST, f"{', '.join(str(each) for each in _GOES)}, {_LAST}")


def downgrade() -> None:
    """Take it away."""
    _erase_also(f"{', '.join(str(each) for each in _GOES)}, {_LAST}", _LAST)
    op.execute("DROP FUNCTION app.find_payee, app.asked_of_anybody")
    for table in _TABLES:
        op.execute(f"DROP TABLE app.{table}")
    op.execute("DROP FUNCTION app.check_split")
    op.execute("ALTER TABLE app.contact DROP COLUMN findable")
    op.execute("DROP TABLE wallet.address")


def _addresses() -> None:
    op.execute(
        """
        CREATE TABLE wallet.address (
            account uuid PRIMARY KEY,
            lane integer NOT NULL,
            holder uuid NOT NULL,
            iban text NOT NULL UNIQUE CHECK (iban ~ '^KZ[0-9]{5}[0-9A-Z]{13}$'),
            issued_at timestamptz NOT NULL,
            FOREIGN KEY (lane, account) REFERENCES wallet.account (lane, id)
        )
        """
    )
    walls.append_only("wallet.address")
    walls.own_rows("wallet.address", "holder")
    walls.grant("wallet.address", api="SELECT, INSERT", posting="SELECT", worker="SELECT, INSERT", report="SELECT")


def _payees() -> None:
    op.execute("ALTER TABLE app.contact ADD COLUMN findable boolean NOT NULL DEFAULT false")
    walls.grant("app.contact", api="UPDATE (findable)")
    # What others may be told of a person, under a key of its own: whoever asks opens this and nothing else.
    op.execute(
        """
        CREATE TABLE app.payee (
            holder uuid PRIMARY KEY,
            document uuid NOT NULL,
            by_account boolean NOT NULL,
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    walls.own_rows("app.payee", "holder")
    kept = "document, by_account, kek_version, wrapped, sealed, at"
    walls.grant("app.payee", api=f"SELECT, INSERT, UPDATE ({kept})", worker="SELECT, UPDATE (kek_version, wrapped)")


def _notes() -> None:
    op.execute(
        """
        CREATE TABLE app.payment_note (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            reader uuid,
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX payment_note_holder ON app.payment_note (holder)")
    op.execute("CREATE INDEX payment_note_reader ON app.payment_note (reader)")
    _of_two("app.payment_note", "holder", "reader")
    walls.grant(
        "app.payment_note",
        api="SELECT, INSERT",
        posting="SELECT, INSERT",
        worker="SELECT, UPDATE (kek_version, wrapped)",
    )


def _requests() -> None:
    op.execute(
        """
        CREATE TABLE app.split (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            total bigint NOT NULL CHECK (total > 0),
            own bigint NOT NULL CHECK (own >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            at timestamptz NOT NULL
        )
        """
    )
    walls.append_only("app.split")
    walls.own_rows("app.split", "holder")
    walls.grant("app.split", api="SELECT, INSERT", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.money_request (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            account uuid NOT NULL,
            lane integer NOT NULL,
            payer uuid CHECK (payer <> holder),
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            state text NOT NULL CHECK (state IN ('open', 'paid', 'declined', 'cancelled', 'expired')),
            version integer NOT NULL CHECK (version > 0),
            split uuid REFERENCES app.split,
            made_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
            due_at timestamptz,
            transfer uuid UNIQUE,
            told integer NOT NULL DEFAULT 0 CHECK (told <= version),
            CONSTRAINT money_request_paid CHECK ((transfer IS NOT NULL) = (state = 'paid')),
            CONSTRAINT money_request_due CHECK ((due_at IS NOT NULL) = (state = 'open'))
        )
        """
    )
    op.execute("CREATE INDEX money_request_holder ON app.money_request (holder, id)")
    op.execute("CREATE INDEX money_request_payer ON app.money_request (payer, id)")
    op.execute("CREATE INDEX money_request_split ON app.money_request (split)")
    op.execute("CREATE INDEX money_request_due ON app.money_request (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX money_request_untold ON app.money_request (id) WHERE told < version")
    _of_two("app.money_request", "holder", "payer")
    # What becomes of it, either says.
    op.execute(
        f"""
        CREATE POLICY others_word ON app.money_request FOR UPDATE TO {walls.API}
        USING (payer = NULLIF(current_setting('app.holder', true), '')::uuid)
        """
    )
    ends = "UPDATE (state, version, due_at)"
    walls.grant("app.money_request", api=f"SELECT, INSERT, {ends}", report="SELECT")
    walls.grant("app.money_request", worker="SELECT, UPDATE (state, version, due_at, told)")
    walls.grant("app.money_request", posting="SELECT, UPDATE (state, version, due_at, transfer, payer, told)")
    # What everybody owes and what is one's own is the bill, to the last tiyn: the database says so at the commit.
    op.execute(
        """
        CREATE FUNCTION app.check_split() RETURNS trigger LANGUAGE plpgsql SET app.audience = 'service' AS $$
        BEGIN
            IF NEW.total <> NEW.own + (SELECT coalesce(sum(amount), 0) FROM app.money_request WHERE split = NEW.id) THEN
                RAISE EXCEPTION 'the shares of a split add up to its total' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.check_split FROM PUBLIC")
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT ON app.split DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION app.check_split()
        """
    )


def _orders() -> None:
    op.execute(
        """
        CREATE TABLE app.standing_order (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            account uuid NOT NULL,
            lane integer NOT NULL,
            payee uuid NOT NULL CHECK (payee <> account),
            payee_lane integer NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            frequency text NOT NULL CHECK (frequency IN ('once', 'daily', 'weekly', 'monthly')),
            every smallint NOT NULL CHECK (every BETWEEN 1 AND 12),
            first_on date NOT NULL,
            days_off text NOT NULL CHECK (days_off IN ('as_is', 'before', 'after')),
            until_on date CHECK (until_on >= first_on),
            payments_max integer CHECK (payments_max > 0),
            state text NOT NULL CHECK (state IN ('active', 'paused', 'ended', 'cancelled')),
            next_no integer NOT NULL CHECK (next_no >= 0),
            tries smallint NOT NULL DEFAULT 0 CHECK (tries >= 0),
            due_at timestamptz,
            version integer NOT NULL CHECK (version > 0),
            step_up uuid,
            made_at timestamptz NOT NULL,
            CONSTRAINT standing_order_due CHECK ((due_at IS NOT NULL) = (state = 'active'))
        )
        """
    )
    op.execute("CREATE INDEX standing_order_holder ON app.standing_order (holder, id)")
    op.execute("CREATE INDEX standing_order_due ON app.standing_order (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("app.standing_order", "holder")
    running = "state, next_no, tries, due_at, version"
    ruled = "amount, frequency, every, first_on, days_off, until_on, payments_max, step_up"
    walls.grant("app.standing_order", api=f"SELECT, INSERT, UPDATE ({running}, {ruled})", report="SELECT")
    # Whoever pays has no right to change whom, how much or when.
    walls.grant("app.standing_order", posting=f"SELECT, UPDATE ({running})", worker="SELECT")


def _payments_of_orders() -> None:
    op.execute(
        """
        CREATE TABLE app.standing_payment (
            standing_order uuid NOT NULL REFERENCES app.standing_order,
            no integer NOT NULL CHECK (no >= 0),
            holder uuid NOT NULL,
            planned_on date NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('paid', 'skipped', 'failed')),
            reason text CHECK (reason ~ '^[a-z_]{1,60}$'),
            transfer uuid UNIQUE,
            at timestamptz NOT NULL,
            PRIMARY KEY (standing_order, no),
            CONSTRAINT standing_payment_paid CHECK ((transfer IS NOT NULL) = (outcome = 'paid')),
            CONSTRAINT standing_payment_failed CHECK ((reason IS NOT NULL) = (outcome = 'failed'))
        )
        """
    )
    walls.append_only("app.standing_payment")
    walls.own_rows("app.standing_payment", "holder")
    walls.grant("app.standing_payment", api="SELECT, INSERT", posting="SELECT, INSERT", report="SELECT")


def _lists() -> None:
    op.execute(
        """
        CREATE TABLE app.payment_list (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            account uuid NOT NULL,
            lane integer NOT NULL,
            items integer NOT NULL CHECK (items BETWEEN 1 AND 10000),
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            sealed bytea NOT NULL,
            state text NOT NULL CHECK (state IN ('draft', 'running', 'done', 'cancelled')),
            paid integer NOT NULL DEFAULT 0,
            paid_amount bigint NOT NULL DEFAULT 0,
            refused integer NOT NULL DEFAULT 0,
            step_up uuid,
            made_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            due_at timestamptz,
            done_at timestamptz,
            CONSTRAINT payment_list_counts CHECK (paid >= 0 AND refused >= 0 AND paid + refused <= items),
            CONSTRAINT payment_list_sum CHECK (paid_amount BETWEEN 0 AND amount),
            CONSTRAINT payment_list_due CHECK ((due_at IS NOT NULL) = (state = 'running')),
            CONSTRAINT payment_list_done CHECK ((done_at IS NOT NULL) = (state = 'done')),
            CONSTRAINT payment_list_all CHECK (state <> 'done' OR paid + refused = items)
        )
        """
    )
    op.execute("CREATE INDEX payment_list_holder ON app.payment_list (holder, id)")
    op.execute("CREATE INDEX payment_list_due ON app.payment_list (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("app.payment_list", "holder")
    walls.grant("app.payment_list", api="SELECT, INSERT, UPDATE (state, step_up, due_at)", worker="SELECT")
    counted = "state, paid, paid_amount, refused, due_at, done_at"
    walls.grant("app.payment_list", posting=f"SELECT, UPDATE ({counted})", report="SELECT")


def _items() -> None:
    op.execute(
        """
        CREATE TABLE app.payment_item (
            list uuid NOT NULL REFERENCES app.payment_list,
            no integer NOT NULL CHECK (no BETWEEN 0 AND 9999),
            holder uuid NOT NULL,
            payee uuid NOT NULL,
            lane integer NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            transfer uuid UNIQUE,
            refused text CHECK (refused ~ '^[a-z_]{1,60}$'),
            PRIMARY KEY (list, no),
            CONSTRAINT payment_item_answered CHECK (num_nonnulls(transfer, refused) <= 1)
        )
        """
    )
    op.execute(
        "CREATE INDEX payment_item_waiting ON app.payment_item (list, no) WHERE transfer IS NULL AND refused IS NULL"
    )
    walls.own_rows("app.payment_item", "holder")
    walls.grant("app.payment_item", api="SELECT, INSERT", posting="SELECT, UPDATE (transfer, refused)", worker="SELECT")


def _find() -> None:
    # Whom money would go to. Who is not to be found looks like who does not exist: there is no row.
    op.execute(
        """
        CREATE FUNCTION app.find_payee(blinds bytea[], accounts uuid[], ibans text[])
        RETURNS TABLE (blind bytea, iban text, account uuid, lane integer, holder uuid, kek_version integer,
                       wrapped bytea, sealed bytea)
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            WITH asked AS (
                SELECT contact.subject AS holder, contact.blind, NULL::text AS iban, NULL::uuid AS account
                FROM app.contact WHERE contact.blind = ANY (blinds) AND verified_at IS NOT NULL AND findable
                UNION ALL
                SELECT address.holder, NULL, address.iban, address.account
                FROM wallet.address WHERE address.iban = ANY (ibans)
                UNION ALL
                SELECT account.holder, NULL, NULL, account.id
                FROM wallet.lane JOIN wallet.account ON account.lane = lane.lane AND account.id = ANY (accounts)
                WHERE account.holder IS NOT NULL
            )
            SELECT asked.blind, asked.iban, account.id, account.lane, asked.holder, payee.kek_version, payee.wrapped,
                   payee.sealed
            FROM asked
            JOIN wallet.account ON account.holder = asked.holder AND account.purpose = 'wallet'
                AND account.closed_at IS NULL AND account.id = coalesce(asked.account, account.id)
            LEFT JOIN app.payee ON payee.holder = asked.holder AND (asked.blind IS NOT NULL OR payee.by_account)
            WHERE EXISTS (
                SELECT FROM residency.status
                WHERE resident = asked.holder AND kind = 'e_resident' AND state = 'active'
            )
        $$
        """
    )
    # A request that is asked of nobody by name is shown to whoever scanned its id.
    op.execute(
        """
        CREATE FUNCTION app.asked_of_anybody(asked uuid) RETURNS SETOF app.money_request
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            SELECT * FROM app.money_request WHERE id = asked AND payer IS NULL
        $$
        """
    )
    for function in ("app.find_payee", "app.asked_of_anybody"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {walls.API}")


def _of_two(table: str, one: str, other: str) -> None:
    """Let a row be seen by two people, of whom the first writes it."""
    walls.own_rows(table, one)
    op.execute(
        f"""
        CREATE POLICY others_rows ON {table} FOR SELECT TO {walls.API}
        USING ({other} = NULLIF(current_setting('app.holder', true), '')::uuid)
        """
    )


def _erase_also(was: str, becomes: str) -> None:
    """Write the one function that erases a person anew, with what else goes before the key does."""
    was, becomes = (text.replace("'", "''") for text in (was, becomes))
    op.execute(
        f"""
        DO $$ BEGIN
            EXECUTE replace(pg_get_functiondef('app.erase(uuid)'::regprocedure), '{was}', '{becomes}');
        END $$
        """
    )
