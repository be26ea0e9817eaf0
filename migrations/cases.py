"""What guards a case in the database, and how everybody who came before got one.

A revision calls these (migrations/versions/0033_kyc_cases.py), in this order, and undo() first on its way back.
"""

from alembic import op

from migrations import walls


def guard() -> None:
    """Let the database itself refuse what must never be."""
    # The row of the case is the lock: an alert that comes at the same moment is seen, or comes to a case approved.
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_approval() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM FROM kyc.case WHERE id = NEW.case_id FOR NO KEY UPDATE;
            IF EXISTS (
                SELECT FROM kyc.alert WHERE alert.resident = NEW.resident AND alert.state IN ('open', 'confirmed')
            ) THEN
                RAISE EXCEPTION 'an alert is open or confirmed'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_no_open_alert';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER no_open_alert BEFORE INSERT ON kyc.case_move
        FOR EACH ROW WHEN (NEW.state IN ('approved', 'monitoring')) EXECUTE FUNCTION kyc.refuse_approval()
        """
    )
    _alerts_wait()
    _appeals()


def _alerts_wait() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.wait_for_case() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM FROM kyc.case WHERE resident = NEW.resident FOR NO KEY UPDATE;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER waits_for_case BEFORE INSERT OR UPDATE OF state ON kyc.alert
        FOR EACH ROW WHEN (NEW.state IN ('open', 'confirmed')) EXECUTE FUNCTION kyc.wait_for_case()
        """
    )


def _appeals() -> None:
    # An appeal is heard by others than those who refused.
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_review() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM kyc.case_appeal AS appeal JOIN kyc.case_verdict AS refused USING (case_id, sort)
                WHERE appeal.case_id = NEW.case_id AND NEW.officer IN (refused.first_officer, refused.second_officer)
            ) THEN
                RAISE EXCEPTION 'decided what is appealed'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_appeal_heard_by_others';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER heard_by_others BEFORE INSERT ON kyc.case_review
        FOR EACH ROW EXECUTE FUNCTION kyc.refuse_review()
        """
    )


def carry_over() -> None:
    """Open a case for everybody who showed a document, moved by legal moves to where their documents leave them."""
    op.execute(
        """
        CREATE TEMPORARY TABLE carried ON COMMIT DROP AS
        SELECT uuidv7() AS id, shown.resident, min(shown.at) AS opened_at, max(decided.at) AS decided_at,
               array_remove(ARRAY['collecting', 'submitted', 'auto_checks', CASE
                   WHEN bool_or(decided.outcome = 'identified') THEN 'approved'
                   WHEN (array_agg(decided.outcome ORDER BY shown.id DESC))[1] = 'review' THEN 'manual_review'
                   ELSE 'needs_input'
               END, CASE WHEN bool_or(ended.state = 'closed') THEN 'closed' END,
               CASE WHEN bool_or(ended.state = 'closed') THEN 'retention' END], NULL) AS path
        FROM kyc.document AS shown
        JOIN LATERAL (
            SELECT outcome, at FROM kyc.decision WHERE decision.document = shown.id ORDER BY version DESC LIMIT 1
        ) AS decided ON true
        LEFT JOIN app.closure AS ended ON ended.holder = shown.resident
        GROUP BY shown.resident
        """
    )
    op.execute(
        """
        INSERT INTO kyc.case (id, resident, purpose, state, version, records, decisions, attempts, told, opened_at,
                              due_at, answer_by)
        SELECT id, resident, 'identity', path[cardinality(path)], cardinality(path) + 1,
               (SELECT count(*) FROM kyc.check WHERE "check".resident = carried.resident), 0, 0,
               CASE path[cardinality(path)] WHEN 'needs_input' THEN ARRAY['information_needed'] ELSE '{}' END,
               opened_at,
               CASE path[cardinality(path)] WHEN 'manual_review' THEN now() + interval '3 days' END,
               CASE path[cardinality(path)] WHEN 'needs_input' THEN now() + interval '30 days' END
        FROM carried
        """
    )
    op.execute(
        """
        INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)
        SELECT id, nth::integer, resident, before, edge.act, hop.state, 'service:migration',
               CASE nth WHEN 1 THEN opened_at ELSE decided_at END
        FROM carried
        CROSS JOIN LATERAL (
            SELECT state, lag(state) OVER (ORDER BY nth) AS before, nth
            FROM unnest(ARRAY['draft'] || carried.path) WITH ORDINALITY AS way (state, nth)
        ) AS hop
        LEFT JOIN kyc.case_edge AS edge USING (before, state)
        ORDER BY id, nth
        """
    )


def looks() -> None:
    """Let a look be of a case, with its rule, its evidence and how long it took; of a document or of the person."""
    op.execute(
        """
        ALTER TABLE kyc.check
            ADD COLUMN case_id uuid, ADD COLUMN seq integer, ADD COLUMN rule text,
            ADD COLUMN evidence text[] NOT NULL DEFAULT '{}', ADD COLUMN ms integer NOT NULL DEFAULT 0 CHECK (ms >= 0)
        """
    )
    op.execute("ALTER TABLE kyc.check DISABLE TRIGGER append_only")
    op.execute(
        """
        UPDATE kyc.check AS looked
        SET case_id = held.id, seq = numbered.seq, rule = split_part(name, '.', 1) || '@' || rule_version
        FROM kyc.case AS held,
             (SELECT id, row_number() OVER (PARTITION BY resident ORDER BY id) AS seq FROM kyc.check) AS numbered
        WHERE held.resident = looked.resident AND numbered.id = looked.id
        """
    )
    op.execute("ALTER TABLE kyc.check ENABLE TRIGGER append_only")
    op.execute("ALTER TABLE kyc.check DROP CONSTRAINT check_verdict_check")
    op.execute(
        """
        ALTER TABLE kyc.check
            DROP COLUMN rule_version, ALTER COLUMN document DROP NOT NULL, ALTER COLUMN evidence DROP DEFAULT,
            ALTER COLUMN ms DROP DEFAULT, ALTER COLUMN case_id SET NOT NULL, ALTER COLUMN seq SET NOT NULL,
            ALTER COLUMN rule SET NOT NULL, ADD CONSTRAINT check_rule CHECK (rule ~ '^[a-z_.]+@[0-9a-z.-]+$'),
            ADD CONSTRAINT check_verdict_check
                CHECK (verdict IN ('pass', 'fail', 'review', 'not_applicable', 'error')),
            ADD CONSTRAINT check_nth UNIQUE (case_id, seq),
            ADD CONSTRAINT check_of_case FOREIGN KEY (case_id, resident) REFERENCES kyc.case (id, resident)
        """
    )
    # What follows from a look follows from all of them: the one question that a resident's own request may put.
    op.execute(
        """
        CREATE FUNCTION kyc.latest_checks(case_ uuid) RETURNS SETOF kyc.check
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM kyc.refuse_another(resident) FROM kyc.case WHERE id = case_;
            RETURN QUERY SELECT DISTINCT ON (name, document, verdict = 'error') * FROM kyc.check WHERE case_id = case_
                ORDER BY name, document, verdict = 'error', seq DESC;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.latest_checks FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.latest_checks TO {walls.API}, {walls.WORKER}")


def _looks_before() -> None:
    """Make a look one of a document again; one of the person is lost, and so is one that did not apply."""
    op.execute("ALTER TABLE kyc.check DISABLE TRIGGER USER")
    op.execute("DELETE FROM kyc.check WHERE document IS NULL OR verdict = 'not_applicable'")
    op.execute("ALTER TABLE kyc.check ADD COLUMN rule_version text")
    op.execute("UPDATE kyc.check SET rule_version = split_part(rule, '@', 2)")
    op.execute("ALTER TABLE kyc.check ENABLE TRIGGER USER")
    op.execute(
        """
        ALTER TABLE kyc.check
            DROP COLUMN case_id, DROP COLUMN seq, DROP COLUMN rule, DROP COLUMN evidence, DROP COLUMN ms,
            ALTER COLUMN document SET NOT NULL, ALTER COLUMN rule_version SET NOT NULL,
            DROP CONSTRAINT check_verdict_check,
            ADD CONSTRAINT check_verdict_check CHECK (verdict IN ('pass', 'fail', 'review', 'error'))
        """
    )


def stand() -> None:
    """Hold every case to its moves, every grant and refusal to a verdict; last: what is checked must be there."""
    op.execute(
        """
        ALTER TABLE kyc.case ADD CONSTRAINT case_stands_at FOREIGN KEY (id, version, state)
            REFERENCES kyc.case_move (case_id, sort, state) DEFERRABLE INITIALLY DEFERRED
        """
    )
    op.execute(
        """
        ALTER TABLE kyc.case_move ADD CONSTRAINT case_move_decided FOREIGN KEY (case_id, sort, outcome)
            REFERENCES kyc.case_verdict (case_id, sort, outcome) DEFERRABLE INITIALLY DEFERRED
        """
    )


def undecided() -> None:
    """Let the machine approve, or clear after an alert, only where the last decision of the case says so."""
    op.execute(
        """
        CREATE FUNCTION kyc.refuse_undecided() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF (SELECT outcome FROM kyc.case_decision WHERE case_id = NEW.case_id ORDER BY number DESC LIMIT 1)
                IS DISTINCT FROM 'approve'
            THEN
                RAISE EXCEPTION 'no decision approves'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'case_move_follows_decision';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER follows_decision BEFORE INSERT ON kyc.case_move
        FOR EACH ROW WHEN (NEW.act IN ('approve', 'clear')) EXECUTE FUNCTION kyc.refuse_undecided()
        """
    )


def undo() -> None:
    """Take away what hangs on other tables, and make looks those of documents again."""
    op.execute("DROP TRIGGER waits_for_case ON kyc.alert")
    op.execute("DROP FUNCTION kyc.latest_checks(uuid)")
    _looks_before()
    op.execute("ALTER TABLE kyc.case DROP CONSTRAINT case_stands_at")
    op.execute("ALTER TABLE kyc.case_move DROP CONSTRAINT case_move_decided")


def undo_guards() -> None:
    """Take away the functions of the guards; their tables are gone."""
    for function in ("refuse_approval()", "wait_for_case()", "refuse_review()", "refuse_undecided()"):
        op.execute(f"DROP FUNCTION kyc.{function}")
