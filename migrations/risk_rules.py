"""Rules of risk: their tables, and those an installation begins with (revision 0034, risk_rules.toml)."""

import json
import tomllib
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations import walls

_RULES = Path(__file__).with_suffix(".toml")
_STATES = "'draft', 'shadow', 'active', 'retired'"
#: Who wrote and who agreed to what an installation begins with: not officers, and nobody else can be these two.
_WROTE, _AGREED = "release:rules", "release:review"
_BY = f"~ '^officer:' OR drafted_by = '{_WROTE}'"


def build() -> None:
    """Build the tables of rules, of their lives and of how they are tried; and write those that are in force."""
    _tables()
    _walls()
    _backtests()
    _begin()


def _tables() -> None:
    # Who activates a version is not who drafted it: the step names its drafter, and the reference says it is the one.
    op.execute(
        f"""
        CREATE TABLE kyc.risk_version (
            id uuid PRIMARY KEY,
            rule text NOT NULL CHECK (rule ~ '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$' AND length(rule) <= 60),
            version integer NOT NULL CHECK (version > 0),
            body jsonb NOT NULL,
            drafted_by text NOT NULL CHECK (drafted_by {_BY}),
            drafted_at timestamptz NOT NULL,
            UNIQUE (rule, version),
            UNIQUE (id, drafted_by)
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE kyc.risk_step (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL DEFAULT uuidv7() UNIQUE,
            version uuid NOT NULL,
            state text NOT NULL CHECK (state IN ({_STATES})),
            drafted_by text NOT NULL,
            by_officer text NOT NULL CHECK (by_officer {_BY}),
            at timestamptz NOT NULL,
            FOREIGN KEY (version, drafted_by) REFERENCES kyc.risk_version (id, drafted_by),
            CONSTRAINT risk_step_once UNIQUE (version, state),
            CONSTRAINT risk_four_eyes CHECK (state <> 'active' OR by_officer <> drafted_by),
            CONSTRAINT risk_drafted CHECK (state <> 'draft' OR by_officer = drafted_by)
        )
        """
    )


def _walls() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_risk_step() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            before text := (SELECT state FROM kyc.risk_step
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
    op.execute("CREATE TRIGGER life AFTER INSERT ON kyc.risk_step FOR EACH ROW EXECUTE FUNCTION kyc.refuse_risk_step()")
    for table, column in (("risk_version", "drafted_by"), ("risk_step", "by_officer")):
        walls.append_only(f"kyc.{table}")
        walls.for_officers(f"kyc.{table}")
        walls.grant(f"kyc.{table}", api="SELECT, INSERT", worker="SELECT", report="SELECT")
        # Whatever the API's code says: an officer writes in their own name.
        op.execute(
            f"""
            CREATE POLICY own_name ON kyc.{table} AS RESTRICTIVE FOR INSERT TO {walls.API}
            WITH CHECK ({column} = current_setting('app.actor', true) AND {column} ~ '^officer:')
            """
        )


def _backtests() -> None:
    op.execute(
        """
        CREATE TABLE kyc.risk_backtest (
            id uuid PRIMARY KEY,
            version uuid NOT NULL REFERENCES kyc.risk_version,
            since timestamptz NOT NULL,
            until timestamptz NOT NULL,
            asked_by text NOT NULL CHECK (asked_by ~ '^officer:'),
            asked_at timestamptz NOT NULL,
            due_at timestamptz,
            done_at timestamptz,
            report jsonb,
            hash bytea CHECK (length(hash) = 32),
            CHECK (since < until AND until < asked_at),
            CHECK ((due_at IS NULL) = (done_at IS NOT NULL)),
            CHECK (num_nulls(done_at, report, hash) IN (0, 3))
        )
        """
    )
    op.execute("CREATE INDEX risk_backtest_version ON kyc.risk_backtest (version, id)")
    op.execute("CREATE INDEX risk_backtest_due ON kyc.risk_backtest (due_at) WHERE due_at IS NOT NULL")
    walls.for_officers("kyc.risk_backtest")
    walls.grant("kyc.risk_backtest", api="SELECT, INSERT", worker="SELECT, UPDATE (due_at, done_at, report, hash)")


def _begin() -> None:
    """Write the rules an installation begins with, each of them in force."""
    rules: dict[str, dict[str, Any]] = tomllib.loads(_RULES.read_text(encoding="utf-8"))
    db = op.get_bind()
    for rule, body in rules.items():
        written = json.dumps(body, default=str, ensure_ascii=False)
        version = db.scalar(_VERSION, {"rule": rule, "body": written, "by": _WROTE})
        for state, by in (("draft", _WROTE), ("shadow", _AGREED), ("active", _AGREED)):
            db.execute(_STEP, {"version": version, "state": state, "wrote": _WROTE, "by": by})


_VERSION = sa.text(
    """
    INSERT INTO kyc.risk_version (id, rule, version, body, drafted_by, drafted_at)
    VALUES (uuidv7(), :rule, 1, CAST(:body AS jsonb), :by, '2026-11-22T00:00:00Z') RETURNING id
    """
)
_STEP = sa.text(
    """
    INSERT INTO kyc.risk_step (version, state, drafted_by, by_officer, at)
    VALUES (:version, :state, :wrote, :by, '2026-11-22T00:00:00Z')
    """
)
