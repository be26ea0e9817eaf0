"""Papers beside the passport, the files they come in, likeness and liveness, numbers that stand for a person."""

from alembic import op

from migrations import erasing, walls

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_KINDS = "'diploma', 'police_certificate', 'address_proof', 'marriage_certificate', 'birth_certificate'"
#: What goes with a person, in this order.
_TABLES = ("paper_file", "paper_verdict", "paper", "face_result", "face_session", "file", "identifier")
_GOES = ", ".join(f"('kyc.{table}', 'resident')" for table in _TABLES)
_LAST = "('app.resident_key', 'holder')"


def upgrade() -> None:
    """Build it."""
    for build in (_file, _paper, _verdict, _face, _identifier):
        build()
    _claims("'document', 'person', 'identifier'")
    op.execute("INSERT INTO app.retention (kind) VALUES ('kyc_file')")
    erasing.also(_LAST, f"{_GOES}, {_LAST}")


def downgrade() -> None:
    """Take it away; who came with which number goes as well."""
    erasing.also(f"{_GOES}, {_LAST}", _LAST)
    op.execute("DELETE FROM app.retention WHERE kind = 'kyc_file'")
    op.execute("ALTER TABLE kyc.claim DISABLE TRIGGER USER")
    op.execute("DELETE FROM kyc.claim WHERE kind = 'identifier'")
    op.execute("ALTER TABLE kyc.claim ENABLE TRIGGER USER")
    _claims("'document', 'person'")
    for table in _TABLES:
        op.execute(f"DROP TABLE kyc.{table}")


def _file() -> None:
    op.execute(
        """
        CREATE TABLE kyc.file (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            media text NOT NULL CHECK (media IN ('image/jpeg', 'image/png', 'application/pdf')),
            size integer NOT NULL CHECK (size > 0),
            width integer CHECK (width > 0),
            height integer CHECK (height > 0),
            pages integer CHECK (pages > 0),
            sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            sent_sha256 bytea NOT NULL CHECK (length(sent_sha256) = 32),
            removed text[] NOT NULL,
            content bytea,
            scan text NOT NULL CHECK (scan IN ('waiting', 'clean', 'infected')),
            scanner text,
            found text,
            scanned_at timestamptz,
            tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
            due_at timestamptz,
            at timestamptz NOT NULL,
            UNIQUE (resident, sent_sha256),
            UNIQUE (id, resident),
            CHECK ((scan = 'waiting') = (due_at IS NOT NULL)),
            CHECK ((scan = 'waiting') = (scanned_at IS NULL)),
            CHECK ((scan = 'infected') = (found IS NOT NULL)),
            CHECK ((scan = 'infected') = (content IS NULL)),
            CHECK ((media = 'application/pdf') = (pages IS NOT NULL)),
            CHECK (num_nulls(width, height) IN (0, 2))
        )
        """
    )
    op.execute("CREATE INDEX file_due ON kyc.file (due_at) WHERE due_at IS NOT NULL")
    # What somebody sent is what is kept; an infected file is all that is ever taken away from here.
    walls.refuse("kyc.file", "UPDATE", when="NEW.content IS DISTINCT FROM OLD.content AND NEW.scan <> 'infected'")
    walls.own_rows("kyc.file", "resident")
    scanned = "content, scan, scanner, found, scanned_at, tries, due_at"
    walls.grant("kyc.file", api="SELECT, INSERT", worker=f"SELECT, UPDATE ({scanned}), DELETE", report="SELECT")


def _paper() -> None:
    op.execute(
        f"""
        CREATE TABLE kyc.paper (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ({_KINDS})),
            country text NOT NULL CHECK (country ~ '^[A-Z]{{2}}$'),
            issued_on date NOT NULL,
            mark text NOT NULL CHECK (mark IN ('apostille', 'consular', 'none')),
            language text NOT NULL CHECK (language ~ '^[a-z]{{2}}$'),
            translated_to text CHECK (translated_to ~ '^[a-z]{{2}}$'),
            notarised boolean NOT NULL,
            details bytea NOT NULL,
            at timestamptz NOT NULL,
            UNIQUE (id, resident)
        )
        """
    )
    op.execute("CREATE INDEX paper_resident ON kyc.paper (resident, id)")
    walls.append_only("kyc.paper")
    walls.erasable("kyc.paper", "resident")
    walls.own_rows("kyc.paper", "resident")
    walls.grant("kyc.paper", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.paper_file (
            paper uuid NOT NULL,
            number smallint NOT NULL CHECK (number > 0),
            file uuid NOT NULL,
            resident uuid NOT NULL,
            PRIMARY KEY (paper, number),
            UNIQUE (paper, file),
            FOREIGN KEY (paper, resident) REFERENCES kyc.paper (id, resident),
            FOREIGN KEY (file, resident) REFERENCES kyc.file (id, resident)
        )
        """
    )
    op.execute("CREATE INDEX paper_file_file ON kyc.paper_file (file)")
    walls.append_only("kyc.paper_file")
    walls.erasable("kyc.paper_file", "resident")
    walls.own_rows("kyc.paper_file", "resident")
    walls.grant("kyc.paper_file", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _verdict() -> None:
    op.execute(
        """
        CREATE TABLE kyc.paper_verdict (
            paper uuid PRIMARY KEY,
            resident uuid NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('accepted', 'not_accepted')),
            reason text CHECK (reason ~ '^[a-z_]{1,40}$'),
            officer text NOT NULL CHECK (officer ~ '^officer:'),
            at timestamptz NOT NULL,
            FOREIGN KEY (paper, resident) REFERENCES kyc.paper (id, resident),
            CHECK ((outcome = 'not_accepted') = (reason IS NOT NULL))
        )
        """
    )
    walls.append_only("kyc.paper_verdict")
    walls.erasable("kyc.paper_verdict", "resident")
    walls.own_rows("kyc.paper_verdict", "resident")
    walls.grant("kyc.paper_verdict", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _face() -> None:
    op.execute(
        """
        CREATE TABLE kyc.face_session (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            document uuid NOT NULL,
            attempt smallint NOT NULL CHECK (attempt > 0),
            state text NOT NULL CHECK (state IN ('open', 'waiting', 'passed', 'failed', 'review', 'expired')),
            selfie uuid,
            expires_at timestamptz NOT NULL,
            tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
            due_at timestamptz,
            ended_at timestamptz,
            at timestamptz NOT NULL,
            UNIQUE (id, resident),
            UNIQUE (resident, document, attempt),
            FOREIGN KEY (document, resident) REFERENCES kyc.document (id, resident),
            FOREIGN KEY (selfie, resident) REFERENCES kyc.file (id, resident),
            CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
            CHECK ((state IN ('open', 'waiting')) = (ended_at IS NULL)),
            CHECK (state IN ('open', 'expired') OR selfie IS NOT NULL)
        )
        """
    )
    # One pair of eyes at a time: who began another session before the last one ended would try two faces at once.
    op.execute("CREATE UNIQUE INDEX face_session_one ON kyc.face_session (resident) WHERE state IN ('open', 'waiting')")
    op.execute("CREATE INDEX face_session_due ON kyc.face_session (due_at) WHERE due_at IS NOT NULL")
    ended = "OLD.ended_at IS NOT NULL OR (OLD.selfie IS NOT NULL AND NEW.selfie IS DISTINCT FROM OLD.selfie)"
    walls.refuse("kyc.face_session", "UPDATE", when=ended)
    walls.own_rows("kyc.face_session", "resident")
    running = "state, due_at, ended_at"
    walls.grant("kyc.face_session", api=f"SELECT, INSERT, UPDATE (selfie, {running})", report="SELECT")
    walls.grant("kyc.face_session", worker=f"SELECT, UPDATE (tries, {running})")
    op.execute(
        """
        CREATE TABLE kyc.face_result (
            session uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('match', 'liveness')),
            resident uuid NOT NULL,
            vendor text NOT NULL,
            version text NOT NULL,
            score integer NOT NULL CHECK (score BETWEEN 0 AND 10000),
            threshold integer NOT NULL CHECK (threshold BETWEEN 0 AND 10000),
            images text[] NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('pass', 'fail', 'review')),
            at timestamptz NOT NULL,
            PRIMARY KEY (session, kind),
            FOREIGN KEY (session, resident) REFERENCES kyc.face_session (id, resident),
            CHECK ((outcome = 'pass') = (score >= threshold))
        )
        """
    )
    walls.append_only("kyc.face_result")
    walls.erasable("kyc.face_result", "resident")
    walls.own_rows("kyc.face_result", "resident")
    walls.grant("kyc.face_result", api="SELECT", worker="SELECT, INSERT", report="SELECT")


def _identifier() -> None:
    op.execute(
        """
        CREATE TABLE kyc.identifier (
            id uuid PRIMARY KEY,
            resident uuid NOT NULL,
            scheme text NOT NULL CHECK (scheme IN ('iin', 'bin', 'e_iin', 'passport', 'tax')),
            country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
            value bytea NOT NULL,
            blind bytea NOT NULL CHECK (length(blind) = 32),
            at timestamptz NOT NULL,
            ended_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX identifier_resident ON kyc.identifier (resident, id)")
    op.execute(
        "CREATE UNIQUE INDEX identifier_once ON kyc.identifier (resident, scheme, country, blind)"
        " WHERE ended_at IS NULL"
    )
    walls.refuse("kyc.identifier", "UPDATE", when="OLD.ended_at IS NOT NULL")
    walls.own_rows("kyc.identifier", "resident")
    walls.grant("kyc.identifier", api="SELECT, INSERT, UPDATE (ended_at)", worker="SELECT")


def _claims(kinds: str) -> None:
    op.execute("ALTER TABLE kyc.claim DROP CONSTRAINT claim_kind_check")
    op.execute(f"ALTER TABLE kyc.claim ADD CONSTRAINT claim_kind_check CHECK (kind IN ({kinds}))")
