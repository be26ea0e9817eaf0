"""Documents with their checks and decisions, the lists people are screened against, and each resident's data key."""

from alembic import op

from migrations import walls

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAMES = f"{walls.API}, {walls.WORKER}"


def upgrade() -> None:
    """Build the schema `kyc` and the table of data keys in `app`."""
    walls.schema("kyc")
    walls.journal("kyc")
    for build in (_document, _check, _decision, _claim, _lists, _screened, _resident_key):
        build()


def downgrade() -> None:
    """Drop them; what was sealed with the keys can't be opened afterwards."""
    op.execute("DROP TABLE app.resident_key")
    op.execute("DROP SCHEMA kyc CASCADE")


def _document() -> None:
    op.execute(
        """
        CREATE TABLE kyc.document (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            format text NOT NULL CHECK (format IN ('TD1', 'TD2', 'TD3')),
            issuer text NOT NULL CHECK (issuer ~ '^[A-Z]{1,3}$'),
            nationality_class text NOT NULL
                CHECK (nationality_class IN ('citizen', 'foreign', 'stateless', 'refugee', 'unspecified')),
            expires date NOT NULL,
            grade text NOT NULL,
            person bytea NOT NULL,
            at timestamptz NOT NULL,
            UNIQUE (id, resident)
        )
        """
    )
    op.execute("CREATE INDEX document_resident ON kyc.document (resident, id)")
    walls.append_only("kyc.document")
    walls.own_rows("kyc.document", "resident")
    walls.grant("kyc.document", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.evidence (
            document uuid PRIMARY KEY,
            resident uuid NOT NULL,
            files bytea NOT NULL,
            FOREIGN KEY (document, resident) REFERENCES kyc.document (id, resident)
        )
        """
    )
    walls.append_only("kyc.evidence")
    walls.own_rows("kyc.evidence", "resident")
    walls.grant("kyc.evidence", api="SELECT, INSERT", worker="SELECT")


def _check() -> None:
    op.execute(
        """
        CREATE TABLE kyc.check (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            document uuid NOT NULL,
            resident uuid NOT NULL,
            name text NOT NULL,
            rule_version text NOT NULL,
            inputs_hash bytea NOT NULL CHECK (length(inputs_hash) = 32),
            verdict text NOT NULL CHECK (verdict IN ('pass', 'fail', 'review', 'error')),
            params jsonb NOT NULL,
            confidential boolean NOT NULL,
            at timestamptz NOT NULL,
            FOREIGN KEY (document, resident) REFERENCES kyc.document (id, resident)
        )
        """
    )
    op.execute("CREATE INDEX check_document ON kyc.check (document, id)")
    walls.append_only("kyc.check")
    _never_tipped_off("kyc.check")
    walls.grant("kyc.check", api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _never_tipped_off(table: str) -> None:
    """Own rows, but for the confidential ones: a resident's own request writes them and can't read them back.

    A person must not learn from us that they were found on a list (AIFC AML Rules, chapter 13).
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    mine = "resident = NULLIF(current_setting('app.holder', true), '')::uuid"
    inside = "current_setting('app.audience', true) IN ('officer', 'service')"
    op.execute(
        f"CREATE POLICY reads ON {table} FOR SELECT TO {walls.API} USING (({mine} AND NOT confidential) OR {inside})"
    )
    op.execute(f"CREATE POLICY writes ON {table} FOR INSERT TO {walls.API} WITH CHECK ({mine} OR {inside})")
    op.execute(f"CREATE POLICY many_holders ON {table} TO {walls.WORKER}, {walls.REPORT}, CURRENT_USER USING (true)")


def _decision() -> None:
    op.execute(
        """
        CREATE TABLE kyc.decision (
            document uuid NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            resident uuid NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('identified', 'review', 'refused')),
            reasons text[] NOT NULL,
            rule_version text NOT NULL,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (document, version),
            FOREIGN KEY (document, resident) REFERENCES kyc.document (id, resident),
            CHECK ((outcome = 'identified') = (reasons = '{}'))
        )
        """
    )
    op.execute("CREATE INDEX decision_resident ON kyc.decision (resident, document, version)")
    walls.append_only("kyc.decision")
    walls.own_rows("kyc.decision", "resident")
    walls.grant("kyc.decision", api="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")


def _claim() -> None:
    op.execute(
        """
        CREATE TABLE kyc.claim (
            kind text NOT NULL CHECK (kind IN ('document', 'person')),
            blind bytea NOT NULL CHECK (length(blind) = 32),
            resident uuid NOT NULL,
            document uuid NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (kind, blind)
        )
        """
    )
    walls.append_only("kyc.claim")
    # Nobody reads this table: the function alone answers, and only about the resident who asks. Of two who claim the
    # same at once the second waits for the first.
    op.execute(
        """
        CREATE FUNCTION kyc.claim_first(
            kind_ text, blind_ bytea, resident_ uuid, document_ uuid, at_ timestamptz
        ) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            INSERT INTO kyc.claim (kind, blind, resident, document, at)
            VALUES (kind_, blind_, resident_, document_, at_)
            ON CONFLICT (kind, blind) DO NOTHING;
            RETURN (SELECT resident = resident_ FROM kyc.claim WHERE kind = kind_ AND blind = blind_);
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.claim_first FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.claim_first TO {_NAMES}")


def _lists() -> None:
    op.execute(
        """
        CREATE TABLE kyc.list_snapshot (
            digest bytea PRIMARY KEY CHECK (length(digest) = 32),
            entries integer NOT NULL CHECK (entries >= 0),
            at timestamptz NOT NULL
        )
        """
    )
    walls.append_only("kyc.list_snapshot")
    walls.grant("kyc.list_snapshot", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.listed_name (
            digest bytea NOT NULL REFERENCES kyc.list_snapshot,
            entity text NOT NULL,
            name text NOT NULL,
            normal text NOT NULL,
            born text[] NOT NULL,
            keys text[] NOT NULL,
            PRIMARY KEY (digest, entity, name)
        )
        """
    )
    op.execute("CREATE INDEX listed_name_keys ON kyc.listed_name USING gin (keys)")
    walls.append_only("kyc.listed_name")
    walls.grant("kyc.listed_name", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.list_source (
            source text PRIMARY KEY,
            due_at timestamptz NOT NULL,
            digest bytea REFERENCES kyc.list_snapshot,
            etag text,
            checked_at timestamptz,
            CONSTRAINT list_source_pulled CHECK (num_nulls(digest, etag, checked_at) IN (0, 3))
        )
        """
    )
    walls.grant(
        "kyc.list_source",
        api="SELECT",
        worker="SELECT, INSERT, UPDATE (due_at, digest, etag, checked_at)",
        report="SELECT",
    )


def _screened() -> None:
    op.execute(
        """
        CREATE TABLE kyc.screened (
            document uuid PRIMARY KEY,
            resident uuid NOT NULL,
            lists text NOT NULL,
            FOREIGN KEY (document, resident) REFERENCES kyc.document (id, resident)
        )
        """
    )
    op.execute("CREATE INDEX screened_lists ON kyc.screened (lists)")
    walls.own_rows("kyc.screened", "resident")
    walls.grant("kyc.screened", api="INSERT", worker="SELECT, UPDATE (lists), DELETE", report="SELECT")


def _resident_key() -> None:
    op.execute(
        """
        CREATE TABLE app.resident_key (
            holder uuid PRIMARY KEY,
            kek_version integer NOT NULL CHECK (kek_version > 0),
            wrapped bytea NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    walls.own_rows("app.resident_key", "holder")
    walls.grant("app.resident_key", api="SELECT, INSERT", worker="SELECT, INSERT")
