"""The ledger's faster path: how a batch loads and posts."""

import importlib

from alembic import op

from migrations import walls

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


# Only added to: vacuumed for the sake of index-only scans and of freezing, in small bites.
_HISTORY = ("wallet.transfer", "app.idempotency")
_BITES = {"autovacuum_vacuum_insert_scale_factor": "0.02", "autovacuum_analyze_scale_factor": "0.02"}

# The planner takes every array for ten elements, and small tables for quicker read whole: then a batch of hundreds is
# joined element by element, and the plan changes as the ledger grows. There is one right plan: each by its index.
_PLAN = """
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
"""


def upgrade() -> None:
    """Build it."""
    op.execute("DROP FUNCTION wallet.post")
    # A look-up for each transfer: post() stores none but between two accounts it found on its lane, which refer to it.
    op.execute("ALTER TABLE wallet.transfer DROP CONSTRAINT transfer_lane_fkey")
    for table in _HISTORY:
        op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = {value}' for name, value in _BITES.items())})")
    _load()
    _post()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION wallet.load")
    op.execute("DROP FUNCTION wallet.post")
    op.execute("ALTER TABLE wallet.transfer ADD FOREIGN KEY (lane) REFERENCES wallet.lane")
    for table in _HISTORY:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(_BITES)})")
    importlib.import_module("migrations.versions.0002_wallet")._post()  # noqa: SLF001  as it was


def _load() -> None:
    """Create what a batch reads accounts with, under the locks of their lanes."""
    op.execute(
        f"""
        CREATE FUNCTION wallet.load(lanes integer[], ids uuid[]) RETURNS TABLE (
            lane integer, id uuid, holder uuid, currency text, floor bigint, posted bigint, hold_out bigint,
            hold_in bigint, version bigint, closed_at timestamptz
        ) LANGUAGE plpgsql ROWS 100 {_PLAN} AS $$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY
            SELECT lane, id, holder, currency, floor, posted, hold_out, hold_in, version, closed_at
            FROM wallet.account WHERE lane = ANY(lanes) AND id = ANY(ids);
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION wallet.load FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION wallet.load TO {walls.POSTING}")


def _post() -> None:
    """Create the only writer of balances, as 0002 does, over accounts that transfers name by their place in `a_id`.

    It re-derives what each account and hold changes by from the transfers it stores, and refuses the batch where that
    differs from what the caller decided on: code that is wrong can stop a batch, never make money.
    """
    # Columns side by side in the select list are walked in step; in FROM each would be laid down first.
    op.execute(
        f"""
        CREATE FUNCTION wallet.post(
            lanes integer[], lane_seqs bigint[], lane_counts bigint[], roots bytea[], hashes bytea[],
            a_lane integer[], a_id uuid[], a_version bigint[], a_posted bigint[], a_hold_out bigint[],
            a_hold_in bigint[],
            t_at timestamptz, t_lane integer[], t_seq bigint[], t_id uuid[], t_kind text[], t_debit integer[],
            t_credit integer[], t_amount bigint[], t_held bigint[], t_currency text[], t_of uuid[], t_linked uuid[],
            t_debit_version bigint[], t_credit_version bigint[], t_debit_posted bigint[], t_credit_posted bigint[],
            t_debit_hold_out bigint[], t_credit_hold_in bigint[], t_effective timestamptz[],
            t_code text[], t_reference text[], t_expires timestamptz[]
        ) RETURNS void LANGUAGE plpgsql SECURITY DEFINER {_PLAN} AS $$
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
            SELECT unnest(t_lane), unnest(t_seq), unnest(t_id), unnest(t_kind), a_id[unnest(t_debit)],
                   a_id[unnest(t_credit)], unnest(t_amount), unnest(t_held), unnest(t_currency), unnest(t_of),
                   unnest(t_linked), unnest(t_debit_version), unnest(t_credit_version), unnest(t_debit_posted),
                   unnest(t_credit_posted), unnest(t_debit_hold_out), unnest(t_credit_hold_in), t_at,
                   unnest(t_effective), unnest(t_code), unnest(t_reference);

            SELECT count(*), count(moved.lane) INTO wanted_rows, found_rows
            FROM (
                SELECT lane, count(*), min(seq) AS first, max(seq) AS last
                FROM (SELECT unnest(t_lane) AS lane, unnest(t_seq) AS seq) AS t GROUP BY lane
            ) AS numbered
            LEFT JOIN unnest(lanes, lane_seqs, lane_counts) AS moved (lane, seq, count)
                ON moved.lane = numbered.lane AND moved.count = numbered.count
                AND numbered.first = moved.seq + 1 AND numbered.last = moved.seq + moved.count;
            IF found_rows <> wanted_rows OR found_rows <> cardinality(lanes) THEN
                RAISE EXCEPTION 'numbers differ from the lanes: % of % agree', found_rows, wanted_rows
                    USING ERRCODE = 'data_corrupted';
            END IF;

            WITH change AS MATERIALIZED (
                SELECT lane, place, currency, sum(moved)::bigint AS moved, sum(out_)::bigint AS out_,
                       sum(in_)::bigint AS in_, count(*) AS legs
                FROM (SELECT unnest(t_lane) AS lane, unnest(t_debit) AS debit, unnest(t_credit) AS credit,
                             unnest(t_kind) AS kind, unnest(t_amount) AS amount, unnest(t_held) AS held,
                             unnest(t_currency) AS currency) AS t
                CROSS JOIN LATERAL (VALUES
                    (t.debit, CASE WHEN t.kind IN ('post', 'capture', 'reversal') THEN -t.amount ELSE 0 END, t.held, 0),
                    (t.credit, CASE WHEN t.kind IN ('post', 'capture', 'reversal') THEN t.amount ELSE 0 END, 0, t.held)
                ) AS leg (place, moved, out_, in_)
                GROUP BY lane, place, currency
            ), changed AS (
                UPDATE wallet.account SET
                    posted = account.posted + change.moved,
                    hold_out = account.hold_out + change.out_,
                    hold_in = account.hold_in + change.in_,
                    version = account.version + change.legs
                FROM change
                WHERE account.lane = change.lane AND account.id = a_id[change.place]
                  AND account.lane = a_lane[change.place]
                  AND account.currency = change.currency AND account.closed_at IS NULL
                  AND account.version = a_version[change.place]
                  AND account.posted + change.moved = a_posted[change.place]
                  AND account.hold_out + change.out_ = a_hold_out[change.place]
                  AND account.hold_in + change.in_ = a_hold_in[change.place]
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM change) INTO found_rows, wanted_rows;
            IF found_rows <> wanted_rows OR found_rows <> cardinality(a_id) THEN
                RAISE EXCEPTION 'balances differ from their legs: % of % accounts agree', found_rows, wanted_rows
                    USING ERRCODE = 'data_corrupted';
            END IF;

            IF t_kind && ARRAY['hold', 'capture', 'void', 'expire'] THEN
                INSERT INTO wallet.hold (lane, id, debit, credit, currency, amount, remaining, expires_at)
                SELECT lane, id, a_id[debit], a_id[credit], currency, amount, amount, expires
                FROM unnest(t_lane, t_id, t_kind, t_debit, t_credit, t_currency, t_amount, t_expires)
                     AS t (lane, id, kind, debit, credit, currency, amount, expires)
                WHERE kind = 'hold';

                UPDATE wallet.hold SET remaining = hold.remaining + released.held
                FROM (
                    SELECT lane, of, debit, credit, sum(held)::bigint AS held
                    FROM unnest(t_lane, t_of, t_debit, t_credit, t_held, t_kind)
                         AS t (lane, of, debit, credit, held, kind)
                    WHERE kind IN ('capture', 'void', 'expire') GROUP BY lane, of, debit, credit
                ) AS released
                WHERE hold.lane = released.lane AND hold.id = released.of
                  AND hold.debit = a_id[released.debit] AND hold.credit = a_id[released.credit];
                GET DIAGNOSTICS found_rows = ROW_COUNT;
                SELECT count(DISTINCT of) INTO wanted_rows FROM unnest(t_of, t_kind) AS t (of, kind)
                WHERE kind IN ('capture', 'void', 'expire');
                IF found_rows <> wanted_rows THEN
                    RAISE EXCEPTION 'a hold differs from what is released' USING ERRCODE = 'data_corrupted';
                END IF;
            END IF;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION wallet.post FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION wallet.post TO {walls.POSTING}")
