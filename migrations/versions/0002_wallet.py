"""The ledger: lanes, accounts, immutable transfers, holds, blocks, and the one function that writes them."""

from alembic import op

from migrations import walls

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the schema `wallet` with its first lane."""
    walls.schema("wallet")
    _lanes()
    _accounts()
    _transfers()
    _holds()
    _post()
    walls.journal("wallet")
    op.execute("INSERT INTO wallet.lane (lane) VALUES (1)")


def downgrade() -> None:
    """Drop the schema."""
    op.execute("DROP SCHEMA wallet CASCADE")


def _lanes() -> None:
    op.execute(
        """
        CREATE TABLE wallet.lane (
            lane integer PRIMARY KEY CHECK (lane > 0),
            seq bigint NOT NULL DEFAULT 0,
            block bigint NOT NULL DEFAULT 0,
            head bytea NOT NULL CHECK (length(head) = 32)
                DEFAULT '\\x354920f12c1f0783bfb37a9efbc20971febb1bcd675dc886156eccc4c1b8fce5',
            relayed bigint NOT NULL DEFAULT 0 CHECK (relayed <= seq)
        )
        """
    )
    op.execute(f"GRANT SELECT ON wallet.lane TO {walls.API}, {walls.WORKER}, {walls.REPORT}")
    # Locking a row needs UPDATE on a column of it; `relayed` is the relay's, the others only wallet.post() changes.
    op.execute(f"GRANT SELECT, UPDATE (relayed) ON wallet.lane TO {walls.POSTING}, {walls.WORKER}")
    op.execute(
        """
        CREATE TABLE wallet.holder (
            holder uuid PRIMARY KEY,
            lane integer NOT NULL REFERENCES wallet.lane,
            opened_at timestamptz NOT NULL
        )
        """
    )
    walls.append_only("wallet.holder")
    walls.own_rows("wallet.holder", "holder")
    walls.grant("wallet.holder", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _accounts() -> None:
    op.execute(
        """
        CREATE TABLE wallet.account (
            lane integer NOT NULL REFERENCES wallet.lane,
            id uuid NOT NULL,
            holder uuid,
            purpose text NOT NULL,
            label text NOT NULL DEFAULT '',
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            floor bigint,
            posted bigint NOT NULL DEFAULT 0,
            hold_out bigint NOT NULL DEFAULT 0 CHECK (hold_out >= 0),
            hold_in bigint NOT NULL DEFAULT 0 CHECK (hold_in >= 0),
            version bigint NOT NULL DEFAULT 0,
            opened_at timestamptz NOT NULL,
            closed_at timestamptz,
            PRIMARY KEY (lane, id),
            CONSTRAINT overdraft CHECK (floor IS NULL OR posted - hold_out >= floor),
            CONSTRAINT residents_have_a_floor CHECK (holder IS NULL OR (floor IS NOT NULL AND floor >= 0)),
            UNIQUE NULLS NOT DISTINCT (lane, holder, purpose, label, currency)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01)
        """
    )
    op.execute("CREATE INDEX account_holder ON wallet.account (holder) WHERE holder IS NOT NULL")
    walls.own_rows("wallet.account", "holder")
    opening = "lane, id, holder, purpose, label, currency, floor, opened_at"
    walls.grant("wallet.account", api=f"SELECT, INSERT ({opening})", worker=f"SELECT, INSERT ({opening})")
    walls.grant("wallet.account", posting=f"SELECT, INSERT ({opening})", report="SELECT")


def _transfers() -> None:
    op.execute(
        """
        CREATE TABLE wallet.transfer (
            lane integer NOT NULL REFERENCES wallet.lane,
            seq bigint NOT NULL,
            id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('post', 'hold', 'capture', 'void', 'expire', 'reversal')),
            debit uuid NOT NULL,
            credit uuid NOT NULL CHECK (credit <> debit),
            amount bigint NOT NULL CHECK (amount > 0),
            held bigint NOT NULL,
            currency text NOT NULL,
            of uuid,
            linked uuid,
            debit_version bigint NOT NULL,
            credit_version bigint NOT NULL,
            debit_posted bigint NOT NULL,
            credit_posted bigint NOT NULL,
            debit_hold_out bigint NOT NULL,
            credit_hold_in bigint NOT NULL,
            at timestamptz NOT NULL,
            effective timestamptz NOT NULL,
            code text NOT NULL,
            reference text NOT NULL,
            PRIMARY KEY (lane, seq),
            UNIQUE (lane, id),
            CHECK ((kind IN ('post', 'hold')) = (of IS NULL)),
            CHECK (CASE kind WHEN 'hold' THEN held = amount WHEN 'post' THEN held = 0 ELSE held <= 0 END)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX transfer_debit ON wallet.transfer (lane, debit, debit_version)")
    op.execute("CREATE UNIQUE INDEX transfer_credit ON wallet.transfer (lane, credit, credit_version)")
    walls.append_only("wallet.transfer")
    op.execute("ALTER TABLE wallet.transfer ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE wallet.transfer FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
        CREATE POLICY own_rows ON wallet.transfer FOR SELECT TO {walls.API} USING (
            EXISTS (SELECT 1 FROM wallet.account WHERE account.lane = transfer.lane
                    AND account.id IN (transfer.debit, transfer.credit))
        )
        """
    )
    many = f"{walls.POSTING}, {walls.WORKER}, {walls.REPORT}, CURRENT_USER"
    op.execute(f"CREATE POLICY many_holders ON wallet.transfer TO {many} USING (true)")
    walls.grant("wallet.transfer", api="SELECT", posting="SELECT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE wallet.block (
            lane integer NOT NULL REFERENCES wallet.lane,
            no bigint NOT NULL,
            first_seq bigint NOT NULL,
            last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
            root bytea NOT NULL CHECK (length(root) = 32),
            prev bytea NOT NULL CHECK (length(prev) = 32),
            hash bytea NOT NULL CHECK (length(hash) = 32),
            at timestamptz NOT NULL,
            PRIMARY KEY (lane, no),
            UNIQUE (lane, first_seq)
        )
        """
    )
    walls.append_only("wallet.block")
    walls.grant("wallet.block", api="SELECT", posting="SELECT", worker="SELECT", report="SELECT")


def _holds() -> None:
    op.execute(
        """
        CREATE TABLE wallet.hold (
            lane integer NOT NULL REFERENCES wallet.lane,
            id uuid NOT NULL,
            debit uuid NOT NULL,
            credit uuid NOT NULL,
            currency text NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            remaining bigint NOT NULL CHECK (remaining BETWEEN 0 AND amount),
            expires_at timestamptz,
            PRIMARY KEY (lane, id)
        ) WITH (fillfactor = 70)
        """
    )
    op.execute("CREATE INDEX hold_due ON wallet.hold (expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL")
    op.execute("CREATE INDEX hold_debit ON wallet.hold (lane, debit) WHERE remaining > 0")
    op.execute("ALTER TABLE wallet.hold ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE wallet.hold FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
        CREATE POLICY own_rows ON wallet.hold FOR SELECT TO {walls.API} USING (
            EXISTS (SELECT 1 FROM wallet.account WHERE account.lane = hold.lane AND account.id = hold.debit)
        )
        """
    )
    many = f"{walls.POSTING}, {walls.WORKER}, {walls.REPORT}, CURRENT_USER"
    op.execute(f"CREATE POLICY many_holders ON wallet.hold TO {many} USING (true)")
    walls.grant("wallet.hold", api="SELECT", posting="SELECT", worker="SELECT", report="SELECT")


def _post() -> None:
    """Create the only writer of balances.

    It re-derives what each account and hold changes by from the transfers it stores, and refuses the batch where that
    differs from what the caller decided on: code that is wrong can stop a batch, never make money.
    """
    op.execute(
        """
        CREATE FUNCTION wallet.post(
            lanes integer[], lane_seqs bigint[], lane_counts bigint[], roots bytea[], hashes bytea[],
            t_lane integer[], t_seq bigint[], t_id uuid[], t_kind text[], t_debit uuid[], t_credit uuid[],
            t_amount bigint[], t_held bigint[], t_currency text[], t_of uuid[], t_linked uuid[],
            t_debit_version bigint[], t_credit_version bigint[], t_debit_posted bigint[], t_credit_posted bigint[],
            t_debit_hold_out bigint[], t_credit_hold_in bigint[], t_at timestamptz, t_effective timestamptz[],
            t_code text[], t_reference text[], t_expires timestamptz[],
            a_lane integer[], a_id uuid[], a_version bigint[], a_posted bigint[], a_hold_out bigint[],
            a_hold_in bigint[]
        ) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            found_rows bigint;
            wanted_rows bigint;
        BEGIN
            INSERT INTO wallet.block (lane, no, first_seq, last_seq, root, prev, hash, at)
            SELECT lane.lane, lane.block + 1, lane.seq + 1, lane.seq + moved.count, moved.root, lane.head, moved.hash,
                   t_at
            FROM unnest(lanes, lane_counts, roots, hashes) AS moved (lane, count, root, hash)
            JOIN wallet.lane ON lane.lane = moved.lane;

            UPDATE wallet.lane SET seq = lane.seq + moved.count, block = lane.block + 1, head = moved.hash
            FROM unnest(lanes, lane_seqs, lane_counts, hashes) AS moved (lane, seq, count, hash)
            WHERE lane.lane = moved.lane AND lane.seq = moved.seq;
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            IF found_rows <> cardinality(lanes) THEN
                RAISE EXCEPTION 'the lane moved on' USING ERRCODE = 'serialization_failure';
            END IF;

            INSERT INTO wallet.transfer
            SELECT lane, seq, id, kind, debit, credit, amount, held, currency, of, linked, debit_version,
                   credit_version, debit_posted, credit_posted, debit_hold_out, credit_hold_in, t_at, effective, code,
                   reference
            FROM unnest(t_lane, t_seq, t_id, t_kind, t_debit, t_credit, t_amount, t_held, t_currency, t_of, t_linked,
                        t_debit_version, t_credit_version, t_debit_posted, t_credit_posted, t_debit_hold_out,
                        t_credit_hold_in, t_effective, t_code, t_reference)
                 AS t (lane, seq, id, kind, debit, credit, amount, held, currency, of, linked, debit_version,
                       credit_version, debit_posted, credit_posted, debit_hold_out, credit_hold_in, effective, code,
                       reference);

            WITH change AS MATERIALIZED (
                SELECT lane, account, currency, sum(moved)::bigint AS moved, sum(out_)::bigint AS out_,
                       sum(in_)::bigint AS in_, count(*) AS legs
                FROM unnest(t_lane, t_debit, t_credit, t_kind, t_amount, t_held, t_currency)
                     AS t (lane, debit, credit, kind, amount, held, currency)
                CROSS JOIN LATERAL (VALUES
                    (t.debit, CASE WHEN t.kind IN ('post', 'capture', 'reversal') THEN -t.amount ELSE 0 END, t.held, 0),
                    (t.credit, CASE WHEN t.kind IN ('post', 'capture', 'reversal') THEN t.amount ELSE 0 END, 0, t.held)
                ) AS leg (account, moved, out_, in_)
                GROUP BY lane, account, currency
            )
            UPDATE wallet.account SET
                posted = account.posted + change.moved,
                hold_out = account.hold_out + change.out_,
                hold_in = account.hold_in + change.in_,
                version = account.version + change.legs
            FROM change
            JOIN unnest(a_lane, a_id, a_version, a_posted, a_hold_out, a_hold_in)
                 AS decided (lane, id, version, posted, hold_out, hold_in)
                 ON decided.lane = change.lane AND decided.id = change.account
            WHERE account.lane = change.lane AND account.id = change.account
              AND account.currency = change.currency AND account.closed_at IS NULL
              AND account.version = decided.version
              AND account.posted + change.moved = decided.posted
              AND account.hold_out + change.out_ = decided.hold_out
              AND account.hold_in + change.in_ = decided.hold_in;
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            SELECT count(DISTINCT account) INTO wanted_rows FROM unnest(t_debit || t_credit) AS account;
            IF found_rows <> wanted_rows OR found_rows <> cardinality(a_id) THEN
                RAISE EXCEPTION 'balances differ from their legs: % of % accounts agree', found_rows, wanted_rows
                    USING ERRCODE = 'data_corrupted';
            END IF;

            INSERT INTO wallet.hold (lane, id, debit, credit, currency, amount, remaining, expires_at)
            SELECT lane, id, debit, credit, currency, amount, amount, expires
            FROM unnest(t_lane, t_id, t_kind, t_debit, t_credit, t_currency, t_amount, t_expires)
                 AS t (lane, id, kind, debit, credit, currency, amount, expires)
            WHERE kind = 'hold';

            UPDATE wallet.hold SET remaining = hold.remaining + released.held
            FROM (
                SELECT lane, of, debit, credit, sum(held)::bigint AS held
                FROM unnest(t_lane, t_of, t_debit, t_credit, t_held, t_kind) AS t (lane, of, debit, credit, held, kind)
                WHERE kind IN ('capture', 'void', 'expire') GROUP BY lane, of, debit, credit
            ) AS released
            WHERE hold.lane = released.lane AND hold.id = released.of
              AND hold.debit = released.debit AND hold.credit = released.credit;
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            SELECT count(DISTINCT of) INTO wanted_rows FROM unnest(t_of, t_kind) AS t (of, kind)
            WHERE kind IN ('capture', 'void', 'expire');
            IF found_rows <> wanted_rows THEN
                RAISE EXCEPTION 'a hold differs from what is released' USING ERRCODE = 'data_corrupted';
            END IF;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION wallet.post FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION wallet.post TO {walls.POSTING}")
