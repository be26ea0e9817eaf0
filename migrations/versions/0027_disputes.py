"""Disputes with their hops, evidence and errands; what card networks settle, how it compares with us, the breaks."""

import sqlalchemy as sa
from alembic import op

from migrations import settlement, walls

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# purpose, side, owner, floor, currency, label, about: mirrored by wallet/chart.py.
_CHART = (
    ("card_settlement", "either", "operator", None, None, "network", "mirror of the account a card network settles by"),
    ("scheme_fees", "debit", "operator", None, None, "network", "paid to a card network for its services"),
    ("dispute_loss", "debit", "operator", None, None, None, "disputes the operator lost and bears itself"),
    ("fraud_loss", "debit", "operator", None, None, None, "fraud the operator bears itself"),
)
_TABLES = ("dispute", "dispute_evidence", "dispute_hop", "dispute_errand", "dispute_write_off", *settlement.TABLES)
_MONEY = (
    "credited_minor, recovered_minor, lost_minor, parked_minor, owed_minor, take_back_minor, take_back_at, reversible,"
    " reversible_until, credit_due_at"
)
_OFFICER = "'^officer:[0-9a-f-]{36}$'"
_NAME = r"'^[!-~]{1,64}$'"


def upgrade() -> None:
    """Build it."""
    _chart()
    for build in (_disputes, _guard, _evidence, _hops, _errands, _write_offs, settlement.build):
        build()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP INDEX cards.element_settles")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE cards.{table}")
    op.execute("DROP FUNCTION cards.refuse_alone()")
    op.execute("DROP FUNCTION cards.refuse_overdispute()")
    op.execute("DROP FUNCTION cards.disputable(integer, uuid)")
    op.execute(f"DELETE FROM wallet.chart WHERE purpose IN ({', '.join(repr(line[0]) for line in _CHART)})")


def _chart() -> None:
    names = ("purpose", "side", "owner", "floor", "currency", "label", "about")
    lines = sa.table("chart", *(sa.column(name) for name in names), schema="wallet")
    op.bulk_insert(lines, [dict(zip(names, line, strict=True)) for line in _CHART])


def _disputes() -> None:
    # `words` is what the person says, sealed. Of the money: credited to the person and not taken back, recovered from
    # the network and not lost again, lost for good; the rest of what was credited is in the dispute receivable.
    op.execute(
        """
        CREATE TABLE cards.dispute (
            id uuid PRIMARY KEY,
            lane integer NOT NULL,
            holder uuid NOT NULL,
            card uuid NOT NULL,
            payment uuid NOT NULL,
            account uuid NOT NULL,
            network text NOT NULL,
            reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            since_on date NOT NULL,
            words bytea,
            state text NOT NULL CHECK (state IN (
                'draft', 'evidence_needed', 'submitted', 'chargeback', 'representment', 'pre_arbitration',
                'arbitration', 'won', 'lost', 'withdrawn', 'expired', 'rejected')),
            turn text NOT NULL CHECK (turn IN ('person', 'house', 'network', 'nobody')),
            version integer NOT NULL CHECK (version > 0),
            opened_at timestamptz NOT NULL,
            submitted_at timestamptz,
            due_at timestamptz,
            remind_at timestamptz,
            credited_minor bigint NOT NULL DEFAULT 0 CHECK (credited_minor >= 0),
            recovered_minor bigint NOT NULL DEFAULT 0 CHECK (recovered_minor >= 0),
            lost_minor bigint NOT NULL DEFAULT 0 CHECK (lost_minor >= 0),
            parked_minor bigint NOT NULL DEFAULT 0 CHECK (parked_minor BETWEEN 0 AND credited_minor),
            owed_minor bigint NOT NULL DEFAULT 0 CHECK (owed_minor >= 0),
            take_back_minor bigint NOT NULL DEFAULT 0 CHECK (take_back_minor BETWEEN 0 AND credited_minor),
            take_back_at timestamptz,
            reversible boolean NOT NULL DEFAULT true,
            reversible_until timestamptz,
            credit_due_at timestamptz,
            ended_at timestamptz,
            closed_at timestamptz,
            FOREIGN KEY (lane, payment) REFERENCES cards.payment,
            CONSTRAINT dispute_asked_for CHECK (amount_minor > 0 OR ended_at IS NOT NULL),
            CONSTRAINT dispute_receivable CHECK (recovered_minor + lost_minor <= credited_minor),
            CONSTRAINT dispute_taken_back CHECK ((take_back_minor > 0) = (take_back_at IS NOT NULL)),
            CONSTRAINT dispute_ended CHECK ((ended_at IS NOT NULL) = (turn = 'nobody')),
            CONSTRAINT dispute_over CHECK (
                (ended_at IS NOT NULL)
                = (state IN ('won', 'lost', 'withdrawn', 'expired', 'rejected'))),
            CONSTRAINT dispute_waits CHECK (ended_at IS NULL OR num_nonnulls(due_at, remind_at, credit_due_at) = 0),
            CONSTRAINT dispute_closed CHECK (closed_at IS NULL OR (
                ended_at IS NOT NULL AND take_back_at IS NULL AND credited_minor = recovered_minor + lost_minor))
        )
        """
    )
    op.execute("CREATE INDEX dispute_holder ON cards.dispute (holder, id)")
    op.execute("CREATE INDEX dispute_payment ON cards.dispute (lane, payment)")
    op.execute("CREATE INDEX dispute_queue ON cards.dispute (due_at, id) WHERE closed_at IS NULL")
    op.execute(
        "CREATE INDEX dispute_due ON cards.dispute (least(due_at, remind_at, credit_due_at, take_back_at), id)"
        " WHERE closed_at IS NULL"
    )
    walls.own_rows("cards.dispute", "holder")
    running = f"amount_minor, state, turn, version, submitted_at, due_at, remind_at, {_MONEY}, ended_at, closed_at"
    walls.grant("cards.dispute", api="SELECT, INSERT", posting=f"SELECT, UPDATE ({running})")
    walls.grant("cards.dispute", worker="SELECT", report="SELECT")


def _guard() -> None:
    """Let nobody dispute more than the network has: what was taken, less what of it was given up, less refunds.

    A dispute that ended without a word of the network counts with what the person still has of it.
    """
    op.execute(
        """
        CREATE FUNCTION cards.disputable(lane_ integer, payment_ uuid) RETURNS bigint
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            WITH sums AS (
                SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing'), 0) AS captured,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0) AS refunded,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal'), 0) AS reversed,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing' AND single), 0) AS single,
                       coalesce(max(amount_minor) FILTER (WHERE kind = 'confirmation'),
                                sum(amount_minor) FILTER (WHERE kind IN ('authorization', 'increment')), 0) AS promise
                FROM cards.element WHERE lane = lane_ AND payment = payment_
            ), elsewhere AS (
                SELECT coalesce(sum(amount_minor), 0) AS refunded
                FROM cards.link JOIN cards.element ON element.lane = link.lane AND element.payment = link.payment
                WHERE link.lane = lane_ AND link.about = payment_ AND link.confidence <> 'likely'
                  AND element.kind = 'refund'
            )
            SELECT (captured - sums.refunded - elsewhere.refunded
                    - least(greatest(reversed - greatest(promise - captured, 0), 0), single))::bigint
            FROM sums, elsewhere
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.disputable FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION cards.disputable TO {walls.POSTING}, {walls.WORKER}")
    op.execute(
        """
        CREATE FUNCTION cards.refuse_overdispute() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            others bigint;
        BEGIN
            -- Two that come at once wait for each other; each statement here sees what was committed before it began.
            PERFORM pg_advisory_xact_lock(hashtextextended('cards.dispute:' || NEW.payment, 0));
            SELECT coalesce(sum(CASE WHEN state IN ('withdrawn', 'expired', 'rejected') THEN credited_minor
                                     ELSE amount_minor END), 0) INTO others
            FROM cards.dispute WHERE lane = NEW.lane AND payment = NEW.payment AND id <> NEW.id;
            IF others + NEW.amount_minor > cards.disputable(NEW.lane, NEW.payment) THEN
                RAISE EXCEPTION 'more is disputed than was captured and not refunded'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_within_captured';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.refuse_overdispute FROM PUBLIC")
    # The network may refund what is disputed already: then the amount sinks (cards/disputes/acting.py), never grows.
    op.execute(
        "CREATE TRIGGER within_captured BEFORE INSERT ON cards.dispute FOR EACH ROW"
        " EXECUTE FUNCTION cards.refuse_overdispute()"
    )
    op.execute(
        "CREATE TRIGGER grows BEFORE UPDATE ON cards.dispute FOR EACH ROW WHEN (NEW.amount_minor > OLD.amount_minor"
        " OR OLD.ended_at IS NOT NULL AND NEW.state <> OLD.state) EXECUTE FUNCTION app.refuse_change()"
    )


def _evidence() -> None:
    # `content` is the file, sealed under the holder's key; `media` is what its bytes say it is.
    op.execute(
        """
        CREATE TABLE cards.dispute_evidence (
            id uuid PRIMARY KEY,
            dispute uuid NOT NULL REFERENCES cards.dispute,
            holder uuid NOT NULL,
            kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
            media text NOT NULL CHECK (media IN ('image/jpeg', 'image/png', 'application/pdf')),
            size integer NOT NULL CHECK (size > 0),
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            content bytea NOT NULL,
            given_by text NOT NULL CHECK (given_by ~ '^(resident|officer|network):[!-~]{1,64}$'),
            at timestamptz NOT NULL,
            UNIQUE (dispute, sha256)
        )
        """
    )
    walls.append_only("cards.dispute_evidence")
    walls.own_rows("cards.dispute_evidence", "holder")
    walls.grant("cards.dispute_evidence", api="SELECT, INSERT", posting="SELECT (id, dispute, holder, kind)")
    walls.grant("cards.dispute_evidence", worker="SELECT", report="SELECT")


def _hops() -> None:
    op.execute(
        f"""
        CREATE TABLE cards.dispute_hop (
            dispute uuid NOT NULL REFERENCES cards.dispute,
            number integer NOT NULL CHECK (number > 0),
            holder uuid NOT NULL,
            act text NOT NULL CHECK (act ~ '^[a-z_]{{1,40}}$'),
            state text NOT NULL CHECK (state ~ '^[a-z_]{{1,40}}$'),
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            evidence uuid[] NOT NULL,
            source text CHECK (source ~ {_NAME}),
            why text CHECK (why ~ '^[a-z0-9_]{{1,64}}$'),
            actor text NOT NULL CHECK (actor ~ '^(resident|officer|network|system)(:[!-~]{{1,64}})?$'),
            at timestamptz NOT NULL,
            due_at timestamptz,
            PRIMARY KEY (dispute, number),
            UNIQUE (dispute, source)
        )
        """
    )
    walls.append_only("cards.dispute_hop")
    walls.own_rows("cards.dispute_hop", "holder")
    walls.grant("cards.dispute_hop", api="SELECT", posting="SELECT, INSERT", worker="SELECT", report="SELECT")


def _errands() -> None:
    # What the network is to be told about a hop, until it has heard.
    op.execute(
        """
        CREATE TABLE cards.dispute_errand (
            dispute uuid NOT NULL REFERENCES cards.dispute,
            number integer NOT NULL CHECK (number > 0),
            kind text NOT NULL CHECK (kind IN ('file', 'withdraw', 'escalate', 'arbitrate', 'give_up')),
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            due_at timestamptz,
            leased_until timestamptz,
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            trouble text,
            done_at timestamptz,
            PRIMARY KEY (dispute, number),
            CHECK ((due_at IS NULL) = (done_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX dispute_errand_due ON cards.dispute_errand (due_at) WHERE due_at IS NOT NULL")
    running = "due_at, leased_until, attempts, trouble, done_at"
    walls.for_officers("cards.dispute_errand")
    walls.grant("cards.dispute_errand", api="SELECT")
    walls.grant("cards.dispute_errand", posting=f"SELECT, INSERT, UPDATE ({running})", report="SELECT")
    walls.grant("cards.dispute_errand", worker=f"SELECT, UPDATE ({running})")


def _write_offs() -> None:
    # `what` is the receivable from the network, or what the person owes since it was taken back and was not there.
    op.execute(
        f"""
        CREATE TABLE cards.dispute_write_off (
            id uuid PRIMARY KEY,
            dispute uuid NOT NULL REFERENCES cards.dispute,
            what text NOT NULL CHECK (what IN ('receivable', 'debt', 'payment')),
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            cause text NOT NULL CHECK (cause ~ '^[a-z_]{{1,40}}$'),
            proposed_by text NOT NULL CHECK (proposed_by ~ {_OFFICER}),
            proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by ~ {_OFFICER}),
            decided_at timestamptz,
            agreed boolean,
            CONSTRAINT dispute_write_off_four_eyes CHECK (
                decided_by <> proposed_by OR NOT agreed OR amount_minor <= 500000),
            CONSTRAINT dispute_write_off_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX dispute_write_off_open ON cards.dispute_write_off (dispute) WHERE decided_by IS NULL"
    )
    # What of a dispute was agreed on before counts as well, whatever it was for; who agrees at once waits in turn.
    op.execute(
        """
        CREATE FUNCTION cards.refuse_alone() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('cards.dispute_write_off:' || NEW.dispute, 0));
            IF NEW.amount_minor + (SELECT coalesce(sum(amount_minor), 0) FROM cards.dispute_write_off
                                   WHERE dispute = NEW.dispute AND id <> NEW.id AND agreed) > 500000 THEN
                RAISE EXCEPTION 'all of it together takes two officers'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_write_off_four_eyes';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.refuse_alone FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER four_eyes BEFORE UPDATE ON cards.dispute_write_off FOR EACH ROW"
        " WHEN (NEW.agreed AND NEW.decided_by = NEW.proposed_by) EXECUTE FUNCTION cards.refuse_alone()"
    )
    walls.decided_once("cards.dispute_write_off")
    walls.for_officers("cards.dispute_write_off")
    decided = "decided_by, decided_at, agreed"
    walls.grant("cards.dispute_write_off", api="SELECT, INSERT", posting=f"SELECT, UPDATE ({decided})", report="SELECT")
