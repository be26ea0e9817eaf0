"""What relations are judged by, and what people declare, under the person's key; what a false decision can't move.

Codes of before wait in `unsealed` until the worker has sealed them (app/risk/sealing.py): a revision has no key. Until
then, and for that alone, their history lets itself be changed. Why a rule applied is no longer stored: it follows from
the rule and the facts, to the byte.
"""

from alembic import op

from migrations import walls

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_COLUMN = {"assessment": "facts", "declaration": "codes"}
_CODES = "~ '^[a-z_]{1,40}$'"
_DECLARED = (
    "occupation", "industry", "residence", "products", "funds", "funds_amount", "wealth", "wealth_amount",
    "expected_turnover",
)  # fmt: skip
_MINE = "resident = NULLIF(current_setting('app.holder', true), '')::uuid"
_INSIDE = "current_setting('app.audience', true) IN ('officer', 'service')"
#: What no request of a resident does to their case, by the acts of 0033 and from now on.
_OFFICERS = "'propose', 'disagree', 'grant', 'refuse'"
_OTHERS = f"{_OFFICERS}, 'monitor', 'fall_due', 'suspend', 'lapse', 'retain', 'erase'"


def upgrade() -> None:
    """Build it."""
    _sealed()
    op.execute("ALTER TABLE kyc.risk_hit DROP COLUMN because")
    op.execute("DROP FUNCTION kyc.was_expected(uuid)")
    _found_inside()
    _passes_over_nothing()
    _moves(f"(act IS NULL OR act NOT IN ({_OTHERS}) AND (act <> 'review' OR before <> 'suspended'))")


def downgrade() -> None:
    """Take it away; what is sealed by then is lost: facts are those of which nothing is known."""
    _moves(f"(act IS NULL OR act NOT IN ({_OFFICERS}))")
    op.execute("DROP TRIGGER passes_over_nothing ON kyc.case_move")
    op.execute("DROP TRIGGER found_inside ON kyc.check")
    op.execute("DROP FUNCTION kyc.refuse_passing_over(), kyc.note_inside()")
    op.execute("ALTER TABLE kyc.check DROP COLUMN inside")
    _was_expected()
    op.execute("ALTER TABLE kyc.risk_hit ADD COLUMN because jsonb NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE kyc.risk_hit ALTER COLUMN because DROP DEFAULT")
    _unsealed()


def _sealed() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.waits_to_be_sealed(table_ regclass) RETURNS boolean
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE waits boolean;
        BEGIN
            EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE unsealed IS NOT NULL)', table_) INTO waits;
            RETURN waits;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.waits_to_be_sealed FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.waits_to_be_sealed TO {walls.WORKER}")
    _silent("assessment", "ALTER TABLE kyc.assessment RENAME COLUMN facts TO unsealed")
    op.execute("ALTER TABLE kyc.assessment ALTER COLUMN unsealed DROP NOT NULL, ADD COLUMN facts bytea")
    op.execute("ALTER TABLE kyc.declaration ADD COLUMN codes bytea, ADD COLUMN unsealed text")
    clear = ", ".join(f"'{name}', {name}" for name in _DECLARED)
    _silent("declaration", f"UPDATE kyc.declaration SET unsealed = jsonb_build_object({clear})")
    op.execute(f"ALTER TABLE kyc.declaration {', '.join(f'DROP COLUMN {name}' for name in _DECLARED)}")
    for table, column in _COLUMN.items():
        op.execute(
            f"ALTER TABLE kyc.{table} ADD CONSTRAINT {table}_sealed CHECK (num_nonnulls({column}, unsealed) = 1)"
        )
        op.execute(f"CREATE INDEX {table}_unsealed ON kyc.{table} (id) WHERE unsealed IS NOT NULL")
        op.execute(f"DROP TRIGGER append_only ON kyc.{table}")
        op.execute(
            f"""
            CREATE TRIGGER append_only BEFORE UPDATE ON kyc.{table}
            FOR EACH STATEMENT WHEN (NOT kyc.waits_to_be_sealed('kyc.{table}')) EXECUTE FUNCTION app.refuse_change()
            """
        )
        op.execute(
            f"""
            CREATE TRIGGER never_truncated BEFORE TRUNCATE ON kyc.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()
            """
        )
        rest = f"- ARRAY['{column}', 'unsealed']"
        only = f"to_jsonb(NEW) {rest} IS DISTINCT FROM to_jsonb(OLD) {rest}"
        walls.refuse(f"kyc.{table}", "UPDATE", when=f"OLD.unsealed IS NULL OR NEW.unsealed IS NOT NULL OR {only}")
        walls.grant(f"kyc.{table}", worker=f"UPDATE ({column}, unsealed)")


def _unsealed() -> None:
    for table, column in _COLUMN.items():
        op.execute(f"REVOKE UPDATE ({column}, unsealed) ON kyc.{table} FROM {walls.WORKER}")
        for trigger in ("append_only", "never_truncated", "refused_update"):
            op.execute(f"DROP TRIGGER {trigger} ON kyc.{table}")
        op.execute(f"ALTER TABLE kyc.{table} DROP CONSTRAINT {table}_sealed")
        op.execute(f"DROP INDEX kyc.{table}_unsealed")
    op.execute("DROP FUNCTION kyc.waits_to_be_sealed(regclass)")
    op.execute("UPDATE kyc.assessment SET unsealed = '{}' WHERE unsealed IS NULL")
    op.execute("ALTER TABLE kyc.assessment DROP COLUMN facts")
    op.execute("ALTER TABLE kyc.assessment RENAME COLUMN unsealed TO facts")
    op.execute("ALTER TABLE kyc.assessment ALTER COLUMN facts SET NOT NULL")
    _declared()
    for table in _COLUMN:
        op.execute(
            f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()
            """
        )


def _declared() -> None:
    """Have declarations in clear again; of those that were sealed, codes that say nothing."""
    amounts = ("funds_amount", "wealth_amount", "expected_turnover")
    op.execute(
        f"""
        ALTER TABLE kyc.declaration
            ADD COLUMN occupation text CHECK (occupation {_CODES}),
            ADD COLUMN industry text CHECK (industry {_CODES}),
            ADD COLUMN residence text CHECK (residence ~ '^[A-Z]{{1,3}}$'),
            ADD COLUMN products text[],
            ADD COLUMN funds text[] CHECK (cardinality(funds) BETWEEN 1 AND 12),
            ADD COLUMN funds_amount integer,
            ADD COLUMN wealth text[] CHECK (cardinality(wealth) BETWEEN 1 AND 12),
            ADD COLUMN wealth_amount integer,
            ADD COLUMN expected_turnover integer,
            ADD CONSTRAINT declaration_check CHECK ({" AND ".join(f"{name} BETWEEN 0 AND 5" for name in amounts)})
        """
    )
    said = "coalesce(unsealed, '{}')::jsonb"
    several = ", ".join(
        f"{name} = ARRAY(SELECT jsonb_array_elements_text(coalesce({said} -> '{name}', '{nothing}')))"
        for name, nothing in (("products", "[]"), ("funds", '["other"]'), ("wealth", '["other"]'))
    )
    one = ", ".join(f"{name} = coalesce({said} ->> '{name}', 'unknown')" for name in ("occupation", "industry"))
    counted = ", ".join(f"{name} = coalesce(({said} ->> '{name}')::integer, 0)" for name in amounts)
    residence = f"residence = coalesce({said} ->> 'residence', 'XXX')"
    op.execute(f"UPDATE kyc.declaration SET {one}, {residence}, {several}, {counted}")
    filled = ", ".join(f"ALTER COLUMN {name} SET NOT NULL" for name in _DECLARED)
    op.execute(f"ALTER TABLE kyc.declaration {filled}, DROP COLUMN codes, DROP COLUMN unsealed")


def _silent(table: str, statement: str) -> None:
    """Run a statement over history that is about to be sealed."""
    op.execute(f"ALTER TABLE kyc.{table} DISABLE TRIGGER append_only")
    op.execute(statement)
    op.execute(f"ALTER TABLE kyc.{table} ENABLE TRIGGER append_only")


def _was_expected() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.was_expected(resident_ uuid) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT EXISTS (SELECT FROM kyc."check" WHERE resident = resident_ AND name = 'person.pep')
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.was_expected FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.was_expected TO {walls.API}, {walls.WORKER}")


def _found_inside() -> None:
    """Note of every look whether the worker or an officer reported it: said by the database, not by who inserts."""
    op.execute("ALTER TABLE kyc.check ADD COLUMN inside boolean NOT NULL DEFAULT false")
    _silent("check", "UPDATE kyc.check SET inside = document IS NULL")
    op.execute(
        f"""
        CREATE FUNCTION kyc.note_inside() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            NEW.inside := session_user <> '{walls.API}' OR coalesce({_INSIDE}, false);
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER found_inside BEFORE INSERT ON kyc.check FOR EACH ROW EXECUTE FUNCTION kyc.note_inside()
        """
    )


def _passes_over_nothing() -> None:
    """Let no request of a resident approve or clear over what the worker or officers found of them and left open.

    Of what only they find, or find as the last: a scan never judges a risk milder than what stands
    (kyc/risk/arrival.py), and what lists say is held by the alert itself.
    """
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_passing_over() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM (
                    SELECT DISTINCT ON (name) name, verdict, seq FROM kyc.check
                    WHERE case_id = NEW.case_id AND inside AND document IS NULL AND verdict <> 'error'
                      AND name IN ('risk.score', 'person.pep', 'person.media', 'case.suspended')
                    ORDER BY name, seq DESC
                ) AS found
                WHERE verdict IN ('review', 'fail') AND seq > coalesce((
                    SELECT max(settled.seq) FROM kyc.check AS settled
                    WHERE settled.case_id = NEW.case_id AND settled.inside AND settled.name = 'case.officers'
                      AND settled.verdict = 'pass'
                ), 0)
            ) THEN
                RAISE EXCEPTION 'what was found inside is open'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_move_passes_over_nothing';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER passes_over_nothing BEFORE INSERT ON kyc.case_move FOR EACH ROW
        WHEN (NEW.act IN ('approve', 'clear') AND session_user = '{walls.API}' AND ({_INSIDE}) IS NOT TRUE)
        EXECUTE FUNCTION kyc.refuse_passing_over()
        """
    )


def _moves(acts: str) -> None:
    """Say which moves of their own case a resident's request may lead to."""
    op.execute("DROP POLICY writes ON kyc.case_move")
    op.execute(
        f"CREATE POLICY writes ON kyc.case_move FOR INSERT TO {walls.API}"
        f" WITH CHECK ({_INSIDE} OR ({_MINE} AND {acts}))"
    )
