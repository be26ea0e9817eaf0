"""What the ledger vouches for beside its rows: chart, accounts, addresses. Who may not ask whom for money."""

from alembic import op

from migrations import walls

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_ACTOR = "system:revision-0030"
#: All lines are facts about one thing; wallet/chart.py names it too.
_CHART = "0192f7d0-6a4b-7c3e-8000-636861727400"
_LAST = "('app.resident_key', 'holder')"
_BLOCKS = "('app.blocked', 'holder'), ('app.blocked', 'person')"


def upgrade() -> None:
    """Build it."""
    _chart()
    _operators()
    _addresses()
    _blocked()
    op.execute("INSERT INTO app.retention (kind) VALUES ('payment_list')")
    op.execute("CREATE INDEX payment_list_over ON app.payment_list (expires_at) WHERE state IN ('draft', 'cancelled')")
    walls.grant("app.payment_list", worker="DELETE")
    walls.grant("app.payment_item", worker="DELETE")


def downgrade() -> None:
    """Take it away; what was told stays told."""
    op.execute(f"REVOKE DELETE ON app.payment_list, app.payment_item FROM {walls.WORKER}")
    op.execute("DROP INDEX app.payment_list_over")
    op.execute("DELETE FROM app.retention WHERE kind = 'payment_list'")
    _erase_also(f"{_BLOCKS}, {_LAST}", _LAST)
    op.execute("DROP FUNCTION app.not_to_be_asked")
    op.execute("DROP TABLE app.blocked")
    op.execute("ALTER TABLE wallet.address DROP COLUMN salt")
    op.execute("DROP TRIGGER told ON wallet.chart")
    op.execute("DROP TRIGGER append_only ON wallet.chart")
    op.execute("DROP FUNCTION wallet.tell_chart")


def _chart() -> None:
    """Let a line of the chart stand as it was written, and let the journal say what it was and who wrote it."""
    tell = f"""
        INSERT INTO wallet.event (aggregate, version, kind, actor, at, body)
        SELECT '{_CHART}', coalesce((SELECT max(version) FROM wallet.event WHERE aggregate = '{_CHART}'), 0)
               + row_number() OVER (ORDER BY purpose), 'chart.line_added', 'system:' || session_user, now(),
               to_jsonb(line)
    """
    op.execute(
        f"""
        CREATE FUNCTION wallet.tell_chart() RETURNS trigger LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN {tell} FROM added AS line; RETURN NULL; END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION wallet.tell_chart FROM PUBLIC")
    op.execute(
        """
        CREATE TRIGGER told AFTER INSERT ON wallet.chart REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION wallet.tell_chart()
        """
    )
    walls.append_only("wallet.chart")
    op.execute(f"{tell} FROM wallet.chart AS line")


def _operators() -> None:
    """Tell of the operator's accounts what is told of a resident's: when each was opened, and for what."""
    op.execute(
        f"""
        INSERT INTO wallet.event (aggregate, version, kind, actor, at, body)
        SELECT id, 1, 'wallet.account_opened', '{_ACTOR}', opened_at, jsonb_build_object(
            'account', id, 'lane', lane, 'purpose', purpose, 'label', label, 'currency', currency)
        FROM wallet.account
        WHERE holder IS NULL AND NOT EXISTS (SELECT FROM wallet.event WHERE aggregate = account.id) ORDER BY lane, id
        """
    )


def _addresses() -> None:
    """Give each address a salt, so that the journal can vouch for it by a digest that says nothing by itself."""
    op.execute(
        "ALTER TABLE wallet.address ADD COLUMN salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid())"
        " CHECK (length(salt) = 16)"
    )
    op.execute("ALTER TABLE wallet.address ALTER COLUMN salt DROP DEFAULT")
    op.execute(
        f"""
        INSERT INTO wallet.event (aggregate, version, holder, kind, actor, at, body)
        SELECT account, (SELECT max(version) + 1 FROM wallet.event WHERE aggregate = account), holder,
               'wallet.addressed', '{_ACTOR}', issued_at, jsonb_build_object(
            'account', account, 'lane', lane,
            'sha256', encode(sha256(salt || convert_to(iban, 'UTF8')), 'hex'))
        FROM wallet.address ORDER BY issued_at, account
        """
    )


def _blocked() -> None:
    """Let a person say who may not ask them for money; whoever asks learns that they can't, and not from whom."""
    op.execute(
        """
        CREATE TABLE app.blocked (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            person uuid NOT NULL CHECK (person <> holder),
            money_request uuid NOT NULL REFERENCES app.money_request,
            at timestamptz NOT NULL,
            UNIQUE (holder, person)
        )
        """
    )
    op.execute("CREATE INDEX blocked_person ON app.blocked (person)")
    walls.own_rows("app.blocked", "holder")
    walls.grant("app.blocked", api="SELECT, INSERT, DELETE", worker="SELECT")
    op.execute(
        """
        CREATE FUNCTION app.not_to_be_asked(people uuid[], asker uuid) RETURNS SETOF uuid
        LANGUAGE sql VOLATILE SET app.audience = 'service' AS $$
            SELECT holder FROM app.blocked WHERE holder = ANY (people) AND person = asker
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.not_to_be_asked FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.not_to_be_asked TO {walls.API}")
    _erase_also(_LAST, f"{_BLOCKS}, {_LAST}")


def _erase_also(was: str, becomes: str) -> None:
    """Write the one function that erases a person anew, with what else goes before the key does."""
    was, becomes = (text.replace("'", "''") for text in (was, becomes))
    op.execute(
        f"""
        DO $$ BEGIN
            EXECUTE replace(pg_get_functiondef('app.erase(uuid)'::regprocedure), '{was}', '{becomes}');
        END $$
        """
    )
