"""What may be spent: own limits and what is used of them, restrictions with their appeals, adjustments by officers.

A level of identification is no column: it follows from the documents in force on the day (app/allowance.py).
"""

from alembic import op

from migrations import walls

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OPERATIONS = "'transfer', 'payout', 'payout_own', 'exchange', 'card', 'invest'"
_REASONS = "'identity_update', 'security', 'legal_review', 'court_order', 'state_order', 'own_request'"

_DUTIES = ("viewer", "case_officer", "approver", "security", "auditor")

#: What a batch must know of people to decide what they may spend: columns without a name in them.
_POSTING_SEES = (
    ("kyc.document", "SELECT (id, resident, expires)"),
    ("kyc.decision", "SELECT (document, resident, version, outcome)"),
    ("app.subject", "SELECT (id, limited_until)"),
)


def upgrade() -> None:
    """Build it."""
    for build in (_use, _own_limits, _restrictions, _responses, _appeals, _adjustments, _lane, _rights):
        build()
    _duties(*_DUTIES, "compliance", "treasury")


def downgrade() -> None:
    """Take it away."""
    op.execute("DELETE FROM app.officer_grant WHERE duty IN ('compliance', 'treasury')")
    _duties(*_DUTIES)
    _rights_back()
    op.execute("DROP FUNCTION app.hold_lane(uuid)")
    for table in (
        "adjustment",
        "restriction_verdict",
        "restriction_appeal",
        "restriction_response",
        "restriction",
        "restriction_act",
        "own_limit",
        "allowance_use",
    ):
        op.execute(f"DROP TABLE app.{table}")


def _use() -> None:
    # A row for each day somebody spends on: a month is the sum of its days, so nothing is carried over and what comes
    # back is taken from the day it was counted on. Half a page stays free: counting touches no index.
    op.execute(
        f"""
        CREATE TABLE app.allowance_use (
            holder uuid NOT NULL,
            day date NOT NULL,
            operation text NOT NULL CHECK (operation IN ({_OPERATIONS})),
            minor bigint NOT NULL CHECK (minor >= 0),
            PRIMARY KEY (holder, day, operation)
        ) WITH (fillfactor = 50)
        """
    )
    op.execute("CREATE INDEX allowance_use_day ON app.allowance_use USING brin (day) WITH (autosummarize = on)")
    walls.own_rows("app.allowance_use", "holder")
    walls.grant("app.allowance_use", api="SELECT", posting="SELECT, INSERT, UPDATE (minor)")
    # Locking a row needs UPDATE on a column of it.
    walls.grant("app.allowance_use", worker="SELECT, UPDATE (minor), DELETE")
    walls.grant("app.allowance_use", report="SELECT")


def _own_limits() -> None:
    op.execute(
        """
        CREATE TABLE app.own_limit (
            holder uuid NOT NULL,
            name text NOT NULL CHECK (name ~ '^[a-z]+[.][a-z]+$'),
            minor bigint CHECK (minor >= 0),
            raised_to bigint CHECK (raised_to >= 0),
            raised_from timestamptz,
            version integer NOT NULL CHECK (version > 0),
            at timestamptz NOT NULL,
            PRIMARY KEY (holder, name),
            CONSTRAINT own_limit_raised CHECK (
                CASE WHEN raised_from IS NULL THEN raised_to IS NULL
                     ELSE raised_from > at AND minor IS NOT NULL AND coalesce(raised_to > minor, true) END
            )
        )
        """
    )
    walls.own_rows("app.own_limit", "holder")
    changed = "minor, raised_to, raised_from, version, at"
    walls.grant("app.own_limit", api=f"SELECT, INSERT, UPDATE ({changed})", posting="SELECT", report="SELECT")


def _restrictions() -> None:
    # Officers' words and names, and why really, are here, where the person concerned never reads (tipping-off); the
    # restriction itself is what they see, and exists by the word of two.
    op.execute(
        f"""
        CREATE TABLE app.restriction_act (
            id uuid PRIMARY KEY,
            restriction uuid NOT NULL,
            holder uuid NOT NULL,
            act text NOT NULL CHECK (act IN ('impose', 'extend', 'lift')),
            reason text NOT NULL CHECK (reason IN ({_REASONS})),
            cause text CHECK (cause ~ '^[a-z_]{{1,40}}$'),
            note bytea,
            proposed_by text NOT NULL,
            proposed_at timestamptz NOT NULL,
            decided_by text,
            decided_at timestamptz,
            agreed boolean,
            CONSTRAINT restriction_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT restriction_not_oneself CHECK (
                'resident:' || holder <> decided_by AND (act = 'lift' OR 'resident:' || holder <> proposed_by)
            ),
            CONSTRAINT restriction_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3)),
            CONSTRAINT restriction_caused CHECK ((act = 'impose') = (cause IS NOT NULL)),
            CONSTRAINT restriction_act_agreed UNIQUE (id, agreed),
            CONSTRAINT restriction_act_eyes UNIQUE (id, proposed_by, decided_by)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX restriction_act_open ON app.restriction_act (restriction) WHERE agreed IS NULL")
    op.execute("CREATE INDEX restriction_act_holder ON app.restriction_act (holder)")
    walls.for_officers("app.restriction_act")
    walls.grant("app.restriction_act", api="SELECT, INSERT, UPDATE (decided_by, decided_at, agreed)", worker="SELECT")
    # Only what an appeal lifts is written down decided: the resident asked for it.
    for act, check in (
        ("INSERT", "WITH CHECK (decided_by IS NULL OR act = 'lift')"),
        ("UPDATE", "USING (decided_by IS NULL) WITH CHECK (true)"),
    ):
        op.execute(
            f"""
            CREATE POLICY decided_{act.lower()} ON app.restriction_act AS RESTRICTIVE FOR {act} TO {walls.API} {check}
            """
        )
    op.execute(
        f"""
        CREATE TABLE app.restriction (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            reason text NOT NULL CHECK (reason IN ({_REASONS})),
            state text NOT NULL CHECK (state IN ('in_force', 'lifted')),
            version integer NOT NULL CHECK (version > 0),
            imposed_at timestamptz NOT NULL,
            review_due timestamptz NOT NULL CHECK (review_due > imposed_at),
            due_at timestamptz,
            overdue_since timestamptz,
            lifted_at timestamptz,
            by_act uuid NOT NULL,
            lift_act uuid,
            agreed boolean GENERATED ALWAYS AS (true) STORED,
            UNIQUE (id, holder),
            CONSTRAINT restriction_by_two FOREIGN KEY (by_act, agreed)
                REFERENCES app.restriction_act (id, agreed),
            CONSTRAINT restriction_lifted_by_two FOREIGN KEY (lift_act, agreed)
                REFERENCES app.restriction_act (id, agreed),
            CONSTRAINT restriction_lifted CHECK (
                (state = 'lifted') = (lift_act IS NOT NULL) AND (lift_act IS NULL) = (lifted_at IS NULL)
            ),
            CONSTRAINT restriction_looked_at CHECK (state = 'in_force' OR due_at IS NULL)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX restriction_stands ON app.restriction (holder, reason) WHERE state = 'in_force'")
    op.execute("CREATE INDEX restriction_due ON app.restriction (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("app.restriction", "holder")
    running = "state, version, review_due, due_at, overdue_since, lifted_at, lift_act"
    walls.grant("app.restriction", api=f"SELECT, INSERT, UPDATE ({running})", posting="SELECT", report="SELECT")
    walls.grant("app.restriction", worker="SELECT, UPDATE (version, due_at, overdue_since)")
    # A resident reads; only officers impose and lift.
    for act in ("INSERT", "UPDATE"):
        check = "WITH CHECK" if act == "INSERT" else "USING"
        op.execute(
            f"""
            CREATE POLICY decided_{act.lower()} ON app.restriction AS RESTRICTIVE FOR {act} TO {walls.API}
            {check} (current_setting('app.audience', true) = 'officer')
            """
        )


def _responses() -> None:
    op.execute(
        """
        CREATE TABLE app.restriction_response (
            id uuid PRIMARY KEY,
            restriction uuid NOT NULL,
            holder uuid NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL,
            FOREIGN KEY (restriction, holder) REFERENCES app.restriction (id, holder)
        )
        """
    )
    op.execute("CREATE INDEX restriction_response_of ON app.restriction_response (restriction, id)")
    walls.append_only("app.restriction_response")
    walls.own_rows("app.restriction_response", "holder")
    walls.grant("app.restriction_response", api="SELECT, INSERT", worker="SELECT")


def _appeals() -> None:
    op.execute(
        """
        CREATE TABLE app.restriction_appeal (
            id uuid PRIMARY KEY,
            restriction uuid NOT NULL,
            holder uuid NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL,
            answer_due timestamptz NOT NULL CHECK (answer_due > at),
            outcome text CHECK (outcome IN ('granted', 'upheld')),
            decided_at timestamptz,
            CONSTRAINT restriction_appeal_decided CHECK ((outcome IS NULL) = (decided_at IS NULL)),
            FOREIGN KEY (restriction, holder) REFERENCES app.restriction (id, holder)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX restriction_appeal_open ON app.restriction_appeal (restriction) WHERE outcome IS NULL"
    )
    op.execute("CREATE INDEX restriction_appeal_of ON app.restriction_appeal (restriction, id)")
    walls.own_rows("app.restriction_appeal", "holder")
    walls.grant("app.restriction_appeal", api="SELECT, INSERT, UPDATE (outcome, decided_at)", worker="SELECT")
    # Who decides is neither of the two who imposed: they are copied from their act, which the reference proves.
    op.execute(
        """
        CREATE TABLE app.restriction_verdict (
            appeal uuid PRIMARY KEY REFERENCES app.restriction_appeal,
            holder uuid NOT NULL,
            by_act uuid NOT NULL,
            first_officer text NOT NULL,
            second_officer text NOT NULL,
            decided_by text NOT NULL,
            note bytea,
            at timestamptz NOT NULL,
            CONSTRAINT restriction_other_eyes CHECK (decided_by NOT IN (first_officer, second_officer)),
            CONSTRAINT restriction_their_act FOREIGN KEY (by_act, first_officer, second_officer)
                REFERENCES app.restriction_act (id, proposed_by, decided_by)
        )
        """
    )
    walls.append_only("app.restriction_verdict")
    walls.for_officers("app.restriction_verdict")
    walls.grant("app.restriction_verdict", api="SELECT, INSERT", worker="SELECT")


def _adjustments() -> None:
    op.execute(
        """
        CREATE TABLE app.adjustment (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            lane integer NOT NULL REFERENCES wallet.lane,
            wallet uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('credit', 'debit', 'reversal')),
            reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
            purpose text,
            label text,
            minor bigint NOT NULL CHECK (minor > 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            reverses uuid,
            effective timestamptz,
            evidence text NOT NULL CHECK (evidence ~ '^[A-Z]{1,12}(-[0-9]{1,12}){1,3}$'),
            note bytea,
            proposed_by text NOT NULL,
            proposed_at timestamptz NOT NULL,
            decided_by text,
            decided_at timestamptz,
            state text NOT NULL CHECK (state IN ('proposed', 'dropped', 'executed')),
            transfer uuid UNIQUE,
            CONSTRAINT adjustment_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT adjustment_decided CHECK (
                (state = 'proposed') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)
            ),
            CONSTRAINT adjustment_executed CHECK ((state = 'executed') = (transfer IS NOT NULL)),
            CONSTRAINT adjustment_of CHECK (
                CASE kind WHEN 'reversal' THEN reverses IS NOT NULL AND purpose IS NULL
                          ELSE reverses IS NULL AND purpose IS NOT NULL END
            )
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX adjustment_reverses ON app.adjustment (reverses) WHERE state <> 'dropped'")
    op.execute("CREATE INDEX adjustment_holder ON app.adjustment (holder, id)")
    op.execute("CREATE INDEX adjustment_open ON app.adjustment (id) WHERE state = 'proposed'")
    walls.for_officers("app.adjustment")
    walls.decided_once("app.adjustment")
    decided = "decided_by, decided_at, state, transfer"
    proposed = (
        "id, holder, lane, wallet, kind, reason, purpose, label, minor, currency, reverses, effective, evidence, note,"
        " proposed_by, proposed_at, state"
    )
    walls.grant("app.adjustment", api=f"SELECT, INSERT ({proposed}), UPDATE ({decided})", worker="SELECT")
    walls.grant("app.adjustment", report="SELECT")
    # Whoever locks a row needs UPDATE on a column of it.
    walls.grant("app.adjustment", posting=f"SELECT, UPDATE ({decided})")


def _lane() -> None:
    # A batch holds the lock of its lanes from its first look to its commit: whoever changes what it looks at under the
    # same lock changes it before or after the batch, never in between.
    op.execute(
        """
        CREATE FUNCTION app.hold_lane(holder_ uuid) RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT lane.lane FROM wallet.lane JOIN wallet.holder ON holder.lane = lane.lane
            WHERE holder.holder = holder_ FOR NO KEY UPDATE OF lane
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.hold_lane FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.hold_lane TO {walls.API}")


def _rights() -> None:
    for table, rights in _POSTING_SEES:
        walls.grant(table, posting=rights)


def _rights_back() -> None:
    for table, rights in _POSTING_SEES:
        op.execute(f"REVOKE {rights} ON {table} FROM {walls.POSTING}")


def _duties(*duties: str) -> None:
    op.execute("ALTER TABLE app.officer_grant DROP CONSTRAINT officer_grant_duty_check")
    named = ", ".join(f"'{duty}'" for duty in duties)
    op.execute(f"ALTER TABLE app.officer_grant ADD CONSTRAINT officer_grant_duty_check CHECK (duty IN ({named}))")
