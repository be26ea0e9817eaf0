"""Foreign issuers whose documents are believed: two officers' word for each, and what their status lists said last."""

from alembic import op

from migrations import walls

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    _issuers()
    _lists()


def downgrade() -> None:
    """Take it away."""
    for table in ("foreign_list", "foreign_issuer_end", "foreign_issuer"):
        op.execute(f"DROP TABLE credential.{table}")


def _issuers() -> None:
    op.execute(
        f"""
        CREATE TABLE credential.foreign_issuer (
            id uuid PRIMARY KEY,
            name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            country text NOT NULL CHECK (country ~ '^[A-Z]{{2}}$'),
            url text CHECK ({_web("url")}),
            vcts text[] NOT NULL CHECK (cardinality(vcts) <= 20),
            doc_types text[] NOT NULL CHECK (cardinality(doc_types) <= 20),
            certificates bytea[] NOT NULL CHECK (cardinality(certificates) BETWEEN 1 AND 8),
            legal_ground text NOT NULL CHECK (length(legal_ground) BETWEEN 1 AND 500),
            status text NOT NULL CHECK (status IN ('required', 'where_named')),
            lists_at text CHECK ({_web("lists_at")} AND lists_at LIKE '%/'),
            status_age_max_s integer NOT NULL CHECK (status_age_max_s BETWEEN 60 AND 604800),
            begins_on date NOT NULL,
            ends_on date NOT NULL,
            proposed_by text NOT NULL CHECK (proposed_by ~ '^officer:'),
            proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by ~ '^officer:'),
            decided_at timestamptz,
            agreed boolean,
            CONSTRAINT foreign_issuer_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT foreign_issuer_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3)),
            CONSTRAINT foreign_issuer_term CHECK (begins_on < ends_on AND ends_on <= begins_on + 1827),
            CONSTRAINT foreign_issuer_of_something CHECK (cardinality(vcts) + cardinality(doc_types) > 0)
        )
        """
    )
    walls.decided_once("credential.foreign_issuer")
    # Every verdict reads whom we believe; nobody but an officer says so.
    walls.only_for("credential.foreign_issuer", "INSERT", "UPDATE", audiences=("officer",))
    walls.grant(
        "credential.foreign_issuer",
        api="SELECT, INSERT, UPDATE (decided_by, decided_at, agreed)",
        worker="SELECT",
        report="SELECT",
    )
    op.execute(
        """
        CREATE TABLE credential.foreign_issuer_end (
            issuer uuid PRIMARY KEY REFERENCES credential.foreign_issuer (id),
            reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
            ended_by text NOT NULL CHECK (ended_by ~ '^officer:'),
            ended_at timestamptz NOT NULL
        )
        """
    )
    walls.append_only("credential.foreign_issuer_end")
    walls.only_for("credential.foreign_issuer_end", "INSERT", audiences=("officer",))
    walls.grant("credential.foreign_issuer_end", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _lists() -> None:
    """Keep the latest token of each list; `due_at` is when the worker asks for it, NULL while nobody needs it."""
    op.execute(
        f"""
        CREATE TABLE credential.foreign_list (
            issuer uuid NOT NULL REFERENCES credential.foreign_issuer (id),
            uri text NOT NULL CHECK ({_web("uri")}),
            token bytea,
            signed_at timestamptz,
            expires_at timestamptz,
            due_at timestamptz,
            named_at timestamptz NOT NULL,
            tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
            trouble text CHECK (length(trouble) <= 200),
            PRIMARY KEY (issuer, uri),
            CONSTRAINT foreign_list_told CHECK (num_nulls(token, signed_at, expires_at) IN (0, 3))
        )
        """
    )
    op.execute("CREATE INDEX foreign_list_due ON credential.foreign_list (due_at)")
    rights = "SELECT, INSERT, UPDATE (token, signed_at, expires_at, due_at, named_at, tries, trouble)"
    walls.grant("credential.foreign_list", api=rights, worker=rights, report="SELECT")


def _web(column: str) -> str:
    """Say that a column holds an address."""
    return f"{column} ~ '^https?://[!-~]+$' AND length({column}) <= 520"
