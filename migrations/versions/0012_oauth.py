"""The authorisation server: clients' keys with overlap, wallets, pushed requests, codes; officers' roles.

A partner and its client have one subject from here on: a partner's rows are its own by the same wall as a resident's.
"""

from alembic import op

from migrations import walls

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_PARTNERS = ("partner_key", "inbox", "inbox_conflict", "subscription")
_PARTNER_SCOPES = "'{partner:events,partner:keys}'::text[]"


def upgrade() -> None:
    """Build it."""
    _client()
    _partner()
    _wallet()
    _officer()
    _ends("'signed_out', 'refresh_reused', 'device_removed', 'recovered', 'code_reused', 'duties_changed'")


def downgrade() -> None:
    """Undo it: keys that were in force go back to where they were."""
    for table in ("officer_grant", "authorization_code", "authorization_request", "wallet_client"):
        op.execute(f"DROP TABLE app.{table}")
    _part_partner()
    _part_client()
    op.execute("UPDATE app.session SET ended_why = 'signed_out' WHERE ended_why IN ('code_reused', 'duties_changed')")
    _ends("'signed_out', 'refresh_reused', 'device_removed', 'recovered'")


def _ends(whys: str) -> None:
    op.execute("ALTER TABLE app.session DROP CONSTRAINT session_ended_why_check")
    op.execute(f"ALTER TABLE app.session ADD CONSTRAINT session_ended_why_check CHECK (ended_why IN ({whys}))")


def _client() -> None:
    op.execute("ALTER TABLE app.client ADD COLUMN scopes text[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE app.client ALTER COLUMN scopes DROP DEFAULT")
    # What a client may ask for until somebody narrows it: what its role could have before.
    op.execute(
        f"""
        UPDATE app.client SET scopes = CASE subject.role
            WHEN 'partner' THEN {_PARTNER_SCOPES}
            WHEN 'regulator' THEN '{{regulator:reports,regulator:keys}}'::text[]
            ELSE '{{service:operate,service:keys}}'::text[] END
        FROM app.subject WHERE subject.id = client.subject
        """
    )
    op.execute("ALTER TABLE app.client ADD CHECK (cardinality(scopes) > 0)")
    # One key signs a client's assertions and its messages; `valid_to` is its retirement, never its deletion.
    op.execute(
        """
        CREATE TABLE app.client_key (
            subject uuid NOT NULL REFERENCES app.subject,
            kid text NOT NULL CHECK (length(kid) BETWEEN 1 AND 64),
            thumbprint text NOT NULL CHECK (length(thumbprint) = 43),
            jwk jsonb NOT NULL CHECK (jsonb_typeof(jwk) = 'object' AND NOT jwk ? 'd'),
            valid_from timestamptz NOT NULL,
            valid_to timestamptz CHECK (valid_to >= valid_from),
            PRIMARY KEY (subject, kid),
            UNIQUE (subject, thumbprint)
        )
        """
    )
    walls.own_rows("app.client_key", "subject")
    walls.grant(
        "app.client_key",
        api="SELECT, INSERT, UPDATE (valid_to)",
        worker="SELECT, INSERT, UPDATE (valid_to)",
        report="SELECT",
    )
    op.execute(
        f"""
        INSERT INTO app.client_key (subject, kid, thumbprint, jwk, valid_from)
        SELECT DISTINCT ON (subject, {_thumbprint("jwk")}) subject, coalesce(jwk ->> 'kid', {_thumbprint("jwk")}),
               {_thumbprint("jwk")}, jwk, client.at
        FROM app.client, jsonb_array_elements(jwks) AS jwk ORDER BY subject, {_thumbprint("jwk")}
        """
    )
    op.execute("ALTER TABLE app.client DROP COLUMN jwks")
    walls.grant("app.client", api="UPDATE (scopes)", worker="SELECT, INSERT, UPDATE (scopes)")
    walls.grant("app.subject", worker="INSERT")


def _thumbprint(jwk: str) -> str:
    """Compute RFC 7638 in SQL: the members in the order of their names, hashed, in base64url."""
    ec = f"""'{{"crv":"P-256","kty":"EC","x":"' || ({jwk} ->> 'x') || '","y":"' || ({jwk} ->> 'y') || '"}}'"""
    okp = f"""'{{"crv":"Ed25519","kty":"OKP","x":"' || ({jwk} ->> 'x') || '"}}'"""
    text = f"CASE {jwk} ->> 'kty' WHEN 'EC' THEN {ec} ELSE {okp} END"
    return f"translate(encode(sha256(convert_to({text}, 'UTF8')), 'base64'), '+/=', '-_')"


def _partner() -> None:
    # Until now a partner had no client, or one of another subject, under which nothing of the partner was found.
    op.execute(
        """
        INSERT INTO app.subject (id, role, name, at)
        SELECT id, 'partner', code, enrolled_at FROM app.partner ON CONFLICT DO NOTHING
        """
    )
    op.execute(
        f"""
        INSERT INTO app.client (id, subject, scopes, at)
        SELECT code, id, {_PARTNER_SCOPES}, enrolled_at FROM app.partner ON CONFLICT DO NOTHING
        """
    )
    jwk = """jsonb_build_object('kty', 'OKP', 'crv', 'Ed25519',
             'x', translate(encode(public_key, 'base64'), '+/=', '-_'))"""
    op.execute(
        f"""
        INSERT INTO app.client_key (subject, kid, thumbprint, jwk, valid_from, valid_to)
        SELECT partner, {_thumbprint("jwk")}, {_thumbprint("jwk")}, jwk, valid_from, valid_to
        FROM app.partner_key CROSS JOIN LATERAL (SELECT {jwk} AS jwk) AS written WHERE scheme = 'v1a'
        ON CONFLICT DO NOTHING
        """
    )
    # What is left are secrets we share with a partner, for its webhooks alone.
    op.execute("DELETE FROM app.partner_key WHERE scheme = 'v1a'")
    op.execute("ALTER TABLE app.partner_key DROP COLUMN scheme, DROP COLUMN public_key")
    op.execute("ALTER TABLE app.partner_key ALTER COLUMN kek_version SET NOT NULL, ALTER COLUMN secret SET NOT NULL")
    for table in _PARTNERS:
        walls.own_rows(f"app.{table}", "partner")
    _own_deliveries()
    op.execute("DROP POLICY fanned_out ON app.feed")
    op.execute(_fanned_out("app.holder"))


def _own_deliveries() -> None:
    op.execute("ALTER TABLE app.delivery ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE app.delivery FORCE ROW LEVEL SECURITY")
    # The wall of app.subscription decides: a subscription that can't be seen has no deliveries.
    op.execute(
        f"""
        CREATE POLICY own_rows ON app.delivery TO {walls.API}
        USING (EXISTS (SELECT 1 FROM app.subscription WHERE subscription.id = delivery.subscription))
        """
    )
    many = f"{walls.POSTING}, {walls.WORKER}, {walls.REPORT}, CURRENT_USER"
    op.execute(f"CREATE POLICY many_holders ON app.delivery TO {many} USING (true)")


def _fanned_out(setting: str) -> str:
    return f"""
        CREATE POLICY fanned_out ON app.feed FOR SELECT TO {walls.API} USING (
            current_setting('app.audience', true) = 'partner'
            AND EXISTS (
                SELECT 1 FROM app.delivery JOIN app.subscription ON subscription.id = delivery.subscription
                WHERE delivery.position = feed.position
                  AND subscription.partner = NULLIF(current_setting('{setting}', true), '')::uuid
            )
        )
        """


def _wallet() -> None:
    op.execute(
        """
        CREATE TABLE app.wallet_client (
            id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
            name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
            redirect_uris text[] NOT NULL CHECK (cardinality(redirect_uris) BETWEEN 1 AND 8),
            at timestamptz NOT NULL,
            suspended_at timestamptz
        )
        """
    )
    walls.grant("app.wallet_client", api="SELECT, INSERT, UPDATE (suspended_at)", report="SELECT")
    # A stranger's: it belongs to nobody until somebody approves it, so there is no owner to hide it from.
    op.execute(
        """
        CREATE TABLE app.authorization_request (
            id uuid PRIMARY KEY,
            hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
            client text NOT NULL REFERENCES app.wallet_client,
            redirect_uri text NOT NULL,
            state text,
            code_challenge text NOT NULL CHECK (length(code_challenge) = 43),
            jkt text NOT NULL CHECK (length(jkt) = 43),
            configurations text[] NOT NULL CHECK (cardinality(configurations) > 0),
            detailed boolean NOT NULL,
            expires_at timestamptz NOT NULL,
            opened_at timestamptz CHECK (opened_at < expires_at),
            covered bytea,
            challenge bytea CHECK (challenge = sha256(covered)),
            decide_by timestamptz,
            decided_at timestamptz CHECK (decided_at < decide_by),
            CHECK (num_nulls(opened_at, covered, challenge, decide_by) IN (0, 4)),
            CHECK (decided_at IS NULL OR opened_at IS NOT NULL)
        )
        """
    )
    op.execute("CREATE INDEX authorization_request_expiry ON app.authorization_request (expires_at)")
    deciding = "opened_at, covered, challenge, decide_by, decided_at"
    walls.grant("app.authorization_request", api=f"SELECT, INSERT, UPDATE ({deciding})", worker="SELECT, DELETE")
    op.execute(
        """
        CREATE TABLE app.authorization_code (
            hash bytea PRIMARY KEY CHECK (length(hash) = 32),
            subject uuid NOT NULL REFERENCES app.subject,
            client text NOT NULL REFERENCES app.wallet_client,
            redirect_uri text NOT NULL,
            code_challenge text NOT NULL,
            jkt text NOT NULL,
            configurations text[] NOT NULL CHECK (cardinality(configurations) > 0),
            detailed boolean NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz CHECK (used_at < expires_at),
            session uuid REFERENCES app.session,
            CHECK ((used_at IS NULL) = (session IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX authorization_code_expiry ON app.authorization_code (expires_at)")
    walls.own_rows("app.authorization_code", "subject")
    walls.grant("app.authorization_code", api="SELECT, INSERT, UPDATE (used_at, session)", worker="SELECT, DELETE")


def _officer() -> None:
    # Who proposes, who approves and who receives are three people; the operator's command line is nobody of the staff.
    op.execute(
        """
        CREATE TABLE app.officer_grant (
            id uuid PRIMARY KEY,
            officer uuid NOT NULL REFERENCES app.subject,
            duty text NOT NULL CHECK (duty IN ('viewer', 'case_officer', 'approver', 'security', 'auditor')),
            proposed_by text NOT NULL,
            proposed_at timestamptz NOT NULL,
            approved_by text,
            approved_at timestamptz,
            ended_by text,
            ended_at timestamptz,
            CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
            CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
            CHECK (approved_by <> proposed_by OR proposed_by = 'operator'),
            CHECK ('officer:' || officer NOT IN (proposed_by, coalesce(approved_by, '')))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX officer_grant_one ON app.officer_grant (officer, duty) WHERE ended_at IS NULL")
    walls.own_rows("app.officer_grant", "officer")
    deciding = "approved_by, approved_at, ended_by, ended_at"
    walls.grant("app.officer_grant", api=f"SELECT, INSERT, UPDATE ({deciding})", worker="SELECT", report="SELECT")
    # Officers of before keep what they could do.
    op.execute(
        """
        INSERT INTO app.officer_grant (id, officer, duty, proposed_by, proposed_at, approved_by, approved_at)
        SELECT uuidv7(), id, 'approver', 'operator', at, 'operator', at FROM app.subject WHERE role = 'officer'
        """
    )


def _part_partner() -> None:
    op.execute("DROP POLICY fanned_out ON app.feed")
    op.execute(_fanned_out("app.partner"))
    for table in (*_PARTNERS, "delivery"):
        op.execute(f"DROP POLICY own_rows ON app.{table}")
        op.execute(f"DROP POLICY many_holders ON app.{table}")
        op.execute(f"ALTER TABLE app.{table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE app.{table} DISABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE app.partner_key ALTER COLUMN kek_version DROP NOT NULL, ALTER COLUMN secret DROP NOT NULL")
    op.execute(
        """
        ALTER TABLE app.partner_key
            ADD COLUMN scheme text NOT NULL DEFAULT 'v1' CHECK (scheme IN ('v1', 'v1a')),
            ADD COLUMN public_key bytea CHECK (length(public_key) = 32),
            ADD CHECK ((scheme = 'v1a') = (public_key IS NOT NULL)),
            ADD CHECK ((scheme = 'v1') = (secret IS NOT NULL AND kek_version IS NOT NULL))
        """
    )
    op.execute("ALTER TABLE app.partner_key ALTER COLUMN scheme DROP DEFAULT")
    op.execute(
        """
        INSERT INTO app.partner_key (partner, kid, scheme, public_key, valid_from, valid_to)
        SELECT subject, left(kid, 16), 'v1a', decode(translate(jwk ->> 'x', '-_', '+/') || '=', 'base64'),
               valid_from, valid_to
        FROM app.client_key JOIN app.partner ON partner.id = client_key.subject WHERE jwk ->> 'kty' = 'OKP'
        ON CONFLICT DO NOTHING
        """
    )


def _part_client() -> None:
    op.execute("REVOKE INSERT ON app.subject FROM " + walls.WORKER)
    op.execute("REVOKE SELECT, INSERT ON app.client FROM " + walls.WORKER)
    op.execute(
        "ALTER TABLE app.client ADD COLUMN jwks jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(jwks) = 'array')"
    )
    op.execute("ALTER TABLE app.client ALTER COLUMN jwks DROP DEFAULT")
    op.execute(
        """
        UPDATE app.client SET jwks = held.jwks FROM (
            SELECT subject, jsonb_agg(jwk || jsonb_build_object('kid', kid)) AS jwks FROM app.client_key
            WHERE valid_to IS NULL OR valid_to > now() GROUP BY subject
        ) AS held WHERE held.subject = client.subject
        """
    )
    op.execute("DROP TABLE app.client_key")
    op.execute("ALTER TABLE app.client DROP COLUMN scopes")
    walls.grant("app.client", api="UPDATE (jwks)")
