"""Lists entity by entity, who is looked up under which cohort's key, every look; alerts, what officers do to them."""

from alembic import op

from migrations import erasing, screening, walls

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_ERASED = "('kyc.screened', 'resident')"
_ERASES = f"('kyc.alert', 'resident'), ('kyc.alert_act', 'resident'), ('kyc.look', 'resident'), {_ERASED}"


def upgrade() -> None:
    """Build it, and take over whom and in which lists we looked up before."""
    for build in (_lists, _editions, _cohorts, _screened, _looks, screening.build, _freeze):
        build()
    erasing.also(_ERASED, _ERASES)


def downgrade() -> None:
    """Take it away. Lists are fetched and everybody is looked up again; what officers did to alerts is lost."""
    erasing.also(_ERASES, _ERASED)
    _no_freeze()
    screening.drop()
    op.execute("ALTER TABLE kyc.screened RENAME TO screened_later")
    _screened_before()
    op.execute(
        "INSERT INTO kyc.screened (document, resident, lists)"
        " SELECT unnest(documents), resident, '' FROM kyc.screened_later"
    )
    op.execute("DROP TABLE kyc.screened_later")
    for table in ("look", "cohort_key", "cohort", "list_part", "list_edition"):
        op.execute(f"DROP TABLE kyc.{table}")
    _lists_before()


# -- lists -------------------------------------------------------------------------------------------------------------


def _lists() -> None:
    # An entity is stored once however many versions of its list it is in; a version is the digests of its entities, and
    # its own digest is theirs. What is stored under a digest can be nothing else: the database recomputes it.
    op.execute(
        """
        CREATE TABLE kyc.listed_entity (
            sha256 bytea PRIMARY KEY,
            source text NOT NULL,
            entity text NOT NULL,
            body bytea NOT NULL,
            CONSTRAINT listed_entity_addressed CHECK (sha256 = sha256(body))
        )
        """
    )
    op.execute("ALTER TABLE kyc.list_source DROP CONSTRAINT list_source_digest_fkey")
    op.execute("ALTER TABLE kyc.list_snapshot RENAME TO list_snapshot_before")
    op.execute("ALTER TABLE kyc.list_snapshot_before RENAME CONSTRAINT list_snapshot_pkey TO list_snapshot_before_pkey")
    op.execute(
        """
        CREATE TABLE kyc.list_snapshot (
            digest bytea PRIMARY KEY,
            entries integer NOT NULL CHECK (entries >= 0),
            members bytea NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT list_snapshot_addressed CHECK (digest = sha256(members)),
            CONSTRAINT list_snapshot_whole CHECK (length(members) = 32 * entries)
        )
        """
    )
    op.execute(
        """
        INSERT INTO kyc.listed_entity (sha256, source, entity, body)
        SELECT sha256(body), source, entity, body FROM (
            SELECT source, entity, convert_to(jsonb_build_object(
                'source', source, 'id', entity, 'kind', 'unknown', 'born', (array_agg(to_jsonb(born)))[1],
                'names', jsonb_agg(jsonb_build_object('text', name) ORDER BY name))::text, 'UTF8') AS body
            FROM kyc.list_source JOIN kyc.listed_name USING (digest) GROUP BY source, entity
        ) AS written
        """
    )
    op.execute(
        """
        INSERT INTO kyc.list_snapshot (digest, entries, members, at)
        SELECT sha256(members), entries, members, now() FROM (
            SELECT count(*) AS entries, string_agg(sha256, '' ORDER BY sha256) AS members
            FROM kyc.listed_entity GROUP BY source
        ) AS list
        """
    )
    # Without an ETag, and due: the next look at the publisher brings what was not kept before.
    op.execute(
        """
        UPDATE kyc.list_source SET etag = CASE WHEN list.digest IS NOT NULL THEN '' END, digest = list.digest,
            checked_at = CASE WHEN list.digest IS NOT NULL THEN held.checked_at END, due_at = '-infinity'
        FROM kyc.list_source AS held LEFT JOIN (
            SELECT source, sha256(string_agg(sha256, '' ORDER BY sha256)) AS digest
            FROM kyc.listed_entity GROUP BY source
        ) AS list ON list.source = held.source
        WHERE held.source = list_source.source
        """
    )
    op.execute("DROP TABLE kyc.listed_name")
    op.execute("DROP TABLE kyc.list_snapshot_before")
    op.execute("ALTER TABLE kyc.list_source ADD FOREIGN KEY (digest) REFERENCES kyc.list_snapshot")
    for table in ("listed_entity", "list_snapshot"):
        walls.append_only(f"kyc.{table}")
        walls.grant(f"kyc.{table}", api="SELECT", worker="SELECT, INSERT", report="SELECT")


def _editions() -> None:
    # All lists that are in force together, and the rules that compare with them; a new one of either is a new edition.
    op.execute(
        """
        CREATE TABLE kyc.list_edition (
            number integer PRIMARY KEY CHECK (number > 0),
            rules text NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE kyc.list_part (
            edition integer REFERENCES kyc.list_edition,
            source text NOT NULL,
            digest bytea NOT NULL REFERENCES kyc.list_snapshot,
            PRIMARY KEY (edition, source)
        )
        """
    )
    op.execute(
        "INSERT INTO kyc.list_edition (number, rules, at)"
        " SELECT 1, '', now() WHERE EXISTS (SELECT FROM kyc.list_source WHERE digest IS NOT NULL)"
    )
    op.execute(
        "INSERT INTO kyc.list_part (edition, source, digest)"
        " SELECT 1, source, digest FROM kyc.list_source WHERE digest IS NOT NULL"
    )
    for table in ("list_edition", "list_part"):
        walls.append_only(f"kyc.{table}")
        walls.grant(f"kyc.{table}", api="SELECT", worker="SELECT, INSERT", report="SELECT")


def _lists_before() -> None:
    op.execute("ALTER TABLE kyc.list_source DROP CONSTRAINT list_source_digest_fkey")
    op.execute("UPDATE kyc.list_source SET digest = NULL, etag = NULL, checked_at = NULL, due_at = '-infinity'")
    op.execute("DROP TABLE kyc.list_snapshot")
    op.execute("DROP TABLE kyc.listed_entity")
    op.execute(
        """
        CREATE TABLE kyc.list_snapshot (
            digest bytea PRIMARY KEY CHECK (length(digest) = 32),
            entries integer NOT NULL CHECK (entries >= 0),
            at timestamptz NOT NULL
        )
        """
    )
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
    for table in ("list_snapshot", "listed_name"):
        walls.append_only(f"kyc.{table}")
        walls.grant(f"kyc.{table}", api="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute("ALTER TABLE kyc.list_source ADD FOREIGN KEY (digest) REFERENCES kyc.list_snapshot")


# -- whom we look up ---------------------------------------------------------------------------------------------------


def _cohorts() -> None:
    op.execute(
        """
        CREATE TABLE kyc.cohort (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            members integer NOT NULL CHECK (members BETWEEN 0 AND 500),
            edition integer NOT NULL REFERENCES kyc.list_edition,
            made_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX cohort_edition ON kyc.cohort (edition)")
    walls.grant("kyc.cohort", api="SELECT", worker="SELECT, INSERT, UPDATE (members, edition)", report="SELECT")
    op.execute(
        """
        CREATE TABLE kyc.cohort_key (
            cohort uuid PRIMARY KEY REFERENCES kyc.cohort,
            kek_version integer NOT NULL CHECK (kek_version > 0),
            wrapped bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX cohort_key_kek_version ON kyc.cohort_key (kek_version)")
    # One key opens what some hundred people are called: it is read for screening and to be wrapped anew, nothing else.
    op.execute("ALTER TABLE kyc.cohort_key ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kyc.cohort_key FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
        CREATE POLICY screening ON kyc.cohort_key TO {walls.WORKER}
        USING (current_setting('app.operation', true) IN ('screening', 'keys.rewrap'))
        """
    )
    op.execute("CREATE POLICY inside ON kyc.cohort_key TO CURRENT_USER USING (true)")
    walls.grant("kyc.cohort_key", worker="SELECT, INSERT, UPDATE (kek_version, wrapped)")


def _screened() -> None:
    # One row for each person. Looked up is a person by their own look or by that of their cohort, whichever is later;
    # `stale` is who is not in a cohort yet, or whose documents have become more since.
    op.execute("ALTER TABLE kyc.screened RENAME TO screened_before")
    op.execute(
        """
        CREATE TABLE kyc.screened (
            resident uuid PRIMARY KEY,
            documents uuid[] NOT NULL CHECK (cardinality(documents) > 0),
            cohort uuid REFERENCES kyc.cohort,
            person bytea,
            asked bytea CHECK (length(asked) = 32),
            edition integer REFERENCES kyc.list_edition,
            stale boolean NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT screened_joined CHECK (num_nulls(cohort, person) IN (0, 2)),
            CONSTRAINT screened_due CHECK (stale OR (cohort IS NOT NULL AND asked IS NOT NULL))
        )
        """
    )
    op.execute(
        """
        INSERT INTO kyc.screened (resident, documents, stale, at)
        SELECT resident, array_agg(document ORDER BY document), true, now() FROM kyc.screened_before GROUP BY resident
        """
    )
    op.execute("DROP TABLE kyc.screened_before")
    op.execute("CREATE INDEX screened_cohort ON kyc.screened (cohort, resident)")
    op.execute("CREATE INDEX screened_stale ON kyc.screened (at) WHERE stale")
    walls.for_officers("kyc.screened")
    walls.grant(
        "kyc.screened",
        api="SELECT (resident, documents, cohort, asked, edition, stale, at)",
        worker="SELECT, DELETE, UPDATE (documents, cohort, person, asked, edition, stale, at)",
        report="SELECT (resident, cohort, edition, stale, at)",
    )


def _screened_before() -> None:
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


def _looks() -> None:
    # The proof that somebody was looked up: in which lists, when, by a keyed digest of what was asked, and what was
    # found, which mostly is nothing. One of a cohort holds a leaf for each member; the root is in the journal.
    op.execute(
        """
        CREATE TABLE kyc.look (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            edition integer NOT NULL REFERENCES kyc.list_edition,
            cohort uuid REFERENCES kyc.cohort,
            resident uuid,
            asked bytea CHECK (length(asked) = 32),
            persons integer NOT NULL CHECK (persons >= 0),
            found integer NOT NULL CHECK (found >= 0),
            root bytea NOT NULL CHECK (length(root) = 32),
            leaves bytea NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT look_of_one_or_many CHECK (num_nonnulls(cohort, resident) = 1),
            CONSTRAINT look_asked CHECK (num_nulls(asked, resident) IN (0, 2)),
            CONSTRAINT look_leaves CHECK (length(leaves) = 32 * persons)
        )
        """
    )
    op.execute("CREATE INDEX look_resident ON kyc.look (resident, id)")
    op.execute("CREATE INDEX look_cohort ON kyc.look (cohort, id)")
    walls.append_only("kyc.look")
    walls.erasable("kyc.look", "resident")
    walls.for_officers("kyc.look")
    walls.grant("kyc.look", api="SELECT", worker="SELECT, INSERT", report="SELECT")


# -- what follows ------------------------------------------------------------------------------------------------------


def _freeze() -> None:
    # What the law wants frozen without delay does not wait for the morning: the worker imposes, and nothing else.
    walls.grant("app.restriction_act", worker="INSERT, UPDATE (decided_by, decided_at, agreed)")
    walls.grant("app.restriction", worker="INSERT")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.hold_lane TO {walls.WORKER}")
    for table, act, check in (
        ("restriction_act", "INSERT", "WITH CHECK (act = 'impose' AND proposed_by = 'service:screening')"),
        ("restriction_act", "UPDATE", "USING (proposed_by = 'service:screening')"),
    ):
        op.execute(
            f"CREATE POLICY screening_{act.lower()} ON app.{table} AS RESTRICTIVE FOR {act} TO {walls.WORKER} {check}"
        )


def _no_freeze() -> None:
    for act in ("insert", "update"):
        op.execute(f"DROP POLICY screening_{act} ON app.restriction_act")
    op.execute(f"REVOKE EXECUTE ON FUNCTION app.hold_lane FROM {walls.WORKER}")
    op.execute(f"REVOKE INSERT ON app.restriction FROM {walls.WORKER}")
    op.execute(f"REVOKE INSERT, UPDATE (decided_by, decided_at, agreed) ON app.restriction_act FROM {walls.WORKER}")
