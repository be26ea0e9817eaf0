"""How risky a relation is, by which rules, and where the money comes from."""

from alembic import op

from migrations import erasing, risk_rules, walls

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

#: What goes with a person; those that refer, first.
_GOES = ", ".join(
    f"('kyc.{table}', 'resident')"
    for table in (
        "risk_hit",
        "assessment",
        "declaration_look",
        "declaration",
        "exposure",
        "exposure_answer",
        "risk_override",
        "risk_profile",
        "identity_review",
    )
)
_LAST = "('app.resident_key', 'holder')"
_BANDS = "'low', 'medium', 'high', 'prohibited'"
_CODES = "~ '^[a-z_]{1,40}$'"
_TABLES = (
    "identity_review",
    "risk_profile",
    "risk_override",
    "exposure_answer",
    "exposure",
    "declaration_look",
    "declaration",
    "risk_backtest",
    "risk_hit",
    "assessment",
    "risk_step",
    "risk_version",
)


def upgrade() -> None:
    """Build it."""
    risk_rules.build()
    for build in (_assessments, _declarations, _exposure, _overrides, _reviews):
        build()
    _falls_due()
    _rules_for_a_scan()
    _resumes()
    erasing.also(_LAST, f"{_GOES}, {_LAST}")


def downgrade() -> None:
    """Take it away."""
    erasing.also(f"{_GOES}, {_LAST}", _LAST)
    _resumes_back()
    op.execute("DROP TRIGGER risk_due ON kyc.document")
    op.execute("DROP TRIGGER risk_due ON kyc.check")
    op.execute("DROP FUNCTION kyc.is_due(), kyc.risk_due(uuid, text, timestamptz)")
    op.execute("DROP FUNCTION kyc.was_expected(uuid), kyc.active_rules()")
    for table in _TABLES:
        op.execute(f"DROP TABLE kyc.{table}")
    op.execute("DROP FUNCTION kyc.refuse_risk_step")


def _assessments() -> None:
    op.execute(
        f"""
        CREATE TABLE kyc.assessment (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            why text NOT NULL CHECK (why {_CODES}),
            facts text NOT NULL,
            rules text[] NOT NULL,
            medium_from integer NOT NULL CHECK (medium_from > 0),
            high_from integer NOT NULL CHECK (high_from > medium_from),
            score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
            band text NOT NULL CHECK (band IN ({_BANDS})),
            floor text NOT NULL CHECK (floor IN ({_BANDS})),
            inputs_hash bytea NOT NULL CHECK (length(inputs_hash) = 32),
            outcome_hash bytea NOT NULL CHECK (length(outcome_hash) = 32),
            actor text NOT NULL,
            at timestamptz NOT NULL,
            UNIQUE (resident, number),
            CONSTRAINT assessment_not_below CHECK (
                array_position(ARRAY[{_BANDS}], band) >= array_position(ARRAY[{_BANDS}], floor)
            )
        )
        """
    )
    op.execute("CREATE INDEX assessment_at ON kyc.assessment (at, id)")
    op.execute(
        f"""
        CREATE TABLE kyc.risk_hit (
            assessment uuid NOT NULL REFERENCES kyc.assessment,
            version uuid NOT NULL REFERENCES kyc.risk_version,
            resident uuid NOT NULL,
            shadow boolean NOT NULL,
            points integer NOT NULL CHECK (points BETWEEN 0 AND 100),
            floor text CHECK (floor IN ({_BANDS})),
            because jsonb NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (assessment, version)
        )
        """
    )
    op.execute("CREATE INDEX risk_hit_version ON kyc.risk_hit (version, at, assessment)")
    op.execute("CREATE INDEX risk_hit_resident ON kyc.risk_hit (resident)")
    for table in ("assessment", "risk_hit"):
        _history_for_officers(table, api="SELECT, INSERT")


def _declarations() -> None:
    amounts = ("funds_amount", "wealth_amount", "expected_turnover")
    bounded = " AND ".join(f"{name} BETWEEN 0 AND 5" for name in amounts)
    op.execute(
        f"""
        CREATE TABLE kyc.declaration (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            occupation text NOT NULL CHECK (occupation {_CODES}),
            industry text NOT NULL CHECK (industry {_CODES}),
            residence text NOT NULL CHECK (residence ~ '^[A-Z]{{1,3}}$'),
            products text[] NOT NULL,
            funds text[] NOT NULL CHECK (cardinality(funds) BETWEEN 1 AND 12),
            funds_amount integer NOT NULL,
            wealth text[] NOT NULL CHECK (cardinality(wealth) BETWEEN 1 AND 12),
            wealth_amount integer NOT NULL,
            expected_turnover integer NOT NULL,
            papers uuid[] NOT NULL CHECK (cardinality(papers) <= 20),
            words bytea NOT NULL,
            at timestamptz NOT NULL,
            UNIQUE (resident, version),
            UNIQUE (id, resident),
            CHECK ({bounded})
        )
        """
    )
    op.execute(
        """
        CREATE TABLE kyc.declaration_look (
            declaration uuid PRIMARY KEY,
            resident uuid NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('accepted', 'more')),
            asks text[] NOT NULL,
            by_officer text NOT NULL CHECK (by_officer ~ '^officer:'),
            at timestamptz NOT NULL,
            FOREIGN KEY (declaration, resident) REFERENCES kyc.declaration (id, resident),
            CONSTRAINT declaration_look_asks CHECK ((outcome = 'more') = (cardinality(asks) > 0)),
            CONSTRAINT declaration_look_not_oneself CHECK (by_officer <> 'officer:' || resident)
        )
        """
    )
    op.execute("CREATE INDEX declaration_look_resident ON kyc.declaration_look (resident)")
    for table in ("declaration", "declaration_look"):
        walls.append_only(f"kyc.{table}")
        walls.erasable(f"kyc.{table}", "resident")
        walls.own_rows(f"kyc.{table}", "resident")
        walls.grant(f"kyc.{table}", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    # A person says what is theirs and accepts nothing; an officer accepts and says nothing in a person's place.
    op.execute(
        f"""
        CREATE POLICY by_officers ON kyc.declaration_look AS RESTRICTIVE FOR INSERT TO {walls.API}
        WITH CHECK (by_officer = current_setting('app.actor', true))
        """
    )


def _exposure() -> None:
    op.execute(
        """
        CREATE TABLE kyc.exposure (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('pep', 'media')),
            attempts integer NOT NULL CHECK (attempts >= 0),
            rounds integer NOT NULL CHECK (rounds >= 0),
            due_at timestamptz NOT NULL,
            trouble text CHECK (length(trouble) <= 200),
            UNIQUE (resident, kind)
        )
        """
    )
    op.execute("CREATE INDEX exposure_due ON kyc.exposure (due_at)")
    walls.for_officers("kyc.exposure")
    walls.grant("kyc.exposure", api="SELECT", worker="SELECT, INSERT, UPDATE, DELETE", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.exposure_answer (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('pep', 'media')),
            vendor text NOT NULL CHECK (vendor ~ '^[a-z0-9._-]{1,60}$'),
            version text NOT NULL CHECK (version ~ '^[a-z0-9.-]{1,60}$'),
            threshold integer NOT NULL CHECK (threshold BETWEEN 0 AND 100),
            matches jsonb NOT NULL,
            found bytea NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX exposure_answer_of ON kyc.exposure_answer (resident, kind, id)")
    _history_for_officers("exposure_answer", api="SELECT")


def _overrides() -> None:
    op.execute(
        f"""
        CREATE TABLE kyc.risk_override (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            what text NOT NULL CHECK (what IN ('band', 'pep', 'media')),
            band text CHECK (band IN ({_BANDS})),
            entity text CHECK (length(entity) BETWEEN 1 AND 80),
            reason text NOT NULL CHECK (reason {_CODES}),
            note bytea,
            expires_on date NOT NULL,
            proposed_by text NOT NULL CHECK (proposed_by ~ '^officer:'),
            proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by ~ '^officer:'),
            decided_at timestamptz,
            agreed boolean,
            CONSTRAINT risk_override_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT risk_override_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3)),
            CONSTRAINT risk_override_of_what CHECK ((what = 'band') = (band IS NOT NULL)),
            CONSTRAINT risk_override_of_whom CHECK ((what <> 'band') = (entity IS NOT NULL)),
            CONSTRAINT risk_override_ends CHECK (expires_on <= (proposed_at AT TIME ZONE 'UTC')::date + 400)
        )
        """
    )
    op.execute("CREATE INDEX risk_override_of ON kyc.risk_override (resident, what)")
    op.execute(
        """
        CREATE UNIQUE INDEX risk_override_open ON kyc.risk_override (resident, what, coalesce(entity, ''))
        WHERE agreed IS NULL
        """
    )
    walls.for_officers("kyc.risk_override")
    walls.decided_once("kyc.risk_override")
    walls.grant(
        "kyc.risk_override",
        api="SELECT, INSERT, UPDATE (decided_by, decided_at, agreed)",
        worker="SELECT",
        report="SELECT",
    )


def _reviews() -> None:
    op.execute(
        f"""
        CREATE TABLE kyc.risk_profile (
            resident uuid PRIMARY KEY,
            due_at timestamptz,
            why text CHECK (why {_CODES}),
            review_at timestamptz,
            review_why text CHECK (review_why {_CODES}),
            verified_at timestamptz,
            CHECK ((due_at IS NULL) = (why IS NULL)),
            CHECK ((review_at IS NULL) = (review_why IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX risk_profile_due ON kyc.risk_profile (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX risk_profile_review ON kyc.risk_profile (review_at) WHERE review_at IS NOT NULL")
    walls.for_officers("kyc.risk_profile")
    walls.grant("kyc.risk_profile", api="SELECT", worker="SELECT, INSERT, UPDATE", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.identity_review (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            asked_at timestamptz NOT NULL,
            until date NOT NULL,
            overdue_at timestamptz CHECK (overdue_at > asked_at),
            done_at timestamptz CHECK (done_at >= asked_at)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX identity_review_open ON kyc.identity_review (resident) WHERE done_at IS NULL")
    op.execute("CREATE INDEX identity_review_resident ON kyc.identity_review (resident)")
    walls.own_rows("kyc.identity_review", "resident")
    walls.grant(
        "kyc.identity_review", api="SELECT", worker="SELECT, INSERT, UPDATE (overdue_at, done_at)", report="SELECT"
    )


def _falls_due() -> None:
    """Have a relation judged again by whoever learns something new: only that it is due, which tells them nothing."""
    op.execute(
        """
        CREATE FUNCTION kyc.risk_due(resident_ uuid, why_ text, at_ timestamptz) RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            INSERT INTO kyc.risk_profile (resident, due_at, why) VALUES (resident_, at_, why_)
            ON CONFLICT (resident) DO UPDATE SET
                why = CASE WHEN risk_profile.due_at <= excluded.due_at THEN risk_profile.why ELSE excluded.why END,
                due_at = least(risk_profile.due_at, excluded.due_at)
        $$
        """
    )
    # Whether the outside was asked about somebody: whose request it is sees neither question nor answer.
    op.execute(
        """
        CREATE FUNCTION kyc.was_expected(resident_ uuid) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT EXISTS (SELECT FROM kyc."check" WHERE resident = resident_ AND name = 'person.pep')
        $$
        """
    )
    for function in ("risk_due", "was_expected"):
        op.execute(f"REVOKE ALL ON FUNCTION kyc.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION kyc.{function} TO {walls.API}, {walls.WORKER}")
    op.execute(
        """
        CREATE FUNCTION kyc.is_due() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM kyc.risk_due(NEW.resident, TG_ARGV[0], NEW.at);
            RETURN NULL;
        END $$
        """
    )
    for table, why, when in (
        ("document", "document", "true"),
        ("check", "screening", "NEW.name IN ('person.screening', 'case.officers')"),
    ):
        op.execute(
            f"""
            CREATE TRIGGER risk_due AFTER INSERT ON kyc.{table} FOR EACH ROW WHEN ({when})
            EXECUTE FUNCTION kyc.is_due('{why}')
            """
        )


def _rules_for_a_scan() -> None:
    """Have whoever shows a document judged before anybody is approved: by rules that no resident reads."""
    op.execute(
        """
        CREATE FUNCTION kyc.active_rules() RETURNS TABLE (
            id uuid, rule text, version integer, body jsonb, drafted_by text, drafted_at timestamptz,
            state text, by_officer text, at timestamptz
        )
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT ruled.id, ruled.rule, ruled.version, ruled.body, ruled.drafted_by, ruled.drafted_at,
                   step.state, step.by_officer, step.at
            FROM kyc.risk_version AS ruled JOIN kyc.risk_step AS step ON step.version = ruled.id
            WHERE 'active' = (
                SELECT last.state FROM kyc.risk_step AS last WHERE last.version = ruled.id ORDER BY seq DESC LIMIT 1
            )
            ORDER BY ruled.rule, ruled.version, step.seq
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.active_rules FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.active_rules TO {walls.API}, {walls.WORKER}")


#: What the worker may write of a restriction: what screening froze (0032); and of whom nobody verified again, that
#: they should be restricted, to which an officer agrees, and that they are free once they were.
_WRITES = {
    "insert": (
        "WITH CHECK",
        "act = 'impose' AND proposed_by = 'service:screening'",
        "proposed_by = 'service:risk' AND decided_by IS NULL AND reason = 'identity_update'",
        "act = 'lift' AND decided_by = 'service:risk' AND reason = 'identity_update'",
    ),
    "update": ("USING", "proposed_by = 'service:screening'", "proposed_by = 'service:risk'"),
}


def _resumes() -> None:
    walls.grant("app.restriction", worker="UPDATE (state, lifted_at, lift_act)")
    for act, (how, *cases) in _WRITES.items():
        allowed = " OR ".join(f"({case})" for case in cases)
        op.execute(f"ALTER POLICY screening_{act} ON app.restriction_act {how} ({allowed})")


def _resumes_back() -> None:
    for act, (how, first, *_) in _WRITES.items():
        op.execute(f"ALTER POLICY screening_{act} ON app.restriction_act {how} ({first})")
    op.execute(f"REVOKE UPDATE (state, lifted_at, lift_act) ON app.restriction FROM {walls.WORKER}")


def _history_for_officers(table: str, *, api: str) -> None:
    walls.append_only(f"kyc.{table}")
    walls.erasable(f"kyc.{table}", "resident")
    walls.for_officers(f"kyc.{table}")
    walls.grant(f"kyc.{table}", api=api, worker="SELECT, INSERT", report="SELECT")
