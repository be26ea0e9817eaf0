"""Cards: the card and its changes, payments and their elements, what lapses when, and the vault of the numbers."""

from alembic import op

from migrations import walls

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_VAULT = "eresidency_card_vault"


def upgrade() -> None:
    """Build the schemas `cards` and `card_vault`."""
    walls.schema("cards")
    _cards()
    _payments()
    walls.journal("cards")
    _vault()


def downgrade() -> None:
    """Drop both schemas; the vault's role belongs to the server and stays."""
    op.execute("DROP SCHEMA card_vault CASCADE")
    op.execute("DROP SCHEMA cards CASCADE")


def _cards() -> None:
    op.execute(
        """
        CREATE TABLE cards.circulation (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            alive integer NOT NULL DEFAULT 0 CHECK (alive >= 0)
        )
        """
    )
    op.execute("INSERT INTO cards.circulation DEFAULT VALUES")
    walls.grant("cards.circulation", api="SELECT, UPDATE", report="SELECT")
    op.execute(
        """
        CREATE TABLE cards.card (
            id uuid PRIMARY KEY,
            lane integer NOT NULL,
            holder uuid NOT NULL,
            account uuid NOT NULL,
            form text NOT NULL CHECK (form IN ('virtual')),
            last4 text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            expires_on date NOT NULL,
            issuance_basis text NOT NULL,
            notice_version text NOT NULL,
            notice_language text NOT NULL CHECK (notice_language IN ('en', 'ru', 'kk')),
            ordered_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX card_holder ON cards.card (holder, id)")
    op.execute(
        """
        CREATE TABLE cards.change (
            card uuid NOT NULL REFERENCES cards.card,
            version integer NOT NULL CHECK (version > 0),
            holder uuid NOT NULL,
            state text NOT NULL CHECK (state IN ('ordered', 'active', 'frozen', 'closed')),
            per_payment_max_minor bigint CHECK (per_payment_max_minor > 0),
            per_day_max_minor bigint CHECK (per_day_max_minor > 0),
            actor text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (card, version)
        )
        """
    )
    for table in ("cards.card", "cards.change"):
        walls.append_only(table)
        walls.own_rows(table, "holder")
        walls.grant(table, api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _payments() -> None:
    op.execute(
        """
        CREATE TABLE cards.payment (
            lane integer NOT NULL,
            id uuid NOT NULL,
            network text NOT NULL,
            lifecycle text NOT NULL,
            card uuid,
            holder uuid,
            account uuid,
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            merchant_name text NOT NULL,
            merchant_id text NOT NULL,
            merchant_category text NOT NULL CHECK (merchant_category ~ '^[0-9]{4}$'),
            merchant_country text NOT NULL CHECK (merchant_country ~ '^[A-Z]{2}$'),
            opened_at timestamptz NOT NULL,
            PRIMARY KEY (lane, id),
            UNIQUE NULLS NOT DISTINCT (lane, network, lifecycle, card),
            CHECK (num_nulls(card, holder, account) IN (0, 3))
        )
        """
    )
    op.execute("CREATE INDEX payment_card ON cards.payment (card, opened_at, id) WHERE card IS NOT NULL")
    op.execute(
        """
        CREATE TABLE cards.element (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            holder uuid,
            kind text NOT NULL CHECK (kind IN ('authorization', 'decline', 'reversal', 'clearing', 'expiry')),
            source text,
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            short_minor bigint NOT NULL DEFAULT 0 CHECK (short_minor BETWEEN 0 AND amount_minor),
            final boolean NOT NULL DEFAULT false,
            reasons text[] NOT NULL DEFAULT '{}',
            at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment, number),
            UNIQUE (lane, payment, source),
            FOREIGN KEY (lane, payment) REFERENCES cards.payment,
            CHECK ((kind = 'expiry') = (source IS NULL)),
            CHECK ((kind = 'decline') = (cardinality(reasons) > 0)),
            CHECK (kind = 'clearing' OR (short_minor = 0 AND NOT final))
        )
        """
    )
    for table in ("cards.payment", "cards.element"):
        walls.append_only(table)
        walls.own_rows(table, "holder")
        walls.grant(table, api="SELECT", posting="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE cards.promise (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            hold uuid,
            due_at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment),
            FOREIGN KEY (lane, payment) REFERENCES cards.payment
        )
        """
    )
    op.execute("CREATE INDEX promise_due ON cards.promise (due_at)")
    walls.grant("cards.promise", posting="SELECT, INSERT, UPDATE, DELETE", worker="SELECT", report="SELECT")


def _vault() -> None:
    """Numbers belong to a role nobody logs in as; the house reaches them only through three functions of that role."""
    op.execute(
        f"""
        DO $$ BEGIN
            CREATE ROLE {_VAULT} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
    op.execute(f"GRANT {_VAULT} TO CURRENT_USER")
    op.execute(f"CREATE SCHEMA card_vault AUTHORIZATION {_VAULT}")
    op.execute(f"GRANT USAGE ON SCHEMA card_vault TO {walls.API}, {walls.POSTING}")
    op.execute(
        """
        CREATE TABLE card_vault.pan (
            card uuid PRIMARY KEY,
            holder uuid NOT NULL,
            blind bytea NOT NULL UNIQUE CHECK (length(blind) = 32),
            key_version integer NOT NULL,
            wrapped_key bytea NOT NULL,
            sealed bytea NOT NULL
        )
        """
    )
    op.execute(f"ALTER TABLE card_vault.pan OWNER TO {_VAULT}")
    # One number once: false when another card has it, and the caller draws again.
    op.execute(
        """
        CREATE FUNCTION card_vault.put(
            card uuid, holder uuid, blind bytea, key_version integer, wrapped_key bytea, sealed bytea
        ) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            WITH kept AS (
                INSERT INTO card_vault.pan (card, holder, blind, key_version, wrapped_key, sealed)
                VALUES (put.card, put.holder, put.blind, put.key_version, put.wrapped_key, put.sealed)
                ON CONFLICT (blind) DO NOTHING RETURNING 1
            ) SELECT EXISTS (SELECT FROM kept);
        END
        """
    )
    # Which card has this number; the number itself is never asked for and never answered.
    op.execute(
        """
        CREATE FUNCTION card_vault.find(blind bytea) RETURNS uuid LANGUAGE sql STABLE
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT pan.card FROM card_vault.pan WHERE pan.blind = find.blind;
        END
        """
    )
    # Only for the resident the transaction speaks for (app.holder, set by app/db.py): an officer gets nothing.
    op.execute(
        """
        CREATE FUNCTION card_vault.read(card uuid)
        RETURNS TABLE (key_version integer, wrapped_key bytea, sealed bytea) LANGUAGE sql STABLE
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT pan.key_version, pan.wrapped_key, pan.sealed FROM card_vault.pan
            WHERE pan.card = read.card AND pan.holder = NULLIF(current_setting('app.holder', true), '')::uuid;
        END
        """
    )
    for function, role in (
        ("put(uuid, uuid, bytea, integer, bytea, bytea)", walls.API),
        ("find(bytea)", walls.POSTING),
        ("read(uuid)", walls.API),
    ):
        op.execute(f"ALTER FUNCTION card_vault.{function} OWNER TO {_VAULT}")
        op.execute(f"REVOKE ALL ON FUNCTION card_vault.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION card_vault.{function} TO {role}")
