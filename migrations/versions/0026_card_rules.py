"""Counters of what a card spends, and rules with a life of their own."""

from alembic import op

from migrations import walls

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

#: What goes with a person: how somebody lives, and what was suspected.
_GOES = "('cards.velocity', 'holder'), ('cards.rule_result', 'holder'), ('cards.trusted_shop', 'holder')"
_LAST = "('app.resident_key', 'holder')"
_STATES = "'draft', 'shadow', 'active', 'retired'"
_ACTIONS = "'decline', 'challenge', 'alert', 'buffer'"
#: A lane that takes a slice takes this part of what is left, and no less than it needs.
_PART = 64


def upgrade() -> None:
    """Build it."""
    for build in (_velocity, _turnover, _taking, _counting, _rules, _results, _backtests):
        build()
    _erase_also(_LAST, f"{_GOES}, {_LAST}")


def downgrade() -> None:
    """Take it away."""
    _erase_also(f"{_GOES}, {_LAST}", _LAST)
    for table in ("backtest", "rule_result", "rule_step", "rule_version"):
        op.execute(f"DROP TABLE cards.{table}")
    op.execute("DROP FUNCTION cards.count_turnover, cards.take_turnover, cards.refuse_step")
    for table in ("turnover_slice", "turnover", "velocity"):
        op.execute(f"DROP TABLE cards.{table}")


def _velocity() -> None:
    # Half a page stays free: counting touches no index, so the new row lies beside the old one.
    op.execute(
        """
        CREATE TABLE cards.velocity (
            lane integer NOT NULL,
            scope text NOT NULL CHECK (scope IN ('card', 'holder', 'family')),
            subject uuid NOT NULL,
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            holder uuid NOT NULL,
            buckets bytea NOT NULL,
            habits bytea NOT NULL DEFAULT '',
            PRIMARY KEY (lane, scope, subject, currency),
            CHECK (scope = 'card' OR habits = '')
        ) WITH (fillfactor = 50)
        """
    )
    walls.own_rows("cards.velocity", "holder")
    walls.grant("cards.velocity", api="SELECT", posting="SELECT, INSERT, UPDATE (buckets, habits)", report="SELECT")


def _turnover() -> None:
    # What was granted is at most the cap, and what nobody could refuse beyond it.
    op.execute(
        """
        CREATE TABLE cards.turnover (
            month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
            most bigint CHECK (most >= 0),
            granted bigint NOT NULL DEFAULT 0 CHECK (granted >= 0),
            beyond bigint NOT NULL DEFAULT 0 CHECK (beyond >= 0)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE cards.turnover_slice (
            lane integer NOT NULL,
            month date NOT NULL REFERENCES cards.turnover,
            most bigint,
            granted bigint NOT NULL DEFAULT 0,
            used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
            PRIMARY KEY (lane, month),
            CONSTRAINT turnover_granted CHECK (used <= granted)
        ) WITH (fillfactor = 50)
        """
    )
    for table in ("turnover", "turnover_slice"):
        walls.grant(f"cards.{table}", posting="SELECT, INSERT, UPDATE", report="SELECT", worker="SELECT")


def _taking() -> None:
    """Give lanes what they may need of the months' turnover; only one who has too little touches the global row."""
    op.execute(
        f"""
        CREATE FUNCTION cards.take_turnover(lanes integer[], months date[], wanted bigint[], caps bigint[])
        RETURNS TABLE (lane integer, month date, granted bigint, used bigint)
        LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
        #variable_conflict use_column
        DECLARE
            asked record;
            mine cards.turnover_slice;
            whole cards.turnover;
            missing bigint;
            remaining bigint;
            share bigint;
        BEGIN
            FOR asked IN
                SELECT each.lane, each.month, each.minor, nullif(each.cap, -1) AS cap
                FROM unnest(lanes, months, wanted, caps) AS each (lane, month, minor, cap)
            LOOP
                SELECT * INTO mine FROM cards.turnover_slice AS slice
                WHERE slice.lane = asked.lane AND slice.month = asked.month;
                IF mine.lane IS NULL OR mine.most IS DISTINCT FROM asked.cap
                   OR mine.granted - mine.used < asked.minor THEN
                    INSERT INTO cards.turnover AS global (month, most) VALUES (asked.month, asked.cap)
                    ON CONFLICT (month) DO UPDATE SET most = EXCLUDED.most RETURNING * INTO whole;
                    INSERT INTO cards.turnover_slice (lane, month) VALUES (asked.lane, asked.month)
                    ON CONFLICT DO NOTHING;
                    SELECT * INTO mine FROM cards.turnover_slice AS slice
                    WHERE slice.lane = asked.lane AND slice.month = asked.month FOR NO KEY UPDATE;
                    missing := greatest(asked.minor - (mine.granted - mine.used), 0);
                    IF whole.most - (whole.granted - whole.beyond) < missing THEN
                        WITH idle AS (
                            UPDATE cards.turnover_slice AS slice SET granted = slice.used
                            WHERE slice.month = asked.month AND slice.granted > slice.used
                              AND (slice.lane <> asked.lane OR whole.granted - whole.beyond > whole.most)
                            RETURNING old.granted - new.granted AS back
                        ) SELECT whole.granted - coalesce(sum(back), 0) INTO whole.granted FROM idle;
                        SELECT * INTO mine FROM cards.turnover_slice AS slice
                        WHERE slice.lane = asked.lane AND slice.month = asked.month;
                        missing := greatest(asked.minor - (mine.granted - mine.used), 0);
                    END IF;
                    remaining := greatest(whole.most - (whole.granted - whole.beyond), 0);
                    share := CASE WHEN missing = 0 OR whole.most IS NULL THEN missing
                                  ELSE least(remaining, greatest(missing, remaining / {_PART})) END;
                    UPDATE cards.turnover AS global SET granted = whole.granted + share
                    WHERE global.month = asked.month;
                    UPDATE cards.turnover_slice AS slice SET granted = slice.granted + share, most = asked.cap
                    WHERE slice.lane = asked.lane AND slice.month = asked.month RETURNING * INTO mine;
                END IF;
                RETURN QUERY VALUES (mine.lane, mine.month, mine.granted, mine.used);
            END LOOP;
        END $$
        """
    )


def _counting() -> None:
    """Count what lanes used. What was decided on a slice that another lane took back meanwhile is decided again."""
    op.execute(
        """
        CREATE FUNCTION cards.count_turnover(lanes integer[], months date[], minors bigint[], overs bigint[])
        RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            counted record;
        BEGIN
            FOR counted IN
                SELECT * FROM unnest(lanes, months, minors, overs) AS each (lane, month, minor, over)
            LOOP
                IF counted.over > 0 THEN
                    INSERT INTO cards.turnover (month) VALUES (counted.month) ON CONFLICT DO NOTHING;
                    UPDATE cards.turnover AS global
                    SET granted = global.granted + counted.over,
                        beyond = global.beyond + CASE WHEN global.most IS NULL THEN 0 ELSE greatest(
                            counted.over - greatest(global.most - (global.granted - global.beyond), 0), 0) END
                    WHERE global.month = counted.month;
                    INSERT INTO cards.turnover_slice (lane, month) VALUES (counted.lane, counted.month)
                    ON CONFLICT DO NOTHING;
                END IF;
                UPDATE cards.turnover_slice AS slice
                SET used = greatest(slice.used + counted.minor, 0), granted = slice.granted + counted.over
                WHERE slice.lane = counted.lane AND slice.month = counted.month;
            END LOOP;
        EXCEPTION WHEN check_violation THEN
            RAISE EXCEPTION 'another lane took the slice back' USING ERRCODE = 'serialization_failure';
        END $$
        """
    )
    for function in ("take_turnover", "count_turnover"):
        op.execute(f"REVOKE ALL ON FUNCTION cards.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION cards.{function} TO {walls.POSTING}")


def _rules() -> None:
    # Who activates a version is not who drafted it: the step names its drafter, and the reference says it is the one.
    op.execute(
        f"""
        CREATE TABLE cards.rule_version (
            id uuid PRIMARY KEY,
            rule uuid NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{{2,39}}$'),
            body jsonb NOT NULL,
            action text NOT NULL CHECK (action IN ({_ACTIONS})),
            drafted_by text NOT NULL CHECK (drafted_by ~ '^officer:'),
            drafted_at timestamptz NOT NULL,
            UNIQUE (rule, version),
            UNIQUE (id, drafted_by)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX rule_name ON cards.rule_version (name) WHERE version = 1")
    op.execute(
        f"""
        CREATE TABLE cards.rule_step (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL DEFAULT uuidv7() UNIQUE,
            version uuid NOT NULL,
            state text NOT NULL CHECK (state IN ({_STATES})),
            drafted_by text NOT NULL,
            by_officer text NOT NULL CHECK (by_officer ~ '^officer:'),
            at timestamptz NOT NULL,
            FOREIGN KEY (version, drafted_by) REFERENCES cards.rule_version (id, drafted_by),
            CONSTRAINT rule_step_once UNIQUE (version, state),
            CONSTRAINT rule_four_eyes CHECK (state <> 'active' OR by_officer <> drafted_by),
            CONSTRAINT rule_drafted CHECK (state <> 'draft' OR by_officer = drafted_by)
        )
        """
    )
    op.execute(
        """
        CREATE FUNCTION cards.refuse_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            before text := (SELECT state FROM cards.rule_step
                            WHERE version = NEW.version AND seq < NEW.seq ORDER BY seq DESC LIMIT 1);
        BEGIN
            IF concat_ws(' ', before, NEW.state) NOT IN ('draft', 'draft shadow', 'draft retired', 'shadow active',
                                                         'shadow retired', 'active retired') THEN
                RAISE EXCEPTION '% after % refused', NEW.state, before USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute("CREATE TRIGGER life AFTER INSERT ON cards.rule_step FOR EACH ROW EXECUTE FUNCTION cards.refuse_step()")
    for table in ("rule_version", "rule_step"):
        walls.append_only(f"cards.{table}")
        walls.for_officers(f"cards.{table}")
        walls.grant(f"cards.{table}", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _results() -> None:
    op.execute(
        f"""
        CREATE TABLE cards.rule_result (
            lane integer NOT NULL,
            payment uuid NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            version uuid NOT NULL REFERENCES cards.rule_version,
            holder uuid NOT NULL,
            shadow boolean NOT NULL,
            action text NOT NULL CHECK (action IN ({_ACTIONS})),
            approved boolean NOT NULL,
            minor bigint NOT NULL CHECK (minor >= 0),
            because jsonb NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (lane, payment, number, version)
        )
        """
    )
    op.execute("CREATE INDEX rule_result_version ON cards.rule_result (version, at, payment, number)")
    walls.append_only("cards.rule_result")
    walls.erasable("cards.rule_result", "holder")
    walls.for_officers("cards.rule_result")
    walls.grant("cards.rule_result", api="SELECT", posting="SELECT, INSERT", worker="SELECT", report="SELECT")


def _backtests() -> None:
    op.execute(
        """
        CREATE TABLE cards.backtest (
            id uuid PRIMARY KEY,
            version uuid NOT NULL REFERENCES cards.rule_version,
            since timestamptz NOT NULL,
            until timestamptz NOT NULL,
            as_of timestamptz NOT NULL,
            asked_by text NOT NULL CHECK (asked_by ~ '^officer:'),
            asked_at timestamptz NOT NULL,
            due_at timestamptz,
            done_at timestamptz,
            report jsonb,
            hash bytea CHECK (length(hash) = 32),
            CHECK (since < until AND until <= as_of AND as_of < asked_at),
            CHECK ((due_at IS NULL) = (done_at IS NOT NULL)),
            CHECK (num_nulls(done_at, report, hash) IN (0, 3))
        )
        """
    )
    op.execute("CREATE INDEX backtest_version ON cards.backtest (version, id)")
    op.execute("CREATE INDEX backtest_due ON cards.backtest (due_at) WHERE due_at IS NOT NULL")
    walls.for_officers("cards.backtest")
    walls.grant("cards.backtest", api="SELECT, INSERT", worker="SELECT, UPDATE (due_at, done_at, report, hash)")


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
