"""Applications, their reviews and decisions, and the statuses they lead to.

What must never be, the tables refuse by themselves: a status without a grant, a decision without two reviews by two
officers who said the same in the same round, a state that no transition reached, a second open application.
"""

from alembic import op

from migrations import walls

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATES = (
    "'draft', 'submitted', 'checking', 'awaiting_applicant', 'in_review', 'second_review', "
    "'granted', 'refused', 'withdrawn'"
)


def upgrade() -> None:
    """Build the schema `residency`."""
    walls.schema("residency")
    walls.journal("residency")
    for build in (_application, _transition, _finding, _review, _decision, _decided, _status, _status_change, _numbers):
        build()


def downgrade() -> None:
    """Drop the schema with everything in it."""
    op.execute("DROP SCHEMA residency CASCADE")


def _application() -> None:
    op.execute(
        f"""
        CREATE TABLE residency.application (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            resident uuid NOT NULL,
            service text NOT NULL,
            state text NOT NULL CHECK (state IN ({_STATES})),
            version integer NOT NULL CHECK (version > 0),
            revision integer NOT NULL CHECK (revision > 0),
            answers jsonb NOT NULL DEFAULT '{{}}'::jsonb,
            receipt text UNIQUE,
            submitted_at timestamptz,
            term_days integer CHECK (term_days > 0),
            calendar text,
            overdue_on date,
            due_at timestamptz,
            -- What is promised at filing is promised as a whole: receipt, day, term and the calendar it is counted by.
            CONSTRAINT application_promised CHECK (num_nulls(receipt, submitted_at, term_days, calendar) IN (0, 4)),
            CONSTRAINT application_filed CHECK (receipt IS NOT NULL OR state IN ('draft', 'withdrawn'))
        )
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX application_one_open ON residency.application (resident, service)
        WHERE state NOT IN ('granted', 'refused', 'withdrawn')
        """
    )
    op.execute(
        """
        CREATE INDEX application_queue ON residency.application (state, submitted_at, id)
        WHERE submitted_at IS NOT NULL
        """
    )
    op.execute("CREATE INDEX application_due ON residency.application (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("residency.application", "resident")
    columns = "state, version, revision, answers, receipt, submitted_at, term_days, calendar, overdue_on, due_at"
    rights = f"SELECT, INSERT, UPDATE ({columns})"
    walls.grant("residency.application", api=rights, worker=rights, report="SELECT")


def _transition() -> None:
    op.execute(
        f"""
        CREATE TABLE residency.transition (
            application_id uuid NOT NULL CONSTRAINT transition_of REFERENCES residency.application,
            sort integer NOT NULL CHECK (sort > 0),
            resident uuid NOT NULL,
            act text,
            state text NOT NULL CHECK (state IN ({_STATES})),
            actor text NOT NULL,
            reason text,
            remark text,
            at timestamptz NOT NULL,
            outcome text GENERATED ALWAYS AS (CASE WHEN state IN ('granted', 'refused') THEN state END) STORED,
            PRIMARY KEY (application_id, sort),
            CONSTRAINT transition_reached UNIQUE (application_id, sort, state),
            CONSTRAINT transition_born CHECK ((sort = 1) = (act IS NULL))
        )
        """
    )
    # Deferred, because the application and the transition it stands at point at each other.
    op.execute(
        """
        ALTER TABLE residency.application ADD CONSTRAINT application_stands_at
        FOREIGN KEY (id, version, state) REFERENCES residency.transition (application_id, sort, state)
        DEFERRABLE INITIALLY DEFERRED
        """
    )
    _history("residency.transition")


def _finding() -> None:
    op.execute(
        """
        CREATE TABLE residency.finding (
            application_id uuid NOT NULL,
            version integer NOT NULL,
            name text NOT NULL,
            verdict text NOT NULL CHECK (verdict IN ('pass', 'fail', 'review')),
            reason text,
            at timestamptz NOT NULL,
            PRIMARY KEY (application_id, version, name),
            CONSTRAINT finding_of_checks FOREIGN KEY (application_id, version) REFERENCES residency.transition,
            CONSTRAINT finding_reasoned CHECK ((verdict = 'fail') = (reason IS NOT NULL))
        )
        """
    )
    walls.append_only("residency.finding")
    walls.grant("residency.finding", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    _for_officers("residency.finding")


def _review() -> None:
    op.execute(
        """
        CREATE TABLE residency.review (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            application_id uuid NOT NULL,
            round integer NOT NULL,
            officer uuid NOT NULL,
            verdict text NOT NULL CHECK (verdict IN ('approve', 'refuse', 'ask')),
            reason text,
            comment_internal text NOT NULL,
            comment_applicant text,
            at timestamptz NOT NULL,
            CONSTRAINT review_in_round FOREIGN KEY (application_id, round) REFERENCES residency.transition,
            CONSTRAINT review_once UNIQUE (application_id, round, officer),
            CONSTRAINT review_said UNIQUE (application_id, round, verdict, officer),
            CONSTRAINT review_reasoned CHECK ((verdict = 'approve') = (reason IS NULL))
        )
        """
    )
    walls.append_only("residency.review")
    walls.grant("residency.review", api="SELECT, INSERT", report="SELECT")
    _for_officers("residency.review")


def _decision() -> None:
    op.execute(
        """
        CREATE TABLE residency.decision (
            application_id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('granted', 'refused')),
            round integer NOT NULL,
            first_officer uuid NOT NULL,
            second_officer uuid NOT NULL,
            reason text,
            ground text,
            complain_until date,
            at timestamptz NOT NULL,
            verdict text GENERATED ALWAYS AS (CASE outcome WHEN 'granted' THEN 'approve' ELSE 'refuse' END) STORED,
            CONSTRAINT decision_outcome UNIQUE (application_id, outcome),
            CONSTRAINT decision_four_eyes CHECK (second_officer <> first_officer),
            CONSTRAINT decision_reasoned CHECK (
                num_nulls(reason, ground, complain_until) = CASE outcome WHEN 'granted' THEN 3 ELSE 0 END
            ),
            CONSTRAINT decision_first FOREIGN KEY (application_id, round, verdict, first_officer)
                REFERENCES residency.review (application_id, round, verdict, officer),
            CONSTRAINT decision_second FOREIGN KEY (application_id, round, verdict, second_officer)
                REFERENCES residency.review (application_id, round, verdict, officer)
        )
        """
    )
    _history("residency.decision")


def _decided() -> None:
    op.execute(
        """
        ALTER TABLE residency.transition ADD CONSTRAINT transition_decided
        FOREIGN KEY (application_id, outcome) REFERENCES residency.decision (application_id, outcome)
        """
    )


def _status() -> None:
    op.execute(
        """
        CREATE TABLE residency.status (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            resident uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('e_resident')),
            scheme text NOT NULL CHECK (scheme IN ('DEMO-ERID')),
            number text NOT NULL CHECK (number ~ '^[0-9]{12}$'),
            citizenship text NOT NULL,
            application_id uuid NOT NULL,
            outcome text GENERATED ALWAYS AS ('granted') STORED,
            state text NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
            version integer NOT NULL CHECK (version > 0),
            assigned_at timestamptz NOT NULL,
            CONSTRAINT status_number UNIQUE (scheme, number),
            CONSTRAINT status_once UNIQUE (application_id, kind),
            -- D3.2-d: foreigners and stateless persons, never citizens.
            CONSTRAINT status_foreigner CHECK (citizenship IN ('foreign', 'stateless', 'refugee')),
            CONSTRAINT status_decided FOREIGN KEY (application_id, outcome)
                REFERENCES residency.decision (application_id, outcome)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX status_one_held ON residency.status (resident, kind) WHERE state <> 'revoked'")
    walls.own_rows("residency.status", "resident")
    walls.grant("residency.status", api="SELECT, INSERT, UPDATE (state, version)", worker="SELECT", report="SELECT")


def _status_change() -> None:
    op.execute(
        """
        CREATE TABLE residency.status_change (
            status_id uuid NOT NULL CONSTRAINT status_change_of REFERENCES residency.status,
            sort integer NOT NULL CHECK (sort > 0),
            resident uuid NOT NULL,
            state text NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
            actor text NOT NULL,
            reason text,
            ground text,
            at timestamptz NOT NULL,
            PRIMARY KEY (status_id, sort),
            CONSTRAINT status_change_reached UNIQUE (status_id, sort, state),
            CONSTRAINT status_change_reasoned CHECK (state = 'active' OR num_nulls(reason, ground) = 0)
        )
        """
    )
    op.execute(
        """
        ALTER TABLE residency.status ADD CONSTRAINT status_stands_at
        FOREIGN KEY (id, version, state) REFERENCES residency.status_change (status_id, sort, state)
        DEFERRABLE INITIALLY DEFERRED
        """
    )
    _history("residency.status_change")


def _numbers() -> None:
    for name in ("receipt_serial", "erid_serial"):
        op.execute(f"CREATE SEQUENCE residency.{name} MAXVALUE 999999999")
        op.execute(f"GRANT USAGE ON SEQUENCE residency.{name} TO {walls.API}")


def _for_officers(table: str) -> None:
    """Let no resident, not even the one it is about, read what was found and thought (tipping-off)."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY officers ON {table} TO {walls.API} USING (current_setting('app.audience', true) = 'officer')"
    )
    op.execute(f"CREATE POLICY inside ON {table} TO {walls.WORKER}, {walls.REPORT}, CURRENT_USER USING (true)")


def _history(table: str) -> None:
    walls.append_only(table)
    walls.own_rows(table, "resident")
    walls.grant(table, api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")
