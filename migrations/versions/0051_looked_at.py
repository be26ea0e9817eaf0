"""Nobody is approved whom nobody looked up, nor by a document that nobody held against what others claimed.

Two officers settle doubts; that there was no look, or no answer, is none (kyc/cases/required.py, `answered`). And a
document in doubt, which claims nothing, is held against what others claimed all the same.
"""

from alembic import op

from migrations import walls

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_VERSION, _BEFORE = "case@2026-11.4", "case@2026-11.3"
_ANSWERED = "ARRAY['person.screening', 'person.unique']"


def upgrade() -> None:
    """Build it."""
    _rules()
    _unanswered()
    _screened()
    _claims()
    # What people said is read anew: a name that was cut is asked without the word that was.
    op.execute("UPDATE kyc.screened SET stale = true")


def downgrade() -> None:
    """Take it away: officers settle that nobody looked, and a document in doubt is held against nothing."""
    op.execute("DROP FUNCTION kyc.claim_free")
    op.execute("DROP TRIGGER was_screened ON kyc.case_move")
    op.execute("DROP FUNCTION kyc.refuse_unscreened")
    op.execute("DROP FUNCTION kyc.lacks")
    op.execute("DROP FUNCTION kyc.unanswered")
    op.execute("ALTER FUNCTION kyc.lacks_unsettled RENAME TO lacks")
    op.execute("ALTER TABLE kyc.case_rules DISABLE TRIGGER USER")
    op.execute(f"DELETE FROM kyc.case_rules WHERE version = '{_VERSION}'")
    op.execute("ALTER TABLE kyc.case_rules ENABLE TRIGGER USER")
    op.execute("ALTER TABLE kyc.case_rules DROP COLUMN answered")


def _rules() -> None:
    op.execute("ALTER TABLE kyc.case_rules ADD COLUMN answered text[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE kyc.case_rules ALTER COLUMN answered DROP DEFAULT")
    op.execute(
        f"""
        INSERT INTO kyc.case_rules (version, required, bound, besides, lasts, answers, answered)
        SELECT '{_VERSION}', required, bound, besides, lasts, answers, {_ANSWERED}
        FROM kyc.case_rules WHERE version = '{_BEFORE}'
        """
    )


def _unanswered() -> None:
    # As kyc.lacks() takes them: of a document the last answer, an error only where there is none.
    op.execute(
        """
        CREATE FUNCTION kyc.unanswered(case_ uuid, document_ uuid, rules_ text, whole boolean) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT EXISTS (
                SELECT FROM kyc.case_rules, unnest(answered) AS asked (name)
                WHERE version = rules_ AND (whole OR asked.name ^@ ANY (bound)) AND 'error' = coalesce((
                    SELECT verdict FROM (
                        SELECT DISTINCT ON (speaks) verdict, seq, speaks
                        FROM kyc.check,
                             LATERAL (SELECT CASE WHEN name ^@ ANY (bound) THEN document END) AS about (speaks)
                        WHERE case_id = case_ AND name = asked.name
                        ORDER BY speaks, verdict = 'error', seq DESC
                    ) AS latest
                    WHERE speaks IS NULL OR speaks = document_ ORDER BY seq DESC LIMIT 1
                ), 'error')
            )
        $$
        """
    )
    op.execute("ALTER FUNCTION kyc.lacks RENAME TO lacks_unsettled")
    op.execute(
        """
        CREATE FUNCTION kyc.lacks(case_ uuid, document_ uuid, rules_ text, whole boolean) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT kyc.lacks_unsettled(case_, document_, rules_, whole)
                OR kyc.unanswered(case_, document_, rules_, whole)
        $$
        """
    )
    for function in ("unanswered", "lacks"):
        op.execute(f"REVOKE ALL ON FUNCTION kyc.{function} FROM PUBLIC")


def _screened() -> None:
    # Whoever moves the case: two officers do no more without it than a resident's own request.
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_unscreened() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF NOT EXISTS (
                SELECT FROM kyc.check
                WHERE case_id = NEW.case_id AND name = 'person.screening' AND verdict <> 'error'
            ) THEN
                RAISE EXCEPTION 'nobody looked this person up in the lists'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_move_screened';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER was_screened BEFORE INSERT ON kyc.case_move
        FOR EACH ROW WHEN (NEW.act IN ('approve', 'grant')) EXECUTE FUNCTION kyc.refuse_unscreened()
        """
    )


def _claims() -> None:
    # Nobody reads the table of claims: beside kyc.claim_first this answers, only about the resident who asks.
    op.execute(
        """
        CREATE FUNCTION kyc.claim_free(kind_ text, blind_ bytea, resident_ uuid) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT NOT EXISTS (
                SELECT FROM kyc.claim WHERE kind = kind_ AND blind = blind_ AND resident <> resident_
            )
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.claim_free FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.claim_free TO {walls.API}, {walls.WORKER}")
