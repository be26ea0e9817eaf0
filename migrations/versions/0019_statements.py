"""Closed periods, daily closings of accounts, statements and their documents."""

from alembic import op

from migrations import walls

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    _refuse_decided()
    _periods()
    _closings()
    _statements()
    _documents()


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TRIGGER period_closed ON wallet.transfer")
    for table in ("document_part", "document", "statement", "value_shift", "closing", "closed_day", "period"):
        op.execute(f"DROP TABLE wallet.{table}")
    for function in ("refuse_closed_period()", "close_period()", "issued_statement(bytea)"):
        op.execute(f"DROP FUNCTION wallet.{function}")
    op.execute("DROP FUNCTION app.refuse_decided()")


def _refuse_decided() -> None:
    """Create what walls.decided_once() puts before tables where one officer proposes and another one decides."""
    op.execute(
        """
        CREATE FUNCTION app.refuse_decided() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            earlier record := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
        BEGIN
            IF earlier.decided_by IS NOT NULL THEN
                RAISE EXCEPTION '% of % that is decided refused', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )


def _periods() -> None:
    """Let two people end a period; from then on the database refuses a value date before its end."""
    op.execute(
        """
        CREATE TABLE wallet.period (
            id uuid PRIMARY KEY,
            closed_until date NOT NULL,
            proposed_by text NOT NULL,
            proposed_at timestamptz NOT NULL,
            approved_by text,
            approved_at timestamptz,
            withdrawn_by text,
            withdrawn_at timestamptz,
            CONSTRAINT period_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
            CONSTRAINT period_withdrawn CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL)),
            CONSTRAINT period_one_end CHECK (approved_by IS NULL OR withdrawn_by IS NULL),
            CONSTRAINT period_four_eyes CHECK (approved_by <> proposed_by)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX period_closed ON wallet.period (closed_until) WHERE approved_at IS NOT NULL")
    op.execute(
        """
        CREATE UNIQUE INDEX period_open ON wallet.period ((true)) WHERE approved_at IS NULL AND withdrawn_at IS NULL
        """
    )
    walls.for_officers("wallet.period")
    walls.grant(
        "wallet.period",
        api="SELECT, INSERT (id, closed_until, proposed_by, proposed_at),"
        " UPDATE (approved_by, approved_at, withdrawn_by, withdrawn_at)",
        posting="SELECT",
        worker="SELECT",
        report="SELECT",
    )
    # The lanes are held while a period ends, so a batch has either posted before or reads the new end.
    op.execute(
        """
        CREATE FUNCTION wallet.close_period() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.approved_at IS NOT NULL OR NEW.withdrawn_at IS NOT NULL THEN
                    RAISE EXCEPTION 'a period that nobody proposed' USING ERRCODE = 'insufficient_privilege';
                END IF;
                RETURN NEW;
            END IF;
            IF TG_OP <> 'UPDATE' OR OLD.approved_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL THEN
                RAISE EXCEPTION '% of a decided period refused', TG_OP USING ERRCODE = 'insufficient_privilege';
            END IF;
            IF NEW.approved_at IS NOT NULL THEN
                PERFORM FROM wallet.lane ORDER BY lane FOR SHARE;
                IF NEW.closed_until <= (SELECT max(closed_until) FROM wallet.period WHERE approved_at IS NOT NULL)
                THEN RAISE EXCEPTION 'the period is closed already' USING ERRCODE = 'check_violation'; END IF;
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER decided BEFORE INSERT OR UPDATE OR DELETE ON wallet.period
        FOR EACH ROW EXECUTE FUNCTION wallet.close_period()
        """
    )
    op.execute(
        """
        CREATE FUNCTION wallet.refuse_closed_period() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            ended timestamptz := (
                SELECT max(closed_until)::timestamp AT TIME ZONE 'Asia/Almaty' FROM wallet.period
                WHERE approved_at IS NOT NULL
            );
        BEGIN
            IF ended IS NOT NULL AND EXISTS (SELECT FROM written WHERE effective < ended) THEN
                RAISE EXCEPTION 'a value date before % is in a closed period', ended USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER period_closed AFTER INSERT ON wallet.transfer
        REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_closed_period()
        """
    )


def _closings() -> None:
    """Keep what each account had when a day ended, and what was recorded on another day than its value date."""
    op.execute(
        """
        CREATE TABLE wallet.closed_day (
            lane integer PRIMARY KEY REFERENCES wallet.lane,
            seq bigint NOT NULL,
            day date
        )
        """
    )
    walls.grant(
        "wallet.closed_day", api="SELECT", posting="SELECT", worker="SELECT, INSERT, UPDATE (seq, day)", report="SELECT"
    )
    op.execute(
        """
        CREATE TABLE wallet.closing (
            lane integer NOT NULL REFERENCES wallet.lane,
            account uuid NOT NULL,
            day date NOT NULL,
            version bigint NOT NULL CHECK (version > 0),
            holder uuid,
            posted bigint NOT NULL,
            PRIMARY KEY (lane, account, day, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE wallet.value_shift (
            lane integer NOT NULL REFERENCES wallet.lane,
            account uuid NOT NULL,
            recorded_on date NOT NULL,
            value_on date NOT NULL CHECK (value_on <> recorded_on),
            version bigint NOT NULL CHECK (version > 0),
            holder uuid,
            moved bigint NOT NULL,
            PRIMARY KEY (lane, account, recorded_on, value_on, version)
        )
        """
    )
    for table in ("wallet.closing", "wallet.value_shift"):
        walls.append_only(table)
        walls.own_rows(table, "holder")
        walls.grant(table, api="SELECT", posting="SELECT", worker="SELECT, INSERT", report="SELECT")


def _statements() -> None:
    op.execute(
        """
        CREATE TABLE wallet.statement (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            lane integer NOT NULL REFERENCES wallet.lane,
            account uuid NOT NULL,
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            code bytea NOT NULL UNIQUE CHECK (length(code) = 16),
            begins_on date NOT NULL,
            ends_on date NOT NULL CHECK (ends_on >= begins_on),
            final boolean NOT NULL,
            opening_version bigint NOT NULL CHECK (opening_version >= 0),
            closing_version bigint NOT NULL CHECK (closing_version >= opening_version),
            opening bigint NOT NULL,
            closing bigint NOT NULL,
            made_at timestamptz NOT NULL,
            letterhead bytea NOT NULL,
            due_at timestamptz,
            entries bigint CHECK (entries BETWEEN 0 AND closing_version - opening_version),
            credits bigint CHECK (credits >= 0),
            debits bigint CHECK (debits >= 0),
            root bytea CHECK (length(root) = 32),
            CONSTRAINT statement_made CHECK (num_nulls(entries, credits, debits, root) = CASE WHEN due_at IS NULL
                                             THEN 0 ELSE 4 END),
            CONSTRAINT statement_adds_up CHECK (opening + credits - debits = closing)
        )
        """
    )
    op.execute("CREATE INDEX statement_holder ON wallet.statement (holder, id)")
    op.execute("CREATE INDEX statement_due ON wallet.statement (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("wallet.statement", "holder")
    walls.grant(
        "wallet.statement",
        api="SELECT, INSERT",
        worker="SELECT, UPDATE (due_at, entries, credits, debits, root)",
        report="SELECT",
    )
    # What the paper says already: nothing by which its owner or another statement could be found.
    op.execute(
        """
        CREATE FUNCTION wallet.issued_statement(code_ bytea) RETURNS TABLE (
            begins_on date, ends_on date, final boolean, currency text, opening bigint, closing bigint, credits bigint,
            debits bigint, entries bigint, root bytea, made_at timestamptz
        ) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT begins_on, ends_on, final, currency, opening, closing, credits, debits, entries, root, made_at
            FROM wallet.statement WHERE code = code_ AND root IS NOT NULL
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION wallet.issued_statement FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION wallet.issued_statement TO {walls.API}")


def _documents() -> None:
    """Keep what is too long to be written while somebody waits, in sealed parts, for some days."""
    op.execute(
        """
        CREATE TABLE wallet.document (
            id uuid PRIMARY KEY,
            statement uuid NOT NULL REFERENCES wallet.statement,
            holder uuid NOT NULL,
            format text NOT NULL CHECK (format IN ('json', 'csv', 'pdf', 'camt053')),
            language text NOT NULL CHECK (language IN ('en', 'ru', 'kk')),
            asked_at timestamptz NOT NULL,
            due_at timestamptz,
            ready_at timestamptz,
            expires_at timestamptz CHECK (expires_at > ready_at),
            size bigint CHECK (size > 0),
            sha256 bytea CHECK (length(sha256) = 32),
            CONSTRAINT document_ready CHECK (num_nulls(ready_at, expires_at, size, sha256) IN (0, 4)),
            CONSTRAINT document_made CHECK ((due_at IS NULL) = (ready_at IS NOT NULL)),
            UNIQUE (statement, format, language)
        )
        """
    )
    op.execute("CREATE INDEX document_due ON wallet.document (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX document_over ON wallet.document (expires_at) WHERE expires_at IS NOT NULL")
    op.execute(
        """
        CREATE TABLE wallet.document_part (
            id uuid PRIMARY KEY,
            document uuid NOT NULL REFERENCES wallet.document ON DELETE CASCADE,
            holder uuid NOT NULL,
            number integer NOT NULL CHECK (number >= 0),
            body bytea NOT NULL,
            UNIQUE (document, number)
        )
        """
    )
    for table in ("wallet.document", "wallet.document_part"):
        walls.own_rows(table, "holder")
    walls.grant(
        "wallet.document",
        api="SELECT, INSERT (id, statement, holder, format, language, asked_at, due_at)",
        worker="SELECT, UPDATE (due_at, ready_at, expires_at, size, sha256), DELETE",
    )
    walls.grant("wallet.document_part", api="SELECT", worker="SELECT, INSERT, DELETE")
