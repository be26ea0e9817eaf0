"""What the database says of its own walls, read from pg_catalog: each check answers what is wrong, or nothing.

They are run as the owner of a migrated database (tests/walls/test_catalogue.py), and against a defect of each kind.
"""

from collections.abc import Callable

import psycopg

from migrations import walls

Owner = psycopg.Connection[tuple[str, ...]]
Check = Callable[[Owner], list[str]]

_OURS = "NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'"
_ROLES = ", ".join(f"'{role}'" for role in walls.ROLES)
VAULT = "eresidency_card_vault"

#: Columns by which a row belongs to somebody.
PERSON = ("holder", "resident", "subject", "person", "officer", "partner")
#: Tables with such a column that need no wall, and why.
OPEN = {
    "app.client": "its subject is a machine's, which anybody must find by the client's id to let it in",
    "invest.product": "the catalogue, which everybody reads",
}


def tables_without_a_wall(db: Owner) -> list[str]:
    """Find tables a login role reads, with a column that says whose row it is, and no row-level security."""
    return _found(
        db,
        f"""
        SELECT DISTINCT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = ANY(%s) AND NOT attisdropped
        WHERE {_OURS} AND relkind IN ('r', 'p') AND NOT relrowsecurity
          AND has_any_column_privilege('{walls.API}', pg_class.oid, 'SELECT')
          AND nspname || '.' || relname <> ALL(%s)
        """,  # noqa: S608  names of our own
        list(PERSON),
        list(OPEN),
    )


def walls_the_owner_passes(db: Owner) -> list[str]:
    """Find tables with row-level security that does not bind their owner."""
    return _found(
        db,
        f"""
        SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {_OURS} AND relrowsecurity AND NOT relforcerowsecurity
        """,  # noqa: S608  names of our own
    )


def views_that_look_as_their_owner(db: Owner) -> list[str]:
    """Find views that are not `security_invoker`, and materialised ones, which can't be."""
    return _found(
        db,
        f"""
        SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {_OURS} AND (relkind = 'm' OR relkind = 'v' AND NOT EXISTS (
            SELECT FROM pg_options_to_table(reloptions) WHERE option_name = 'security_invoker' AND option_value::boolean
        ))
        """,  # noqa: S608  names of our own
    )


def history_that_can_be_changed(db: Owner) -> list[str]:
    """Find tables that are only added to, and login roles that hold a right to do more; and any right to truncate."""
    return _found(
        db,
        f"""
        SELECT format('%s: %s may %s', pg_class.oid::regclass, role, right_)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        CROSS JOIN unnest(ARRAY[{_ROLES}]) AS role CROSS JOIN unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS right_
        WHERE {_OURS} AND relkind IN ('r', 'p') AND CASE right_
            WHEN 'TRUNCATE' THEN has_table_privilege(role, pg_class.oid, right_)
            WHEN 'UPDATE' THEN has_any_column_privilege(role, pg_class.oid, right_)
            ELSE has_table_privilege(role, pg_class.oid, right_) END
          AND (right_ = 'TRUNCATE' OR EXISTS (
            SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid = pg_class.oid AND tgqual IS NULL AND proname IN ('refuse_change', 'refuse_unless_erased')
              AND tgtype::integer & CASE right_ WHEN 'DELETE' THEN 8 ELSE 16 END <> 0
          ))
        """,  # noqa: S608  names of our own
    )


def rights_to_define(db: Owner) -> list[str]:
    """Find login roles that may make or alter anything: schemas, tables, triggers, foreign keys."""
    return _found(
        db,
        f"""
        SELECT format('%s may create in %s', role, nspname) FROM pg_namespace CROSS JOIN unnest(ARRAY[{_ROLES}]) AS role
        WHERE {_OURS} AND has_schema_privilege(role, nspname, 'CREATE')
        UNION ALL
        SELECT format('%s may create schemas', role) FROM unnest(ARRAY[{_ROLES}]) AS role
        WHERE has_database_privilege(role, current_database(), 'CREATE')
        UNION ALL
        SELECT format('%s may %s %s', role, right_, pg_class.oid::regclass)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        CROSS JOIN unnest(ARRAY[{_ROLES}]) AS role CROSS JOIN unnest(ARRAY['TRIGGER', 'REFERENCES']) AS right_
        WHERE {_OURS} AND relkind IN ('r', 'p') AND has_table_privilege(role, pg_class.oid, right_)
        """,  # noqa: S608  names of our own
    )


def powers_of_roles(db: Owner) -> list[str]:
    """Find roles of ours that are more than login roles, belong to another, or own anything."""
    ours = f"{_ROLES}, '{VAULT}'"
    return _found(
        db,
        f"""
        SELECT rolname || ' has a power' FROM pg_roles WHERE rolname IN ({ours})
          AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication OR rolinherit)
        UNION ALL
        SELECT rolname || ' logs in' FROM pg_roles WHERE rolname = '{VAULT}' AND rolcanlogin
        UNION ALL
        SELECT member::regrole || ' belongs to ' || roleid::regrole FROM pg_auth_members
        WHERE member::regrole::text IN ({ours})
        UNION ALL
        SELECT relowner::regrole || ' owns ' || pg_class.oid::regclass
        FROM pg_class WHERE relowner::regrole::text IN ({_ROLES})
        UNION ALL
        SELECT proowner::regrole || ' owns ' || pg_proc.oid::regprocedure
        FROM pg_proc WHERE proowner::regrole::text IN ({_ROLES})
        UNION ALL
        SELECT nspowner::regrole || ' owns ' || nspname FROM pg_namespace WHERE nspowner::regrole::text IN ({_ROLES})
        """,  # noqa: S608  names of our own
    )


def functions_anybody_runs(db: Owner) -> list[str]:
    """Find functions that everybody may execute."""
    return _found(
        db,
        f"""
        SELECT pg_proc.oid::regprocedure::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted
        WHERE {_OURS} AND granted.grantee = 0 AND granted.privilege_type = 'EXECUTE'
        """,  # noqa: S608  names of our own
    )


def functions_that_can_be_led_astray(db: Owner) -> list[str]:
    """Find functions that run with their owner's rights and look names up where the caller says."""
    return _found(
        db,
        f"""
        SELECT pg_proc.oid::regprocedure::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE {_OURS} AND prosecdef AND 'search_path=pg_catalog, pg_temp' <> ALL(coalesce(proconfig, '{{}}'))
        """,  # noqa: S608  names of our own
    )


CHECKS: tuple[Check, ...] = (
    tables_without_a_wall,
    walls_the_owner_passes,
    views_that_look_as_their_owner,
    history_that_can_be_changed,
    rights_to_define,
    powers_of_roles,
    functions_anybody_runs,
    functions_that_can_be_led_astray,
)


def _found(db: Owner, query: str, *values: object) -> list[str]:
    return sorted(row[0] for row in db.execute(query.encode(), values or None))
