"""Keys that rotate, and the log of who saw whose data.

From here on the API reads the data key of nobody but the resident it speaks for. Everybody else's is handed out by one
function, which writes down who asks: no look without a trace, whatever the code above it does.
"""

from alembic import op

from migrations import walls

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_VAULT = "eresidency_card_vault"
_SCHEMAS = "app, cards, credential, invest, kyc, residency, wallet"
_MINE = "holder = NULLIF(current_setting('app.holder', true), '')::uuid"


def upgrade() -> None:
    """Build it."""
    _access()
    _own_key()
    _open_vault()
    _rewrap()
    _rewrap_cards()
    _nobodys_functions()


def downgrade() -> None:
    """Undo it; the log of looks goes, its events stay in the journal."""
    op.execute("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC")
    op.execute(_temporary("GRANT", "TO"))
    op.execute("GRANT EXECUTE ON FUNCTION app.refuse_change, app.queue_for_relay, app.unrelayed TO PUBLIC")
    op.execute(f"REVOKE EXECUTE ON FUNCTION app.unrelayed FROM {walls.API}, {walls.WORKER}, {walls.REPORT}")
    for function in ("key_versions()", "rewrap(uuid, integer, integer, bytea)", "stale(integer, integer)"):
        op.execute(f"DROP FUNCTION card_vault.{function}")
    op.execute("DROP INDEX card_vault.pan_key_version")
    op.execute(f"REVOKE USAGE ON SCHEMA card_vault FROM {walls.WORKER}")
    op.execute("DROP INDEX app.resident_key_kek_version")
    for table, columns in _WRAPPED:
        op.execute(f"REVOKE UPDATE ({columns}) ON {table} FROM {walls.WORKER}")
    op.execute("DROP FUNCTION app.open_vault")
    for policy in ("own_key", "rewrap", "inside"):
        op.execute(f"DROP POLICY {policy} ON app.resident_key")
    walls.own_rows("app.resident_key", "holder")
    op.execute("DROP TABLE app.access")


def _access() -> None:
    op.execute(
        """
        CREATE TABLE app.access (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            person uuid NOT NULL,
            actor text NOT NULL CHECK (actor ~ '^(officer|partner|regulator|service):'),
            organisation text NOT NULL CHECK (organisation <> ''),
            operation text NOT NULL CHECK (operation <> ''),
            sees text NOT NULL CHECK (sees <> ''),
            purpose text NOT NULL CHECK (purpose <> ''),
            about uuid,
            at timestamptz NOT NULL,
            shown_from timestamptz CHECK (shown_from >= at)
        )
        """
    )
    op.execute("CREATE INDEX access_person ON app.access (person, at, id)")
    walls.append_only("app.access")
    op.execute("ALTER TABLE app.access ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE app.access FORCE ROW LEVEL SECURITY")
    # A look the person must not learn of yet, or ever (shown_from is null), is no row of theirs: see app/access.py.
    op.execute(
        f"""
        CREATE POLICY own_rows ON app.access FOR SELECT TO {walls.API} USING (
            person = NULLIF(current_setting('app.holder', true), '')::uuid
            AND shown_from <= now() + (SELECT advanced_by FROM app.clock)
        )
        """
    )
    op.execute(f"CREATE POLICY many_holders ON app.access TO {walls.WORKER}, {walls.REPORT}, CURRENT_USER USING (true)")
    walls.grant("app.access", api="SELECT", worker="SELECT", report="SELECT")


def _own_key() -> None:
    for policy in ("own_rows", "many_holders"):
        op.execute(f"DROP POLICY {policy} ON app.resident_key")
    # Somebody else who speaks for a resident is not the resident; an officer has a key of their own, for what they call
    # their devices.
    mine = f"""
        ({_MINE} AND current_setting('app.audience', true) NOT IN ('officer', 'partner', 'regulator'))
        OR (current_setting('app.audience', true) = 'officer'
            AND current_setting('app.actor', true) = 'officer:' || holder)
        """
    op.execute(f"CREATE POLICY own_key ON app.resident_key TO {walls.API} USING ({mine}) WITH CHECK ({mine})")
    # The worker reads a key to wrap it anew (app/rotation.py); to open what it seals it asks as everybody does.
    rotating = "current_setting('app.operation', true) = 'keys.rewrap'"
    op.execute(f"CREATE POLICY rewrap ON app.resident_key TO {walls.WORKER} USING ({rotating})")
    op.execute("CREATE POLICY inside ON app.resident_key TO CURRENT_USER USING (true)")


def _open_vault() -> None:
    # The setting app.actor says who asks and app.operation by what (app/db.py). What the worker does by itself, as its
    # own login role, is written once in a calendar month (Almaty): it looks every night and no person sees anything.
    op.execute(
        """
        CREATE FUNCTION app.open_vault(person_ uuid, sees_ text, purpose_ text, about_ uuid, delay_ interval)
        RETURNS TABLE (kek_version integer, wrapped bytea)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            actor_ text := current_setting('app.actor', true);
            operation_ text := current_setting('app.operation', true);
            at_ timestamptz := now() + (SELECT advanced_by FROM app.clock);
            since timestamptz := at_;
            written uuid;
        BEGIN
            IF (actor_ ~ '^(officer|partner|regulator|service):.' AND operation_ <> '') IS NOT TRUE THEN
                RAISE EXCEPTION 'a vault is opened by somebody who is named, by an operation'
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            IF NOT EXISTS (SELECT FROM app.resident_key AS key WHERE key.holder = person_) THEN
                RETURN;
            END IF;
            IF session_user = 'eresidency_worker' THEN
                since := date_trunc('month', at_ AT TIME ZONE 'Asia/Almaty') AT TIME ZONE 'Asia/Almaty';
            END IF;
            INSERT INTO app.access (person, actor, organisation, operation, sees, purpose, about, at, shown_from)
            SELECT person_, actor_,
                   CASE WHEN actor_ ~ '^(partner|regulator):'
                        THEN (SELECT name FROM app.subject WHERE subject.id = split_part(actor_, ':', 2)::uuid)
                        ELSE 'operator' END,
                   operation_, sees_, purpose_, about_, at_, at_ + delay_
            WHERE NOT EXISTS (
                SELECT FROM app.access AS known
                WHERE known.person = person_ AND known.at >= since AND known.actor = actor_
                  AND known.operation = operation_ AND known.sees = sees_ AND known.purpose = purpose_
                  AND known.about IS NOT DISTINCT FROM about_
            )
            RETURNING id INTO written;
            IF written IS NOT NULL THEN
                INSERT INTO app.event (aggregate, version, kind, actor, at, body)
                VALUES (written, 1, 'vault.opened', actor_, at_, jsonb_build_object(
                    'person', person_, 'operation', operation_, 'sees', sees_, 'purpose', purpose_, 'about', about_));
            END IF;
            RETURN QUERY SELECT key.kek_version, key.wrapped FROM app.resident_key AS key WHERE key.holder = person_;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.open_vault FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.open_vault TO {walls.API}, {walls.WORKER}")


#: What holds a key that a KEK wraps, and the columns that change when another KEK wraps it.
_WRAPPED = (
    ("app.resident_key", "kek_version, wrapped"),
    ("app.partner", "kek_version, data_key"),
    ("app.partner_key", "kek_version, secret"),
    ("app.message", "kek_version, wrapped"),
)


def _rewrap() -> None:
    for table, columns in _WRAPPED:
        op.execute(f"GRANT UPDATE ({columns}) ON {table} TO {walls.WORKER}")
    # The next one to be wrapped anew is found without a search, also when there is none among millions.
    op.execute("CREATE INDEX resident_key_kek_version ON app.resident_key (kek_version)")


def _rewrap_cards() -> None:
    op.execute("CREATE INDEX pan_key_version ON card_vault.pan (key_version)")
    op.execute(f"GRANT USAGE ON SCHEMA card_vault TO {walls.WORKER}")
    # The worker wraps a number's key anew without ever seeing what the key seals.
    op.execute(
        """
        CREATE FUNCTION card_vault.stale(newest integer, at_most integer)
        RETURNS TABLE (card uuid, key_version integer, wrapped_key bytea) LANGUAGE sql
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT pan.card, pan.key_version, pan.wrapped_key FROM card_vault.pan
            WHERE pan.key_version < stale.newest ORDER BY pan.key_version LIMIT stale.at_most FOR UPDATE SKIP LOCKED;
        END
        """
    )
    op.execute(
        """
        CREATE FUNCTION card_vault.rewrap(card uuid, was integer, key_version integer, wrapped_key bytea)
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            UPDATE card_vault.pan SET key_version = rewrap.key_version, wrapped_key = rewrap.wrapped_key
            WHERE pan.card = rewrap.card AND pan.key_version = rewrap.was;
        END
        """
    )
    op.execute(
        """
        CREATE FUNCTION card_vault.key_versions() RETURNS TABLE (key_version integer, cards bigint)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT pan.key_version, count(*) FROM card_vault.pan GROUP BY pan.key_version;
        END
        """
    )
    for function, role in (
        ("stale(integer, integer)", walls.WORKER),
        ("rewrap(uuid, integer, integer, bytea)", walls.WORKER),
        ("key_versions()", walls.WORKER),
    ):
        op.execute(f"ALTER FUNCTION card_vault.{function} OWNER TO {_VAULT}")
        op.execute(f"REVOKE ALL ON FUNCTION card_vault.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION card_vault.{function} TO {role}")


def _nobodys_functions() -> None:
    """Take from everybody what PostgreSQL gives everybody: to run each function, and to make tables for a session."""
    op.execute(f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {_SCHEMAS} FROM PUBLIC")
    op.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    op.execute(_temporary("REVOKE", "FROM"))
    op.execute(f"GRANT EXECUTE ON FUNCTION app.unrelayed TO {walls.API}, {walls.WORKER}, {walls.REPORT}")


def _temporary(give: str, whom: str) -> str:
    return f"""
        DO $$ BEGIN
            EXECUTE format('{give} TEMPORARY ON DATABASE %I {whom} PUBLIC', current_database());
        END $$
        """
