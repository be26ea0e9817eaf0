"""Partners: who they are and their keys, the inbox of what they send, their payments, and what they are sent."""

from alembic import op

from migrations import walls

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of partners to the schema `app`."""
    _partner()
    _inbox()
    _payment()
    _delivery()


def downgrade() -> None:
    """Drop them, the newest first."""
    op.execute("DROP POLICY fanned_out ON app.feed")
    for table in ("delivery", "subscription", "partner_payment", "inbox_conflict", "inbox", "partner_key", "partner"):
        op.execute(f"DROP TABLE app.{table}")


def _partner() -> None:
    op.execute(
        """
        CREATE TABLE app.partner (
            id uuid PRIMARY KEY,
            code text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9-]{1,30}$'),
            name text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('bank', 'broker', 'network', 'agency')),
            state text NOT NULL CHECK (state IN ('active', 'suspended', 'closed')),
            base_url text,
            kek_version integer NOT NULL,
            data_key bytea NOT NULL,
            enrolled_at timestamptz NOT NULL
        )
        """
    )
    walls.grant("app.partner", api="SELECT", worker="SELECT, INSERT, UPDATE (name, state, base_url)", report="SELECT")
    # A public key stands open, a shared secret is wrapped by the KMS. A key is retired by its end, never deleted.
    op.execute(
        """
        CREATE TABLE app.partner_key (
            partner uuid NOT NULL REFERENCES app.partner,
            kid text NOT NULL CHECK (length(kid) BETWEEN 1 AND 64),
            scheme text NOT NULL CHECK (scheme IN ('v1', 'v1a')),
            public_key bytea CHECK (length(public_key) = 32),
            kek_version integer,
            secret bytea,
            valid_from timestamptz NOT NULL,
            valid_to timestamptz CHECK (valid_to >= valid_from),
            PRIMARY KEY (partner, kid),
            CHECK ((scheme = 'v1a') = (public_key IS NOT NULL)),
            CHECK ((scheme = 'v1') = (secret IS NOT NULL AND kek_version IS NOT NULL))
        )
        """
    )
    walls.grant("app.partner_key", api="SELECT", worker="SELECT, INSERT, UPDATE (valid_to)")


def _inbox() -> None:
    op.execute(
        """
        CREATE TABLE app.inbox (
            id uuid PRIMARY KEY,
            partner uuid NOT NULL REFERENCES app.partner,
            webhook_id text NOT NULL,
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            body bytea NOT NULL,
            sent_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'parked')),
            kind text,
            due_at timestamptz,
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            leased_until timestamptz,
            outcome text,
            settled_at timestamptz,
            UNIQUE (partner, webhook_id),
            CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
            CHECK ((state = 'waiting') = (settled_at IS NULL)),
            CHECK (state = 'waiting' OR outcome IS NOT NULL)
        )
        """
    )
    op.execute("CREATE INDEX inbox_due ON app.inbox (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX inbox_parked ON app.inbox (partner, id) WHERE state = 'parked'")
    running = "state, kind, due_at, attempts, leased_until, outcome, settled_at"
    walls.grant("app.inbox", api="SELECT, INSERT", worker=f"SELECT, UPDATE ({running})", report="SELECT")
    op.execute(
        """
        CREATE TABLE app.inbox_conflict (
            partner uuid NOT NULL REFERENCES app.partner,
            webhook_id text NOT NULL,
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            received_at timestamptz NOT NULL,
            PRIMARY KEY (partner, webhook_id, sha256)
        )
        """
    )
    walls.append_only("app.inbox_conflict")
    walls.grant("app.inbox_conflict", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _payment() -> None:
    op.execute(
        """
        CREATE TABLE app.partner_payment (
            partner uuid NOT NULL REFERENCES app.partner,
            payment_id text NOT NULL,
            message uuid NOT NULL REFERENCES app.inbox,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            holder uuid,
            transfer uuid NOT NULL UNIQUE,
            suspended_for text,
            at timestamptz NOT NULL,
            PRIMARY KEY (partner, payment_id),
            CHECK ((holder IS NULL) = (suspended_for IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX partner_payment_suspended ON app.partner_payment (at) WHERE suspended_for IS NOT NULL")
    walls.append_only("app.partner_payment")
    walls.own_rows("app.partner_payment", "holder")
    walls.grant("app.partner_payment", api="SELECT", posting="SELECT, INSERT", worker="SELECT", report="SELECT")


def _delivery() -> None:
    op.execute(
        """
        CREATE TABLE app.subscription (
            id uuid PRIMARY KEY,
            partner uuid NOT NULL REFERENCES app.partner,
            url text NOT NULL,
            kinds text[] NOT NULL CHECK (cardinality(kinds) > 0),
            sees text NOT NULL CHECK (sees IN ('own', 'all')),
            sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
            active boolean NOT NULL DEFAULT true,
            trouble text,
            version integer NOT NULL DEFAULT 1 CHECK (version > 0),
            created_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX subscription_partner ON app.subscription (partner)")
    walls.grant(
        "app.subscription",
        api="SELECT, INSERT, UPDATE (url, kinds, active, trouble, version)",
        worker="SELECT, INSERT, UPDATE (sequence, active, trouble, version)",
        report="SELECT",
    )
    op.execute(
        """
        CREATE TABLE app.delivery (
            subscription uuid NOT NULL REFERENCES app.subscription,
            sequence bigint NOT NULL CHECK (sequence > 0),
            id uuid NOT NULL DEFAULT uuidv7() UNIQUE,
            position bigint NOT NULL REFERENCES app.feed,
            aggregate uuid NOT NULL,
            state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            due_at timestamptz,
            leased_until timestamptz,
            trouble text,
            settled_at timestamptz,
            PRIMARY KEY (subscription, sequence),
            UNIQUE (subscription, position),
            CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
            CHECK ((state = 'waiting') = (settled_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX delivery_due ON app.delivery (subscription, due_at, sequence) WHERE due_at IS NOT NULL")
    # Serves "was this one fanned out to the partner?", which walls off the feed.
    op.execute("CREATE INDEX delivery_position ON app.delivery (position)")
    # Serves "is an earlier one of this aggregate still waiting?", which keeps the order.
    op.execute(
        "CREATE INDEX delivery_waiting ON app.delivery (subscription, aggregate, sequence) WHERE due_at IS NOT NULL"
    )
    running = "state, attempts, due_at, leased_until, trouble, settled_at"
    walls.grant("app.delivery", api="SELECT", worker=f"SELECT, INSERT, UPDATE ({running})", report="SELECT")
    # What a partner may pull is what was fanned out to it; the handler says for whom it reads, by app.partner.
    op.execute(
        f"""
        CREATE POLICY fanned_out ON app.feed FOR SELECT TO {walls.API} USING (
            current_setting('app.audience', true) = 'partner'
            AND EXISTS (
                SELECT 1 FROM app.delivery JOIN app.subscription ON subscription.id = delivery.subscription
                WHERE delivery.position = feed.position
                  AND subscription.partner = NULLIF(current_setting('app.partner', true), '')::uuid
            )
        )
        """
    )
