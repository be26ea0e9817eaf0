"""What card networks settle: their files line by line, how each compares with what we booked, the breaks, the reports.

The second half of revision 0027, which calls build().
"""

from alembic import op

from migrations import walls

TABLES = (
    "settlement_file", "settlement_record", "settlement_match", "settlement_break", "settlement_proposal",
    "settlement_refusal", "settlement_report",
)  # fmt: skip
_OFFICER = "'^officer:[0-9a-f-]{36}$'"
_NAME = r"'^[!-~]{1,64}$'"


def build() -> None:
    """Build it."""
    for part in (_files, _records, _matches, _breaks, _proposals, _reports):
        part()


def _files() -> None:
    op.execute(
        f"""
        CREATE TABLE cards.settlement_file (
            id uuid PRIMARY KEY,
            network text NOT NULL CHECK (network ~ {_NAME}),
            link text NOT NULL CHECK (link IN ('domestic', 'international')),
            sequence integer NOT NULL CHECK (sequence > 0),
            business_date date NOT NULL,
            cutoff_at timestamptz NOT NULL,
            settles_on date NOT NULL CHECK (settles_on >= business_date),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
            sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
            records integer NOT NULL CHECK (records >= 0),
            debits_minor bigint NOT NULL CHECK (debits_minor >= 0),
            credits_minor bigint NOT NULL CHECK (credits_minor >= 0),
            interchange_minor bigint NOT NULL,
            fees_minor bigint NOT NULL CHECK (fees_minor >= 0),
            net_minor bigint NOT NULL,
            taken_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN ('taken', 'settled', 'reported')),
            due_at timestamptz,
            settled_at timestamptz,
            UNIQUE (network, sequence),
            CHECK (net_minor = debits_minor - credits_minor - interchange_minor + fees_minor),
            CHECK ((state = 'taken') = (settled_at IS NULL)),
            CHECK ((state = 'reported') = (due_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX settlement_file_due ON cards.settlement_file (due_at) WHERE due_at IS NOT NULL")
    op.execute(
        "CREATE TRIGGER told BEFORE UPDATE ON cards.settlement_file FOR EACH ROW WHEN ("
        "(OLD.network, OLD.sequence, OLD.sha256, OLD.net_minor, OLD.business_date, OLD.cutoff_at) IS DISTINCT FROM"
        " (NEW.network, NEW.sequence, NEW.sha256, NEW.net_minor, NEW.business_date, NEW.cutoff_at))"
        " EXECUTE FUNCTION app.refuse_change()"
    )
    walls.for_officers("cards.settlement_file")
    walls.grant("cards.settlement_file", api="SELECT", posting="SELECT", report="SELECT")
    walls.grant("cards.settlement_file", worker="SELECT, INSERT, UPDATE (state, due_at, settled_at)")


def _records() -> None:
    # What the network says, a row for each line; the number of a card is never among it. They are written as the lines
    # are read, the file when its last line is.
    op.execute(
        """
        CREATE TABLE cards.settlement_record (
            file uuid NOT NULL REFERENCES cards.settlement_file DEFERRABLE INITIALLY DEFERRED,
            no integer NOT NULL CHECK (no > 0),
            kind text NOT NULL CHECK (kind IN (
                'purchase', 'cash', 'refund', 'chargeback', 'representment', 'fee')),
            lifecycle text NOT NULL,
            element text NOT NULL,
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            interchange_minor bigint NOT NULL,
            fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
            merchant_name text NOT NULL,
            merchant_id text NOT NULL,
            merchant_category text NOT NULL CHECK (merchant_category ~ '^[0-9]{4}$'),
            merchant_country text NOT NULL CHECK (merchant_country ~ '^[A-Z]{2}$'),
            final boolean NOT NULL,
            PRIMARY KEY (file, no)
        )
        """
    )
    op.execute("CREATE INDEX settlement_record_name ON cards.settlement_record (lifecycle, element)")


def _matches() -> None:
    op.execute(
        """
        CREATE TABLE cards.settlement_match (
            file uuid NOT NULL,
            no integer NOT NULL,
            outcome text NOT NULL CHECK (outcome IN (
                'matched', 'amount_differs', 'currency_differs', 'duplicate', 'missing_at_us', 'fee')),
            lane integer,
            payment uuid,
            element integer,
            dispute uuid,
            ours_minor bigint,
            ours_currency text CHECK (ours_currency ~ '^[A-Z]{3}$'),
            PRIMARY KEY (file, no),
            FOREIGN KEY (file, no) REFERENCES cards.settlement_record,
            CHECK (payment IS NULL OR dispute IS NULL),
            CHECK ((payment IS NULL) = (element IS NULL))
        )
        """
    )
    # What the network has to settle, by when we heard of it.
    op.execute(
        "CREATE INDEX element_settles ON cards.element (at)"
        " WHERE kind IN ('clearing', 'refund') OR kind = 'fee' AND NOT ours"
    )
    # An element is settled once: a second record of it is a duplicate.
    op.execute(
        "CREATE UNIQUE INDEX settlement_match_once ON cards.settlement_match (payment, element)"
        " WHERE payment IS NOT NULL AND outcome <> 'duplicate'"
    )
    for table in ("settlement_record", "settlement_match"):
        # No request reads them, so they need no wall by rows, with which COPY would not be allowed.
        walls.append_only(f"cards.{table}")
        walls.grant(f"cards.{table}", worker="SELECT, INSERT", report="SELECT")


def _breaks() -> None:
    # `theirs` is what the network says, `ours` what we booked; what one of them has not is null. `opened_at` never
    # changes, so that a break is as old as it is. What we could not book by ourselves is `left_to_officers`.
    op.execute(
        f"""
        CREATE TABLE cards.settlement_break (
            id uuid PRIMARY KEY,
            network text NOT NULL,
            file uuid NOT NULL REFERENCES cards.settlement_file,
            kind text NOT NULL CHECK (kind IN (
                'amount_differs', 'currency_differs', 'duplicate', 'missing_at_us', 'missing_at_network')),
            no integer,
            lane integer NOT NULL,
            payment uuid,
            element integer,
            card uuid,
            direction integer NOT NULL CHECK (direction IN (-1, 1)),
            theirs_minor bigint CHECK (theirs_minor >= 0),
            theirs_currency text CHECK (theirs_currency ~ '^[A-Z]{{3}}$'),
            ours_minor bigint CHECK (ours_minor >= 0),
            ours_currency text CHECK (ours_currency ~ '^[A-Z]{{3}}$'),
            difference_minor bigint NOT NULL,
            left_to_officers boolean NOT NULL DEFAULT false,
            opened_at timestamptz NOT NULL,
            owner text CHECK (owner ~ {_OFFICER}),
            resolution text CHECK (resolution IN (
                'booked', 'arrived', 'network_corrects', 'accept_network')),
            resolved_at timestamptz,
            resolved_by text CHECK (resolved_by ~ '^(system|officer:[0-9a-f-]{{36}})$'),
            version integer NOT NULL CHECK (version > 0),
            UNIQUE (file, no),
            FOREIGN KEY (file, no) REFERENCES cards.settlement_record,
            CONSTRAINT break_sides CHECK (
                (kind <> 'missing_at_network' OR no IS NULL AND payment IS NOT NULL AND theirs_minor IS NULL)
                AND (kind = 'missing_at_network' OR no IS NOT NULL AND theirs_minor IS NOT NULL)
                AND (kind <> 'missing_at_us' OR ours_minor IS NULL)),
            CONSTRAINT break_resolved CHECK (num_nulls(resolution, resolved_at, resolved_by) IN (0, 3))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX settlement_break_absent ON cards.settlement_break (payment, element)"
        " WHERE kind = 'missing_at_network'"
    )
    op.execute(
        "CREATE INDEX settlement_break_open ON cards.settlement_break (network, opened_at, id)"
        " WHERE resolved_at IS NULL"
    )
    op.execute(
        "CREATE TRIGGER found BEFORE UPDATE ON cards.settlement_break FOR EACH ROW WHEN ("
        "(OLD.kind, OLD.opened_at, OLD.theirs_minor, OLD.ours_minor, OLD.difference_minor) IS DISTINCT FROM"
        " (NEW.kind, NEW.opened_at, NEW.theirs_minor, NEW.ours_minor, NEW.difference_minor)"
        " OR OLD.resolved_at IS NOT NULL) EXECUTE FUNCTION app.refuse_change()"
    )
    walls.for_officers("cards.settlement_break")
    resolving = "resolution, resolved_at, resolved_by, version"
    walls.grant("cards.settlement_break", api="SELECT, UPDATE (owner, version)", report="SELECT")
    walls.grant("cards.settlement_break", posting=f"SELECT, UPDATE ({resolving})")
    walls.grant("cards.settlement_break", worker=f"SELECT, INSERT, UPDATE (lane, left_to_officers, {resolving})")


def _proposals() -> None:
    op.execute(
        f"""
        CREATE TABLE cards.settlement_proposal (
            id uuid PRIMARY KEY,
            about uuid NOT NULL REFERENCES cards.settlement_break,
            resolution text NOT NULL CHECK (resolution IN ('network_corrects', 'accept_network')),
            evidence text NOT NULL CHECK (evidence ~ '^[A-Z]{{1,12}}(-[0-9]{{1,12}}){{1,3}}$'),
            proposed_by text NOT NULL CHECK (proposed_by ~ {_OFFICER}),
            proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by ~ {_OFFICER}),
            decided_at timestamptz,
            agreed boolean,
            CONSTRAINT settlement_proposal_four_eyes CHECK (decided_by <> proposed_by OR NOT agreed),
            CONSTRAINT settlement_proposal_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX settlement_proposal_open ON cards.settlement_proposal (about) WHERE decided_by IS NULL"
    )
    walls.decided_once("cards.settlement_proposal")
    walls.for_officers("cards.settlement_proposal")
    decided = "decided_by, decided_at, agreed"
    walls.grant("cards.settlement_proposal", api="SELECT, INSERT", posting=f"SELECT, UPDATE ({decided})")
    walls.grant("cards.settlement_proposal", report="SELECT")


def _reports() -> None:
    # A file that was refused, or waits for one before it, by the digest of its bytes or of its first line.
    op.execute(
        f"""
        CREATE TABLE cards.settlement_refusal (
            sha256 bytea PRIMARY KEY CHECK (length(sha256) = 32),
            network text CHECK (network ~ {_NAME}),
            sequence integer CHECK (sequence > 0),
            line integer CHECK (line > 0),
            why text NOT NULL CHECK (why ~ '^[a-z0-9_]{{1,64}}$'),
            at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE cards.settlement_report (
            file uuid PRIMARY KEY REFERENCES cards.settlement_file,
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            jws text NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    for table in ("settlement_refusal", "settlement_report"):
        walls.append_only(f"cards.{table}")
        walls.for_officers(f"cards.{table}")
        walls.grant(f"cards.{table}", api="SELECT", worker="SELECT, INSERT", report="SELECT")
