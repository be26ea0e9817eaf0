"""Cases of identification: their moves, their looks, what was decided; and a case for everybody who came before.

What the database refuses by itself: a move that the table of moves does not hold or that does not follow the last one;
an approval while an alert is open, or that no decision says; a verdict of one officer, or of two who did not see the
same looks; a second action beside a pending one; a review in another officer's name; whoever refused hearing the
appeal. Other rooms go on asking `kyc.decision`.
"""

from alembic import op

from migrations import cases, erasing, walls

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_STATES = (
    "draft", "collecting", "submitted", "auto_checks", "needs_input", "screening_alert", "manual_review",
    "second_review", "approved", "rejected_final", "monitoring", "re_kyc_due", "alert", "suspended", "closed",
    "retention", "erased",
)  # fmt: skip
_OVER = ("closed", "retention", "erased")
#: Before, act, after: kyc/cases/life.py, which a test compares.
_EDGES = (
    "draft collect collecting", "collecting submit submitted", "submitted check auto_checks",
    "auto_checks approve approved", "auto_checks ask needs_input", "auto_checks alert screening_alert",
    "auto_checks review manual_review", "needs_input submit submitted", "needs_input alert screening_alert",
    "needs_input lapse collecting", "screening_alert check auto_checks", "manual_review check auto_checks",
    "manual_review ask needs_input", "manual_review propose second_review", "second_review check auto_checks",
    "second_review ask needs_input", "second_review disagree manual_review", "second_review grant approved",
    "second_review refuse rejected_final", "rejected_final appeal manual_review", "approved monitor monitoring",
    "approved alert alert", "approved fall_due re_kyc_due", "approved suspend suspended", "monitoring alert alert",
    "monitoring fall_due re_kyc_due", "monitoring suspend suspended", "alert clear monitoring",
    "alert review manual_review", "alert suspend suspended", "re_kyc_due submit submitted", "re_kyc_due alert alert",
    "re_kyc_due suspend suspended", "suspended submit submitted", "suspended review manual_review",
    "closed retain retention", "closed erase erased", "retention erase erased",
    *(f"{state} close closed" for state in _STATES if state not in _OVER),
)  # fmt: skip
#: What only officers do, whoever's request it is.
_OFFICERS = "'propose', 'disagree', 'grant', 'refuse'"
_INSIDE = "current_setting('app.audience', true) IN ('officer', 'service')"
_MINE = "resident = NULLIF(current_setting('app.holder', true), '')::uuid"
_ERASED = "('kyc.check', 'resident')"
_ERASES = f"('kyc.case_decision', 'resident'), {_ERASED}"


def upgrade() -> None:
    """Build it, and open a case for everybody who showed a document."""
    for build in (
        _case,
        _moves,
        _decisions,
        _actions,
        _reviews,
        _appeals,
        cases.guard,
        cases.carry_over,
        cases.looks,
        cases.stand,
        cases.undecided,
    ):
        build()
    erasing.also(_ERASED, _ERASES)


def downgrade() -> None:
    """Take it away; what officers decided about cases is lost, what each document is worth is not."""
    erasing.also(_ERASES, _ERASED)
    cases.undo()
    for table in ("appeal", "verdict", "review", "action", "decision", "move", "edge"):
        op.execute(f"DROP TABLE kyc.case_{table}")
    op.execute("DROP TABLE kyc.case")
    cases.undo_guards()


def _case() -> None:
    states = ", ".join(f"'{state}'" for state in _STATES)
    op.execute(
        f"""
        CREATE TABLE kyc.case (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            resident uuid NOT NULL,
            purpose text NOT NULL CHECK (purpose = 'identity'),
            state text NOT NULL CHECK (state IN ({states})),
            version integer NOT NULL CHECK (version > 0),
            records integer NOT NULL CHECK (records >= 0),
            decisions integer NOT NULL CHECK (decisions >= 0),
            decided bytea CHECK (length(decided) = 32),
            attempts integer NOT NULL CHECK (attempts >= 0),
            told text[] NOT NULL,
            opened_at timestamptz NOT NULL,
            due_at timestamptz,
            answer_by timestamptz,
            CONSTRAINT case_one UNIQUE (resident, purpose),
            CONSTRAINT case_of UNIQUE (id, resident),
            CONSTRAINT case_waits_for_one CHECK (due_at IS NULL OR answer_by IS NULL)
        )
        """
    )
    op.execute("CREATE INDEX case_queue ON kyc.case (due_at, id) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX case_answers ON kyc.case (answer_by) WHERE answer_by IS NOT NULL")
    op.execute("CREATE INDEX case_settles ON kyc.case (id) WHERE state = 'approved'")
    walls.own_rows("kyc.case", "resident")
    running = "state, version, records, decisions, decided, attempts, told, due_at, answer_by"
    for role in ("api", "worker"):
        walls.grant("kyc.case", **{role: f"SELECT, INSERT, UPDATE ({running})"})
    walls.grant("kyc.case", report="SELECT")


def _moves() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_edge (
            before text NOT NULL,
            act text NOT NULL,
            state text NOT NULL,
            PRIMARY KEY (before, act),
            CONSTRAINT case_edge_leads UNIQUE (before, act, state)
        )
        """
    )
    edges = ", ".join("('" + "', '".join(edge.split()) + "')" for edge in _EDGES)
    op.execute(f"INSERT INTO kyc.case_edge VALUES {edges}")
    walls.append_only("kyc.case_edge")
    walls.grant("kyc.case_edge", api="SELECT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.case_move (
            case_id uuid NOT NULL,
            sort integer NOT NULL CHECK (sort > 0),
            resident uuid NOT NULL,
            before text,
            act text,
            state text NOT NULL,
            actor text NOT NULL,
            reason text CHECK (reason ~ '^[a-z_]{1,40}$'),
            at timestamptz NOT NULL,
            earlier integer GENERATED ALWAYS AS (CASE WHEN sort > 1 THEN sort - 1 END) STORED,
            outcome text GENERATED ALWAYS AS (CASE WHEN act IN ('grant', 'refuse') THEN act END) STORED,
            PRIMARY KEY (case_id, sort),
            CONSTRAINT case_move_reached UNIQUE (case_id, sort, state),
            CONSTRAINT case_move_of FOREIGN KEY (case_id, resident) REFERENCES kyc.case (id, resident),
            CONSTRAINT case_move_follows FOREIGN KEY (case_id, earlier, before)
                REFERENCES kyc.case_move (case_id, sort, state),
            CONSTRAINT case_move_leads FOREIGN KEY (before, act, state) REFERENCES kyc.case_edge (before, act, state),
            CONSTRAINT case_move_begins CHECK (
                CASE WHEN sort = 1 THEN before IS NULL AND act IS NULL AND state = 'draft'
                     ELSE before IS NOT NULL AND act IS NOT NULL END
            )
        )
        """
    )
    walls.append_only("kyc.case_move")
    _never_tipped_off("kyc.case_move", f"(act IS NULL OR act NOT IN ({_OFFICERS}))")
    walls.grant("kyc.case_move", api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _decisions() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_decision (
            case_id uuid NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            resident uuid NOT NULL,
            records integer NOT NULL CHECK (records >= 0),
            rules text NOT NULL,
            outcome text NOT NULL
                CHECK (outcome IN ('incomplete', 'approve', 'retry', 'alert', 'review', 'reject')),
            encoded bytea NOT NULL,
            digest bytea NOT NULL,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, number),
            CONSTRAINT case_decision_of FOREIGN KEY (case_id, resident) REFERENCES kyc.case (id, resident),
            CONSTRAINT case_decision_digested CHECK (digest = sha256(encoded))
        )
        """
    )
    walls.append_only("kyc.case_decision")
    walls.erasable("kyc.case_decision", "resident")
    _never_tipped_off("kyc.case_decision", "true")
    walls.grant("kyc.case_decision", api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _never_tipped_off(table: str, writes: str) -> None:
    """Let a resident's own request add what its look led to, and read none of it back (tipping-off)."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY reads ON {table} FOR SELECT TO {walls.API} USING ({_INSIDE})")
    op.execute(
        f"CREATE POLICY writes ON {table} FOR INSERT TO {walls.API} WITH CHECK ({_INSIDE} OR ({_MINE} AND {writes}))"
    )
    op.execute(f"CREATE POLICY many_holders ON {table} TO {walls.WORKER}, {walls.REPORT}, CURRENT_USER USING (true)")


def _actions() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_action (
            id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            resident uuid NOT NULL,
            officer uuid NOT NULL,
            claimed_at timestamptz NOT NULL,
            lapses_at timestamptz NOT NULL CHECK (lapses_at > claimed_at),
            ended_at timestamptz,
            ended_by text CHECK (ended_by IN ('released', 'reviewed', 'lapsed', 'moved')),
            CONSTRAINT case_action_of FOREIGN KEY (case_id, resident) REFERENCES kyc.case (id, resident),
            CONSTRAINT case_action_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX case_action_pending ON kyc.case_action (case_id) WHERE ended_at IS NULL")
    walls.for_officers("kyc.case_action")
    walls.refuse("kyc.case_action", "UPDATE", when="OLD.ended_at IS NOT NULL")
    walls.grant("kyc.case_action", api="SELECT, INSERT, UPDATE (ended_at, ended_by)", worker="SELECT", report="SELECT")


def _reviews() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_review (
            id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            round integer NOT NULL,
            resident uuid NOT NULL,
            officer uuid NOT NULL,
            verdict text NOT NULL CHECK (verdict IN ('grant', 'refuse', 'ask')),
            reason text CHECK (reason ~ '^[a-z_]{1,40}$'),
            note bytea,
            records integer NOT NULL CHECK (records >= 0),
            at timestamptz NOT NULL,
            CONSTRAINT case_review_once UNIQUE (case_id, round, officer),
            CONSTRAINT case_review_said UNIQUE (case_id, round, verdict, officer, records),
            CONSTRAINT case_review_in_round FOREIGN KEY (case_id, round) REFERENCES kyc.case_move (case_id, sort),
            CONSTRAINT case_review_why CHECK ((verdict = 'grant') = (reason IS NULL))
        )
        """
    )
    walls.append_only("kyc.case_review")
    walls.for_officers("kyc.case_review")
    # An officer speaks for nobody but themselves.
    op.execute(
        f"CREATE POLICY as_oneself ON kyc.case_review AS RESTRICTIVE FOR INSERT TO {walls.API}"
        " WITH CHECK ('officer:' || officer = current_setting('app.actor', true))"
    )
    walls.grant("kyc.case_review", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.case_verdict (
            case_id uuid NOT NULL,
            sort integer NOT NULL,
            resident uuid NOT NULL,
            round integer NOT NULL,
            records integer NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('grant', 'refuse')),
            first_officer uuid NOT NULL,
            second_officer uuid NOT NULL,
            reason text,
            ground text,
            appeal_until date,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, sort),
            CONSTRAINT case_verdict_outcome UNIQUE (case_id, sort, outcome),
            CONSTRAINT case_verdict_of FOREIGN KEY (case_id, resident) REFERENCES kyc.case (id, resident),
            CONSTRAINT case_verdict_four_eyes CHECK (first_officer <> second_officer),
            CONSTRAINT case_verdict_first FOREIGN KEY (case_id, round, outcome, first_officer, records)
                REFERENCES kyc.case_review (case_id, round, verdict, officer, records),
            CONSTRAINT case_verdict_second FOREIGN KEY (case_id, round, outcome, second_officer, records)
                REFERENCES kyc.case_review (case_id, round, verdict, officer, records),
            CONSTRAINT case_verdict_why CHECK (
                num_nulls(reason, ground, appeal_until) = CASE outcome WHEN 'refuse' THEN 0 ELSE 3 END
            )
        )
        """
    )
    walls.append_only("kyc.case_verdict")
    walls.own_rows("kyc.case_verdict", "resident")
    op.execute(
        f"CREATE POLICY officers_write ON kyc.case_verdict AS RESTRICTIVE FOR INSERT TO {walls.API}"
        " WITH CHECK (current_setting('app.audience', true) = 'officer')"
    )
    walls.grant("kyc.case_verdict", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _appeals() -> None:
    op.execute(
        """
        CREATE TABLE kyc.case_appeal (
            case_id uuid NOT NULL,
            sort integer NOT NULL,
            id uuid NOT NULL UNIQUE,
            resident uuid NOT NULL,
            words bytea NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, sort),
            CONSTRAINT case_appeal_against FOREIGN KEY (case_id, sort) REFERENCES kyc.case_verdict (case_id, sort)
        )
        """
    )
    walls.append_only("kyc.case_appeal")
    walls.own_rows("kyc.case_appeal", "resident")
    walls.grant("kyc.case_appeal", api="SELECT, INSERT", worker="SELECT", report="SELECT")
