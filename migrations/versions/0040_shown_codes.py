"""Codes that a resident shows, who scanned them, what the resident agreed to."""

from alembic import op

from migrations import erasing, walls

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('e_resident', 'resident_id')"
_ERASED = "('kyc.screened', 'resident')"
_ERASES = f"('credential.showing', 'holder'), ('credential.shown_code', 'holder'), {_ERASED}"


def upgrade() -> None:
    """Build it."""
    _codes()
    _showings()
    erasing.also(_ERASED, _ERASES)
    op.execute("INSERT INTO app.retention (kind) VALUES ('showing')")


def downgrade() -> None:
    """Take it away: whoever verified a resident is not told any more."""
    op.execute("DELETE FROM app.retention WHERE kind = 'showing'")
    erasing.also(_ERASES, _ERASED)
    op.execute("DROP FUNCTION credential.who_shows")
    op.execute("DROP TABLE credential.showing")
    op.execute("DROP TABLE credential.shown_code")


def _codes() -> None:
    # What was agreed to lies sealed until the code is over, which is three minutes at most.
    op.execute(
        f"""
        CREATE TABLE credential.shown_code (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            code_hash bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
            kind text NOT NULL CHECK ({_KINDS}),
            question text CHECK (question ~ '^[a-z0-9_]{{1,40}}$'),
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            session_hash bytea CHECK (length(session_hash) = 32),
            told smallint NOT NULL DEFAULT 0,
            scanned_at timestamptz,
            withdrawn_at timestamptz,
            CONSTRAINT shown_code_short CHECK (expires_at > at AND expires_at <= at + interval '3 minutes'),
            CONSTRAINT shown_code_told CHECK (told BETWEEN 0 AND 20),
            CONSTRAINT shown_code_scanned CHECK (
                num_nulls(session_hash, scanned_at) IN (0, 2) AND (scanned_at IS NOT NULL) = (told > 0)
            )
        )
        """
    )
    op.execute("CREATE INDEX shown_code_expiry ON credential.shown_code (expires_at)")
    # One session: whoever scanned first is never replaced.
    walls.refuse(
        "credential.shown_code",
        "UPDATE",
        when="OLD.scanned_at IS NOT NULL"
        " AND (OLD.session_hash, OLD.scanned_at) IS DISTINCT FROM (NEW.session_hash, NEW.scanned_at)",
    )
    walls.own_rows("credential.shown_code", "holder")
    walls.grant(
        "credential.shown_code",
        api="SELECT, INSERT, UPDATE (session_hash, told, scanned_at, withdrawn_at)",
        worker="SELECT, DELETE, UPDATE (kek_version, wrapped)",
    )
    # Whoever has the code was shown it; everything else about it is seen as its holder sees it.
    op.execute(
        """
        CREATE FUNCTION credential.who_shows(code_hash_ bytea) RETURNS uuid
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT holder FROM credential.shown_code WHERE code_hash = code_hash_
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION credential.who_shows FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION credential.who_shows TO {walls.API}")


def _showings() -> None:
    op.execute(
        f"""
        CREATE TABLE credential.showing (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            kind text NOT NULL CHECK ({_KINDS}),
            question text CHECK (question ~ '^[a-z0-9_]{{1,40}}$'),
            fields text[] NOT NULL,
            verifier text,
            kek_version integer NOT NULL,
            wrapped bytea NOT NULL,
            sealed bytea NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX showing_holder ON credential.showing (holder, id)")
    op.execute("CREATE INDEX showing_at ON credential.showing (at)")
    noted = "id, holder, kind, question, fields, verifier, sealed, at"
    old, new = (", ".join(f"{row}.{name}" for name in noted.split(", ")) for row in ("OLD", "NEW"))
    walls.refuse("credential.showing", "UPDATE", when=f"({old}) IS DISTINCT FROM ({new})")
    walls.own_rows("credential.showing", "holder")
    walls.grant(
        "credential.showing",
        api="SELECT, INSERT",
        worker="SELECT, DELETE, UPDATE (kek_version, wrapped)",
        report="SELECT",
    )
