"""The life of an account: consents, copies of one's data, closing, erasure, retention; officers' comments sealed.

Nothing here reads a key. Comments that were written in clear move to `residency.comment` as they are, and the worker
seals them one by one (app/remarks.py); from this revision on the table takes no clear one.
"""

from alembic import op

from migrations import walls

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_HISTORY_OF_KYC = ("screened", "claim", "decision", "check", "evidence", "document")  # those that refer, first

#: What else goes with a person, by the column that says whose row it is; those that refer, first.
_OF_SUBJECT = (
    "suspension", "step_up", "attestation", "authorization_code", "refresh", "session", "recovery", "message",
    "verification", "contact", "pre_authorized_code", "passkey",
)  # fmt: skip
_GOES = (
    *((f"kyc.{table}", "resident") for table in _HISTORY_OF_KYC),
    ("residency.comment", "resident"),
    ("app.export", "holder"),
    *((f"app.{table}", "subject") for table in _OF_SUBJECT),
    ("app.resident_key", "holder"),
)


def upgrade() -> None:
    """Build it."""
    for build in (_consents, _closure, _exports, _retention, _comments, _history, _erase, _rights):
        build()


def downgrade() -> None:
    """Undo it. Comments that were sealed can't be opened by a revision: they are lost."""
    _rights_back()
    for function in ("app.forget_cards(timestamptz, integer)", "app.erase(uuid)"):
        op.execute(f"DROP FUNCTION {function}")
    for index in ("session_over", "step_up_session", "step_up_unused", "inbox_kept"):
        op.execute(f"DROP INDEX app.{index}")
    op.execute("DROP TRIGGER money_stays ON app.idempotency")
    op.execute("DROP TRIGGER append_only ON app.idempotency")
    op.execute("ALTER TABLE app.idempotency DROP COLUMN money")
    walls.append_only("app.idempotency")
    op.execute("DROP TRIGGER never_again ON app.resident_key")
    for table in _HISTORY_OF_KYC[1:]:
        walls.no_longer_erasable(f"kyc.{table}")
    _comments_back()
    op.execute("ALTER TABLE app.partner DROP COLUMN country")
    for table in ("retention", "export", "closure", "consent"):
        op.execute(f"DROP TABLE app.{table} CASCADE")
    for function in ("app.keep_money_keys()", "app.refuse_key()", "app.refuse_unless_erased()", "app.erased(uuid)"):
        op.execute(f"DROP FUNCTION {function}")


def _consents() -> None:
    op.execute(
        """
        CREATE TABLE app.consent (
            holder uuid NOT NULL,
            purpose text NOT NULL CHECK (purpose ~ '^[a-z_]{1,40}$'),
            version integer NOT NULL CHECK (version > 0),
            given boolean NOT NULL,
            text_version text NOT NULL CHECK (text_version ~ '^[0-9]{4}-[0-9]{2}(-[0-9]+)?$'),
            text_sha256 bytea NOT NULL CHECK (length(text_sha256) = 32),
            language text NOT NULL CHECK (language IN ('en', 'ru', 'kk')),
            client_id text NOT NULL CHECK (client_id ~ '^[a-z0-9._-]{1,63}$'),
            session uuid NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (holder, purpose, version)
        )
        """
    )
    walls.append_only("app.consent")
    walls.own_rows("app.consent", "holder")
    # Data that go to a partner established abroad cross the border (Law 94-V, art. 16).
    op.execute("ALTER TABLE app.partner ADD COLUMN country text NOT NULL DEFAULT 'KZ' CHECK (country ~ '^[A-Z]{2}$')")
    walls.grant("app.partner", posting="SELECT (id, country)", worker="UPDATE (country)")
    walls.grant("app.consent", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _closure() -> None:
    op.execute(
        """
        CREATE TABLE app.closure (
            holder uuid PRIMARY KEY,
            state text NOT NULL CHECK (state IN ('closing', 'open', 'closed', 'erased')),
            version integer NOT NULL CHECK (version > 0),
            requested_at timestamptz NOT NULL,
            closes_at timestamptz NOT NULL CHECK (closes_at >= requested_at),
            erases_on date,
            due_at timestamptz,
            CONSTRAINT closure_due CHECK ((due_at IS NOT NULL) = (state IN ('closing', 'closed'))),
            CONSTRAINT closure_erases CHECK ((erases_on IS NOT NULL) = (state IN ('closed', 'erased')))
        )
        """
    )
    op.execute("CREATE INDEX closure_due ON app.closure (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("app.closure", "holder")
    running = "state, version, requested_at, closes_at, erases_on, due_at"
    walls.grant("app.closure", api=f"SELECT, INSERT, UPDATE ({running})", worker=f"SELECT, INSERT, UPDATE ({running})")
    walls.grant("app.closure", posting="SELECT", report="SELECT")
    # The API takes a request and takes it back; that an account is closed, and when it is erased, the worker says.
    for act in ("INSERT", "UPDATE"):
        op.execute(
            f"""
            CREATE POLICY asks_{act.lower()} ON app.closure AS RESTRICTIVE FOR {act} TO {walls.API}
            WITH CHECK (state IN ('open', 'closing'))
            """
        )
    op.execute(
        """
        CREATE FUNCTION app.erased(holder_ uuid) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $$ SELECT EXISTS (SELECT FROM app.closure WHERE holder = holder_ AND state = 'erased') $$
        """
    )


def _exports() -> None:
    op.execute(
        """
        CREATE TABLE app.export (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            requested_at timestamptz NOT NULL,
            due_at timestamptz,
            ready_at timestamptz,
            expires_at timestamptz CHECK (expires_at > ready_at),
            sha256 bytea CHECK (length(sha256) = 32),
            bundle bytea,
            taken_at timestamptz,
            CONSTRAINT export_ready CHECK (num_nulls(ready_at, expires_at, sha256) IN (0, 3)),
            CONSTRAINT export_made CHECK ((due_at IS NULL) = (ready_at IS NOT NULL)),
            CONSTRAINT export_held CHECK (bundle IS NULL OR (ready_at IS NOT NULL AND taken_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX export_due ON app.export (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX export_held ON app.export (expires_at) WHERE bundle IS NOT NULL")
    op.execute("CREATE INDEX export_holder ON app.export (holder, requested_at)")
    walls.own_rows("app.export", "holder")
    walls.grant("app.export", api="SELECT, INSERT, UPDATE (bundle, taken_at)")
    walls.grant("app.export", worker="SELECT, UPDATE (due_at, ready_at, expires_at, sha256, bundle)")


def _retention() -> None:
    op.execute(
        """
        CREATE TABLE app.retention (
            kind text PRIMARY KEY CHECK (kind ~ '^[a-z_]{1,40}$'),
            due_at timestamptz NOT NULL DEFAULT '-infinity'
        )
        """
    )
    op.execute(
        """
        INSERT INTO app.retention (kind)
        VALUES ('idempotency'), ('session'), ('step_up'), ('payment_message'), ('card_number'), ('draft'), ('refused')
        """
    )
    walls.grant("app.retention", worker="SELECT, UPDATE (due_at)", report="SELECT")
    # A key that moved money is kept for ever: the ledger is asked for it however late it is sent again.
    op.execute("ALTER TABLE app.idempotency ADD COLUMN money boolean NOT NULL DEFAULT true")
    op.execute("CREATE INDEX idempotency_passing ON app.idempotency (at) WHERE NOT money")
    # Numbers belong to a role nobody logs in as, and what is closed is known here: the owner of both looks.
    op.execute(
        """
        CREATE FUNCTION app.forget_cards(before timestamptz, at_most integer) RETURNS SETOF uuid LANGUAGE sql
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            DELETE FROM card_vault.pan WHERE card IN (
                SELECT pan.card FROM card_vault.pan JOIN cards.card ON card.id = pan.card CROSS JOIN LATERAL (
                    SELECT state, at FROM cards.change WHERE change.card = card.id ORDER BY version DESC LIMIT 1
                ) AS latest
                WHERE (latest.state = 'closed' AND latest.at < before)
                   OR card.expires_on < (before AT TIME ZONE 'Asia/Almaty')::date
                LIMIT at_most
            ) RETURNING card
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.forget_cards FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.forget_cards TO {walls.WORKER}")
    op.execute("CREATE INDEX session_over ON app.session (coalesce(ended_at, expires_at))")
    op.execute("CREATE INDEX step_up_session ON app.step_up (session) WHERE session IS NOT NULL")
    op.execute("CREATE INDEX step_up_unused ON app.step_up (expires_at) WHERE used_at IS NULL")
    op.execute("CREATE INDEX inbox_kept ON app.inbox (received_at) WHERE body <> ''")


def _comments() -> None:
    op.execute(
        """
        CREATE TABLE residency.comment (
            id uuid PRIMARY KEY,
            review uuid NOT NULL REFERENCES residency.review,
            application_id uuid NOT NULL,
            resident uuid NOT NULL,
            audience text NOT NULL CHECK (audience IN ('officers', 'applicant')),
            told_at integer,
            sealed bytea,
            unsealed text,
            UNIQUE (review, audience),
            CONSTRAINT comment_told FOREIGN KEY (application_id, told_at) REFERENCES residency.transition,
            CONSTRAINT comment_for_applicant CHECK (told_at IS NULL OR audience = 'applicant'),
            CONSTRAINT comment_once CHECK (num_nonnulls(sealed, unsealed) = 1)
        )
        """
    )
    op.execute(
        """
        INSERT INTO residency.comment (id, review, application_id, resident, audience, told_at, unsealed)
        SELECT uuidv7(), review.id, review.application_id, application.resident, said.audience,
               CASE said.audience WHEN 'applicant' THEN (
                   SELECT min(sort) FROM residency.transition AS move
                   WHERE move.application_id = review.application_id AND move.sort > review.round
                     AND move.remark = said.words AND move.actor = 'officer:' || review.officer
               ) END,
               said.words
        FROM residency.review
        JOIN residency.application ON application.id = review.application_id
        CROSS JOIN LATERAL (
            VALUES ('officers', review.comment_internal), ('applicant', review.comment_applicant)
        ) AS said (audience, words)
        WHERE said.words <> ''
        """
    )
    op.execute("CREATE INDEX comment_unsealed ON residency.comment (id) WHERE unsealed IS NOT NULL")
    op.execute("CREATE INDEX comment_application ON residency.comment (application_id, told_at)")
    op.execute("ALTER TABLE residency.review DROP COLUMN comment_internal, DROP COLUMN comment_applicant")
    op.execute("ALTER TABLE residency.transition DROP COLUMN remark")
    # A dropped column stays in the pages until they are written anew.
    op.execute("CLUSTER residency.review USING review_pkey")
    op.execute("CLUSTER residency.transition USING transition_pkey")
    op.execute("ALTER TABLE residency.review SET WITHOUT CLUSTER")
    op.execute("ALTER TABLE residency.transition SET WITHOUT CLUSTER")
    op.execute("ALTER TABLE residency.comment ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE residency.comment FORCE ROW LEVEL SECURITY")
    officer = "current_setting('app.audience', true) = 'officer'"
    told = "resident = NULLIF(current_setting('app.holder', true), '')::uuid AND told_at IS NOT NULL"
    op.execute(f"CREATE POLICY reads ON residency.comment FOR SELECT TO {walls.API} USING ({officer} OR ({told}))")
    op.execute(f"CREATE POLICY writes ON residency.comment FOR INSERT TO {walls.API} WITH CHECK ({officer})")
    op.execute(f"CREATE POLICY inside ON residency.comment TO {walls.WORKER}, CURRENT_USER USING (true)")
    # Nobody has the right to write one in clear.
    written = "id, review, application_id, resident, audience, told_at, sealed"
    walls.grant("residency.comment", api=f"SELECT, INSERT ({written})", worker="SELECT, UPDATE (sealed, unsealed)")


def _comments_back() -> None:
    op.execute("ALTER TABLE residency.review ADD COLUMN comment_internal text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE residency.review ALTER COLUMN comment_internal DROP DEFAULT")
    op.execute("ALTER TABLE residency.review ADD COLUMN comment_applicant text")
    op.execute("ALTER TABLE residency.transition ADD COLUMN remark text")
    op.execute("DROP TABLE residency.comment")


def _history() -> None:
    """Let the history of a person go with the person, and of nobody else."""
    op.execute(
        """
        CREATE FUNCTION app.refuse_unless_erased() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF app.erased((to_jsonb(OLD) ->> TG_ARGV[0])::uuid) THEN RETURN OLD; END IF;
            RAISE EXCEPTION '% of %.% refused: history is only added to', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table in _HISTORY_OF_KYC[1:]:
        walls.erasable(f"kyc.{table}", "resident")
    op.execute(
        """
        CREATE FUNCTION app.keep_money_keys() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF NOT OLD.money OR (
                OLD.principal LIKE 'resident:%' AND app.erased(split_part(OLD.principal, ':', 2)::uuid)
            ) THEN RETURN OLD; END IF;
            RAISE EXCEPTION '% of %.% refused: history is only added to', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute("DROP TRIGGER append_only ON app.idempotency")
    op.execute(
        """
        CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON app.idempotency
        FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()
        """
    )
    op.execute(
        """
        CREATE TRIGGER money_stays BEFORE DELETE ON app.idempotency
        FOR EACH ROW EXECUTE FUNCTION app.keep_money_keys()
        """
    )
    # Whoever was erased gets no second key: what would be sealed with it belongs to nobody.
    op.execute(
        """
        CREATE FUNCTION app.refuse_key() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF app.erased(NEW.holder) THEN RAISE EXCEPTION 'the person was erased'; END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER never_again BEFORE INSERT ON app.resident_key FOR EACH ROW EXECUTE FUNCTION app.refuse_key()"
    )


def _erase() -> None:
    """Create the only way a person is erased: when the day has come, all at once, by the worker.

    It destroys the data key, which makes noise of everything sealed with it, here and in every copy; and it deletes
    what was not sealed but leads to the person. It answers how many rows went, by table.
    """
    goes = ", ".join(f"('{table}', '{column}')" for table, column in _GOES)
    op.execute(
        f"""
        CREATE FUNCTION app.erase(holder_ uuid) RETURNS jsonb
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            goes record;
            went bigint;
            counts jsonb := '{{}}';
        BEGIN
            UPDATE app.closure SET state = 'erased', version = version + 1, due_at = NULL
            WHERE holder = holder_ AND state = 'closed' AND due_at <= now() + (SELECT advanced_by FROM app.clock);
            IF NOT FOUND THEN
                RAISE EXCEPTION 'not due' USING ERRCODE = 'insufficient_privilege';
            END IF;
            DELETE FROM app.challenge USING app.invitation
            WHERE challenge.invitation = invitation.hash AND invitation.subject = holder_;
            DELETE FROM app.invitation WHERE subject = holder_;
            FOR goes IN SELECT * FROM (VALUES {goes}) AS each (target, owned_by) LOOP
                EXECUTE format('DELETE FROM %s WHERE %I = $1', goes.target, goes.owned_by) USING holder_;
                GET DIAGNOSTICS went = ROW_COUNT;
                IF went > 0 THEN counts := counts || jsonb_build_object(goes.target, went); END IF;
            END LOOP;
            DELETE FROM app.idempotency WHERE principal = 'resident:' || holder_;
            DELETE FROM card_vault.pan WHERE holder = holder_;
            UPDATE app.inbox SET body = '' WHERE id IN (
                SELECT message FROM app.partner_payment WHERE partner_payment.holder = holder_
            );
            UPDATE residency.application SET answers = '{{}}' WHERE resident = holder_;
            RETURN counts;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.erase FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.erase TO {walls.WORKER}")


_WORKER_MAY = (
    ("residency.status", "UPDATE (state, version)"),
    ("app.subject", "UPDATE (suspended_at)"),
    ("app.session", "SELECT, UPDATE (ended_at, ended_why), DELETE"),
    ("app.refresh", "SELECT, DELETE"),
    ("app.attestation", "SELECT, DELETE"),
    ("app.step_up", "SELECT, DELETE"),
    ("app.idempotency", "DELETE"),
    ("app.inbox", "UPDATE (body)"),
    ("wallet.account", "UPDATE (closed_at)"),
)


def _rights() -> None:
    """Let the worker end what a closed account had, and delete what is due."""
    for table, rights in _WORKER_MAY:
        walls.grant(table, worker=rights)


def _rights_back() -> None:
    for table, rights in _WORKER_MAY:
        op.execute(f"REVOKE {rights} ON {table} FROM {walls.WORKER}")
