"""What a resident's own request can't say of itself: that nothing is open where something is, or what officers say.

Until now a decision that does not follow from the looks was found by replay; from here on it approves nobody, whatever
the request wrote. A look itself is believed: the API is who reads the chip. And a case never goes back to what it was.
"""

from alembic import op

from migrations import walls

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_INSIDE = "current_setting('app.audience', true) IN ('officer', 'service')"
_BY_RESIDENT = f"session_user = '{walls.API}' AND ({_INSIDE}) IS NOT TRUE"
#: The rules that decide now: kyc/cases/required.py, which a test compares.
_VERSION = "case@2026-11.3"
_REQUIRED = (
    "mrz.read", "chip.structure", "chip.digest", "chip.signature", "chip.algorithms", "chip.issuer_trusted",
    "chip.issuer_matches", "chip.data_groups", "chip.only_signed_groups", "document.matches_chip",
    "document.in_force", "person.unique", "person.screening", "risk.score",
)  # fmt: skip
_BOUND = ("mrz.", "chip.", "document.", "person.unique", "face.", "liveness")
_BESIDES = ("paper.", "identifier.")
_LASTS = ("document.same_holder",)
_ANSWERS = '{"chip.original": "face.match"}'
#: What only officers and the worker say of a case; of `case.officers` a resident says that it is open, by an appeal.
_OFFICERS = "NEW.name IN ('case.suspended', 'document.fresh') OR NEW.name = 'case.officers' AND NEW.verdict <> 'review'"
_GOES_BACK = "NEW.version < OLD.version OR NEW.records < OLD.records OR NEW.decisions < OLD.decisions"
_FUNCTIONS = ("refuse_unfounded()", "refuse_unidentified()", "refuse_asking_less()", "lacks(uuid, uuid, text, boolean)")


def upgrade() -> None:
    """Build it."""
    for build in (_rules, _lacks, _moves, _decisions, _looks):
        build()
    walls.refuse("kyc.case", "UPDATE", when=_GOES_BACK)


def downgrade() -> None:
    """Take it away: replay alone finds a decision that does not follow."""
    op.execute("DROP TRIGGER refused_update ON kyc.case")
    for trigger, table in (
        ("refused_insert", "check"),
        ("asks_no_less", "check"),
        ("identifies_as_looked", "decision"),
        ("follows_looks", "case_move"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON kyc.{table}")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION kyc.{function}")
    op.execute("DROP TABLE kyc.case_rules")


def _rules() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_rules (
            version text PRIMARY KEY,
            required text[] NOT NULL,
            bound text[] NOT NULL,
            besides text[] NOT NULL,
            lasts text[] NOT NULL,
            answers jsonb NOT NULL
        )
        """
    )
    arrays = ", ".join("ARRAY['" + "', '".join(each) + "']" for each in (_REQUIRED, _BOUND, _BESIDES, _LASTS))
    op.execute(f"INSERT INTO kyc.case_rules VALUES ('{_VERSION}', {arrays}, '{_ANSWERS}')")
    walls.append_only("kyc.case_rules")
    walls.grant("kyc.case_rules", worker="SELECT", report="SELECT")


def _lacks() -> None:
    # What kyc/cases/decision.py says of one document, in one question: is anything open or missing? Without `whole`
    # only of the document itself; whoever stands is asked nothing more of the person by showing another.
    op.execute(
        """
        CREATE FUNCTION kyc.lacks(case_ uuid, document_ uuid, rules_ text, whole boolean) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            WITH rule AS (SELECT * FROM kyc.case_rules WHERE version = rules_),
            looked AS (
                SELECT name, document, verdict, params, seq, inside, name ^@ ANY (bound) AS of_document,
                       name = ANY (lasts) AND verdict IN ('fail', 'review', 'error') AS lasting,
                       verdict = 'error' AND NOT name ^@ ANY (ARRAY['mrz.', 'chip.', 'document.']) AS blind
                FROM kyc.check, rule WHERE case_id = case_ AND NOT name ^@ ANY (besides)
            ),
            latest AS (
                SELECT DISTINCT ON (name, CASE WHEN of_document THEN document END) * FROM looked
                ORDER BY name, CASE WHEN of_document THEN document END, blind, seq DESC
            ),
            seen AS (
                SELECT DISTINCT ON (name) * FROM latest
                WHERE NOT of_document OR document IS NULL OR document = document_ OR lasting
                ORDER BY name, lasting DESC, seq DESC
            ),
            settled AS (
                SELECT covered AS name, seq FROM seen, rule,
                       unnest(string_to_array(params ->> 'covers', ' ')) AS covered
                WHERE seen.name = 'case.officers' AND verdict = 'pass' AND inside
                  AND (params ->> 'document' = document_::text OR NOT covered ^@ ANY (bound) OR covered = ANY (lasts))
            ),
            needed AS (
                SELECT unnest(required) AS name FROM rule
                UNION SELECT unnest(string_to_array(params ->> 'checks', ' ')) FROM seen WHERE name = 'case.demanded'
            )
            SELECT document_ IS NULL OR NOT EXISTS (SELECT FROM rule)
                OR EXISTS (
                    SELECT FROM seen, rule WHERE (whole OR of_document AND name <> 'document.fresh') AND (
                        verdict = 'fail' OR verdict IN ('review', 'error')
                        AND NOT EXISTS (SELECT FROM settled WHERE settled.name = seen.name AND settled.seq > seen.seq)
                        AND NOT (
                            coalesce(params ->> 'reason' = 'answer_missing', false) AND EXISTS (
                                SELECT FROM seen AS other WHERE other.name = answers ->> seen.name
                                  AND other.verdict = 'pass' AND other.document = seen.document
                            )
                        )
                    )
                )
                OR EXISTS (
                    SELECT FROM needed, rule WHERE (whole OR needed.name ^@ ANY (bound))
                      AND needed.name NOT IN (SELECT name FROM seen) AND needed.name NOT IN (SELECT name FROM settled)
                )
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.lacks FROM PUBLIC")


def _moves() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_unfounded() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE said jsonb;
        BEGIN
            SELECT convert_from(encoded, 'UTF8')::jsonb INTO said FROM kyc.case_decision
            WHERE case_id = NEW.case_id ORDER BY number DESC LIMIT 1;
            IF kyc.lacks(NEW.case_id, (said ->> 'document')::uuid, said ->> 'rules', true) THEN
                RAISE EXCEPTION 'the decision does not follow from what was found'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_move_follows_looks';
            END IF;
            RETURN NEW;
        EXCEPTION WHEN invalid_text_representation OR character_not_in_repertoire THEN
            RAISE EXCEPTION 'the decision is none'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'case_move_follows_looks';
        END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER follows_looks BEFORE INSERT ON kyc.case_move FOR EACH ROW
        WHEN (NEW.act IN ('approve', 'clear') AND {_BY_RESIDENT}) EXECUTE FUNCTION kyc.refuse_unfounded()
        """
    )


def _decisions() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_unidentified() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF NOT EXISTS (
                SELECT FROM kyc.case WHERE resident = NEW.resident AND state IN ('approved', 'monitoring', 're_kyc_due')
                  AND NOT kyc.lacks(id, NEW.document, NEW.rule_version, false)
            ) THEN
                RAISE EXCEPTION 'the document identifies nobody'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_follows_case';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER identifies_as_looked BEFORE INSERT ON kyc.decision FOR EACH ROW
        WHEN (NEW.outcome = 'identified' AND {_BY_RESIDENT}) EXECUTE FUNCTION kyc.refuse_unidentified()
        """
    )


def _looks() -> None:
    walls.refuse("kyc.check", "INSERT", when=f"({_OFFICERS}) AND {_BY_RESIDENT}")
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_asking_less() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF (string_to_array(NEW.params ->> 'checks', ' ') @> coalesce((
                SELECT string_to_array(params ->> 'checks', ' ') FROM kyc.check
                WHERE case_id = NEW.case_id AND name = 'case.demanded' ORDER BY seq DESC LIMIT 1
            ), '{}')) IS NOT TRUE THEN
                RAISE EXCEPTION 'more was asked before'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'check_asks_no_less';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER asks_no_less BEFORE INSERT ON kyc.check
        FOR EACH ROW WHEN (NEW.name = 'case.demanded') EXECUTE FUNCTION kyc.refuse_asking_less()
        """
    )
