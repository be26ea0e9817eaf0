"""The second half of revision 0024: tokens of wallets, challenges of 3-D Secure, and shops where a card was proved."""

from alembic import op

from migrations import walls


def tokens() -> None:
    """Build the tokens of wallets."""
    op.execute(
        """
        CREATE TABLE cards.token (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            card uuid NOT NULL REFERENCES cards.card,
            network text NOT NULL,
            reference text NOT NULL CHECK (reference ~ '^[!-~]{1,64}$'),
            requestor text NOT NULL CHECK (requestor ~ '^[!-~]{1,64}$'),
            device text NOT NULL CHECK (device IN ('phone', 'watch', 'tablet', 'computer', 'shop')),
            last4 text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
            channels text[] NOT NULL CHECK (cardinality(channels) > 0),
            merchant text,
            state text NOT NULL CHECK (state IN ('requested', 'active', 'suspended', 'deleted')),
            paused_by text[] NOT NULL DEFAULT '{}' CHECK (paused_by <@ ARRAY['holder', 'network']),
            decision text NOT NULL CHECK (decision IN ('approve', 'otp', 'decline')),
            reasons text[] NOT NULL DEFAULT '{}',
            code_tries integer NOT NULL DEFAULT 0 CHECK (code_tries BETWEEN 0 AND 3),
            code_expires_at timestamptz,
            requested_at timestamptz NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            UNIQUE (network, reference),
            CHECK ((decision = 'otp') = (code_expires_at IS NOT NULL)),
            CHECK (decision <> 'decline' OR state = 'deleted'),
            CHECK ((state = 'suspended') = (cardinality(paused_by) > 0)),
            CHECK ((device = 'shop') = (merchant IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX token_card ON cards.token (card, requested_at)")
    op.execute("CREATE INDEX token_holder ON cards.token (holder, id)")
    walls.own_rows("cards.token", "holder")
    changes = "card, state, paused_by, code_tries, version"
    walls.grant(
        "cards.token",
        api=f"SELECT, INSERT, UPDATE ({changes})",
        posting="SELECT",
        worker=f"SELECT, UPDATE ({changes})",
        report="SELECT",
    )


def challenges() -> None:
    """Build the challenges of 3-D Secure."""
    op.execute(
        """
        CREATE TABLE cards.challenge (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            card uuid NOT NULL REFERENCES cards.card,
            network text NOT NULL,
            transaction text NOT NULL CHECK (transaction ~ '^[!-~]{1,64}$'),
            sequence bigint NOT NULL CHECK (sequence BETWEEN 0 AND 4294967295),
            merchant_name text NOT NULL,
            merchant_id text NOT NULL,
            merchant_country text NOT NULL CHECK (merchant_country ~ '^[A-Z]{2}$'),
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            asked_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > asked_at),
            answered_at timestamptz CHECK (answered_at BETWEEN asked_at AND expires_at),
            approved boolean,
            step_up uuid,
            used_at timestamptz,
            UNIQUE (network, transaction),
            UNIQUE (card, sequence),
            CHECK ((approved IS NULL) = (answered_at IS NULL)),
            CHECK (used_at IS NULL OR approved)
        )
        """
    )
    op.execute("CREATE INDEX challenge_holder ON cards.challenge (holder, id)")
    walls.own_rows("cards.challenge", "holder")
    walls.grant(
        "cards.challenge",
        api="SELECT, INSERT, UPDATE (answered_at, approved, step_up)",
        posting="SELECT, UPDATE (used_at)",
        report="SELECT",
    )


def shops() -> None:
    """Build the shops where a card was proved."""
    # Where a card was proved once without being there: such a shop may ask again with the number alone.
    op.execute(
        """
        CREATE TABLE cards.trusted_shop (
            card uuid NOT NULL REFERENCES cards.card,
            network text NOT NULL,
            merchant text NOT NULL,
            holder uuid NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (card, network, merchant)
        )
        """
    )
    walls.own_rows("cards.trusted_shop", "holder")
    walls.grant("cards.trusted_shop", api="SELECT", posting="SELECT, INSERT", report="SELECT")
