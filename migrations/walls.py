"""The walls of the database, each built by one call from a revision: roles, history, own rows, journals.

Names passed here are literals of the revisions, never input, so they are formatted into the statements.
"""

from alembic import op

API = "eresidency_api"
POSTING = "eresidency_posting"
WORKER = "eresidency_worker"
REPORT = "eresidency_report"
ROLES = (API, POSTING, WORKER, REPORT)


def roles() -> None:
    """Create the four login roles; they belong to the server, so other databases may have made them already."""
    for role in ROLES:
        op.execute(
            f"""
            DO $$ BEGIN
                CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )


def schema(name: str) -> None:
    """Create a package's schema and let the roles see into it; every table still needs its own grant."""
    op.execute(f"CREATE SCHEMA {name}")
    op.execute(f"GRANT USAGE ON SCHEMA {name} TO {', '.join(ROLES)}")


def grant(table: str, *, api: str = "", posting: str = "", worker: str = "", report: str = "") -> None:
    """Grant rights, such as `api="SELECT, INSERT"`; what is not named is refused."""
    for role, rights in ((API, api), (POSTING, posting), (WORKER, worker), (REPORT, report)):
        if rights:
            op.execute(f"GRANT {rights} ON {table} TO {role}")


def append_only(table: str) -> None:
    """Make `table` history: update, delete and truncate are refused, for its owner too."""
    op.execute(
        f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()
        """
    )


def erasable(table: str, column: str) -> None:
    """Let history go with the person it is about: a row may be deleted once `column` names somebody erased (0015)."""
    op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute(
        f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER erasable BEFORE DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION app.refuse_unless_erased('{column}')
        """
    )


def no_longer_erasable(table: str) -> None:
    """Make `table` history again that is only added to."""
    op.execute(f"DROP TRIGGER erasable ON {table}")
    op.execute(f"DROP TRIGGER append_only ON {table}")
    append_only(table)


def own_rows(table: str, column: str, *, also_nobodys: bool = False) -> None:
    """Row-level security: the API sees a row only for the resident it speaks for, or for an officer.

    Without `app.holder` and `app.audience` (set per transaction by app/db.py) it sees nothing. FORCE binds the owner as
    well, who is therefore named in the policy of the roles that serve many residents at once.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    mine = (
        f"({column} = NULLIF(current_setting('app.holder', true), '')::uuid"
        " OR current_setting('app.audience', true) IN ('officer', 'service'))"
    )
    nobodys = f" OR {column} IS NULL" if also_nobodys else ""
    op.execute(
        f"""
        CREATE POLICY own_rows ON {table} TO {API} USING ({mine}) WITH CHECK ({mine}{nobodys})
        """
    )
    op.execute(f"CREATE POLICY many_holders ON {table} TO {POSTING}, {WORKER}, {REPORT}, CURRENT_USER USING (true)")


def for_officers(table: str) -> None:
    """Let no resident, not even the one it is about, read or write it, whatever the API asks for."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY officers ON {table} TO {API} USING (current_setting('app.audience', true) = 'officer')")
    op.execute(f"CREATE POLICY inside ON {table} TO {POSTING}, {WORKER}, {REPORT}, CURRENT_USER USING (true)")


def decided_once(table: str) -> None:
    """Let a row of `table` begin undecided, and be decided once (0019): four eyes see it in this order."""
    op.execute(
        f"""
        CREATE TRIGGER decided_once BEFORE INSERT OR UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION app.refuse_decided()
        """
    )


def refuse(table: str, act: str, *, when: str) -> None:
    """Refuse an INSERT or UPDATE of a row of `table`, whoever asks, `when` OLD and NEW are such."""
    op.execute(
        f"""
        CREATE TRIGGER refused_{act.lower()} BEFORE {act} ON {table}
        FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION app.refuse_change()
        """
    )


def only_for(table: str, *acts: str, audiences: tuple[str, ...]) -> None:
    """Refuse `acts` on rows of `table` through the API for whoever is none of `audiences`."""
    others = " AND ".join(f"current_setting('app.audience', true) IS DISTINCT FROM '{each}'" for each in audiences)
    for act in acts:
        refuse(table, act, when=f"current_user = '{API}' AND {others}")


def redecided(by: str, *columns: str) -> str:
    """Say in SQL that an UPDATE changes what somebody, whom `by` names, has decided."""
    old, new = (", ".join(f"{row}.{column}" for column in (by, *columns)) for row in ("OLD", "NEW"))
    return f"(OLD.{by} IS NOT NULL AND ({old}) IS DISTINCT FROM ({new}))"


def journal(name: str) -> None:
    """Create `<name>.event`, the append-only journal of a package, whose rows queue for the relay as they are written.

    Mirrors proof/journal.py.
    """
    op.execute(
        f"""
        CREATE TABLE {name}.event (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL DEFAULT uuidv7() UNIQUE,
            aggregate uuid NOT NULL,
            version integer NOT NULL,
            holder uuid,
            kind text NOT NULL,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            body jsonb NOT NULL,
            UNIQUE (aggregate, version)
        )
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER relay AFTER INSERT ON {name}.event
        REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION app.queue_for_relay()
        """
    )
    append_only(f"{name}.event")
    own_rows(f"{name}.event", "holder", also_nobodys=True)
    grant(f"{name}.event", api="SELECT, INSERT", posting="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")
