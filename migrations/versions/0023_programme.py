"""The card programme: policy as dated data, what a card may do and where, who it was made for, and its way by post."""

from alembic import op

from migrations import walls

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_PUT = "put(uuid, uuid, bytea, integer, bytea, bytea)"
_TABLES = ("campaign_card", "campaign", "listed_person", "listed_merchant", "exemption", "consent", "verification",
           "term", "parcel", "bearer")  # fmt: skip
_OFFICER = "~ '^officer:'"
#: Which states of a campaign follow which: mirrored by cards/campaign.py LIFE.
_LIFE = """'proposed running', 'proposed dropped', 'running paused', 'running rolling_back', 'running done',
    'paused running', 'paused rolling_back', 'done rolling_back', 'rolling_back rolled_back'"""


def upgrade() -> None:
    """Build it."""
    for build in (_cards, _changes, _terms, _bearers, _parcels, _holders, _exemptions, _lists, _campaigns, _worker):
        build()


def downgrade() -> None:
    """Take it away; what the narrower tables can't say is said with the nearest word they know."""
    op.execute(f"REVOKE EXECUTE ON FUNCTION card_vault.{_PUT} FROM {walls.WORKER}")
    op.execute(f"REVOKE UPDATE ON cards.circulation FROM {walls.WORKER}")
    op.execute(f"REVOKE INSERT ON cards.card, cards.change FROM {walls.WORKER}")
    op.execute("DROP FUNCTION app.recognise_listed(uuid, uuid)")
    for table in _TABLES:
        op.execute(f"DROP TABLE cards.{table}")
    _changes_back()
    op.execute("ALTER TABLE cards.circulation DROP COLUMN holders")
    _restate("cards.card", "form = 'virtual'")
    op.execute(
        """
        ALTER TABLE cards.card DROP CONSTRAINT card_form_check,
            DROP COLUMN processor, DROP COLUMN replaces, DROP COLUMN exemption,
            ADD CONSTRAINT card_form_check CHECK (form IN ('virtual'))
        """
    )


def _cards() -> None:
    op.execute(
        """
        ALTER TABLE cards.card DROP CONSTRAINT card_form_check,
            ADD CONSTRAINT card_form_check CHECK (form IN ('virtual', 'plastic')),
            ADD COLUMN processor text NOT NULL DEFAULT 'own' CHECK (processor ~ '^[a-z_]{1,20}$'),
            ADD COLUMN replaces uuid REFERENCES cards.card CHECK (replaces <> id),
            ADD COLUMN exemption text CHECK (exemption IN ('investor', 'entrepreneur', 'diplomat'))
        """
    )
    op.execute("CREATE INDEX card_replaces ON cards.card (replaces) WHERE replaces IS NOT NULL")
    op.execute("ALTER TABLE cards.circulation ADD COLUMN holders integer NOT NULL DEFAULT 0 CHECK (holders >= 0)")
    op.execute(
        """
        UPDATE cards.circulation SET holders = (
            SELECT count(DISTINCT holder) FROM cards.card
            WHERE NOT EXISTS (SELECT FROM cards.change WHERE change.card = card.id AND change.state = 'closed')
        )
        """
    )


def _changes() -> None:
    """Say of a card in each row all that may change of it: no state is frozen any more, a flag is."""
    op.execute(
        """
        ALTER TABLE cards.change DROP CONSTRAINT change_state_check,
            ADD COLUMN closed_for text CHECK (
                closed_for IN ('user', 'lost', 'stolen', 'damaged', 'replaced', 'expired', 'undeliverable',
                               'parent_closed', 'account_closed', 'wind_down')
            ),
            ADD COLUMN frozen boolean NOT NULL DEFAULT false,
            ADD COLUMN suspended jsonb CHECK (jsonb_typeof(suspended) = 'array'),
            ADD COLUMN controls jsonb CHECK (jsonb_typeof(controls) = 'object'),
            ADD COLUMN trips jsonb CHECK (jsonb_typeof(trips) = 'array'),
            ADD COLUMN per_week_max_minor bigint CHECK (per_week_max_minor > 0),
            ADD COLUMN per_month_max_minor bigint CHECK (per_month_max_minor > 0),
            ADD COLUMN per_year_max_minor bigint CHECK (per_year_max_minor > 0),
            ADD COLUMN parent uuid REFERENCES cards.card CHECK (parent <> card),
            ADD COLUMN issuance_basis text,
            ADD COLUMN notice_version text
        """
    )
    # The same history in the new words: nothing that happened changes.
    _restate("cards.change", "state = 'active', frozen = true WHERE state = 'frozen'")
    _restate("cards.change", "closed_for = 'user' WHERE state = 'closed'")
    op.execute(
        """
        ALTER TABLE cards.change
            ADD CONSTRAINT change_state_check CHECK (
                state IN ('ordered', 'personalising', 'shipped', 'inactive', 'active', 'closed')
            ),
            ADD CONSTRAINT change_closed_for CHECK ((state = 'closed') = (closed_for IS NOT NULL))
        """
    )
    op.execute("CREATE INDEX change_parent ON cards.change (parent) WHERE parent IS NOT NULL")


def _changes_back() -> None:
    op.execute("ALTER TABLE cards.change DROP CONSTRAINT change_state_check, DROP CONSTRAINT change_closed_for")
    _restate("cards.change", "state = 'ordered' WHERE state IN ('personalising', 'shipped', 'inactive')")
    # Whoever suspended the card: it must not come back to life by going back.
    _restate("cards.change", "state = 'frozen' WHERE state = 'active' AND (frozen OR suspended IS NOT NULL)")
    op.execute(
        """
        ALTER TABLE cards.change DROP COLUMN closed_for, DROP COLUMN frozen, DROP COLUMN suspended,
            DROP COLUMN controls, DROP COLUMN trips, DROP COLUMN per_week_max_minor, DROP COLUMN per_month_max_minor,
            DROP COLUMN per_year_max_minor, DROP COLUMN parent, DROP COLUMN issuance_basis, DROP COLUMN notice_version,
            ADD CONSTRAINT change_state_check CHECK (state IN ('ordered', 'active', 'frozen', 'closed'))
        """
    )


def _restate(table: str, change: str) -> None:
    op.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    op.execute(f"UPDATE {table} SET {change}")
    op.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


def _terms() -> None:
    """Say when a card is to be renewed, and when it ends: what the worker looks at."""
    op.execute(
        """
        CREATE TABLE cards.term (
            card uuid PRIMARY KEY REFERENCES cards.card,
            holder uuid NOT NULL,
            renew_at timestamptz,
            ends_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX term_renew ON cards.term (renew_at) WHERE renew_at IS NOT NULL")
    op.execute("CREATE INDEX term_ends ON cards.term (ends_at)")
    walls.own_rows("cards.term", "holder")
    walls.grant("cards.term", api="SELECT, INSERT, DELETE", worker="SELECT, INSERT, UPDATE, DELETE", report="SELECT")
    op.execute(
        """
        INSERT INTO cards.term (card, holder, renew_at, ends_at)
        SELECT id, holder, (expires_on - 30)::timestamp AT TIME ZONE 'Asia/Almaty',
               (expires_on + 1)::timestamp AT TIME ZONE 'Asia/Almaty'
        FROM cards.card
        WHERE NOT EXISTS (SELECT FROM cards.change WHERE change.card = card.id AND change.state = 'closed')
        """
    )


def _bearers() -> None:
    """Who carries a child's card: the name and the day of birth, under the parent's key."""
    op.execute(
        """
        CREATE TABLE cards.bearer (
            card uuid PRIMARY KEY REFERENCES cards.card,
            holder uuid NOT NULL,
            person bytea NOT NULL
        )
        """
    )
    walls.append_only("cards.bearer")
    walls.own_rows("cards.bearer", "holder")
    walls.grant("cards.bearer", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _parcels() -> None:
    op.execute(
        """
        CREATE TABLE cards.parcel (
            id uuid PRIMARY KEY,
            card uuid NOT NULL REFERENCES cards.card,
            holder uuid NOT NULL,
            address bytea NOT NULL,
            carrier text CHECK (carrier ~ '^[a-z0-9_]{1,40}$'),
            tracking bytea,
            state text NOT NULL CHECK (state IN ('waiting', 'shipped', 'delivered', 'undeliverable', 'cancelled')),
            asked_at timestamptz NOT NULL,
            shipped_at timestamptz,
            ended_at timestamptz,
            CONSTRAINT parcel_shipped CHECK (num_nulls(carrier, shipped_at) IN (0, 2)),
            CONSTRAINT parcel_ended CHECK ((ended_at IS NULL) = (state IN ('waiting', 'shipped')))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX parcel_open ON cards.parcel (card) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX parcel_card ON cards.parcel (card, id)")
    op.execute("CREATE INDEX parcel_state ON cards.parcel (state, id) WHERE ended_at IS NULL")
    walls.own_rows("cards.parcel", "holder")
    changed = "carrier, tracking, state, shipped_at, ended_at"
    walls.grant("cards.parcel", api=f"SELECT, INSERT, UPDATE ({changed}, address)", report="SELECT")
    walls.grant("cards.parcel", worker=f"SELECT, INSERT, UPDATE ({changed})")


def _holders() -> None:
    """Keep what is known of a holder, whatever the card: until when the identity holds, which notices were accepted."""
    op.execute(
        """
        CREATE TABLE cards.verification (
            holder uuid PRIMARY KEY,
            verified_at timestamptz NOT NULL,
            verified_until date,
            due_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX verification_due ON cards.verification (due_at) WHERE due_at IS NOT NULL")
    walls.own_rows("cards.verification", "holder")
    every = "SELECT, INSERT, UPDATE (verified_at, verified_until, due_at)"
    walls.grant("cards.verification", api=every, posting="SELECT", worker=every, report="SELECT")
    op.execute(
        """
        INSERT INTO cards.verification (holder, verified_at, due_at)
        SELECT resident, max(at), max(at) FROM kyc.decision
        WHERE outcome = 'identified' AND resident IN (SELECT holder FROM cards.card) GROUP BY resident
        """
    )
    op.execute(
        """
        CREATE TABLE cards.consent (
            holder uuid NOT NULL,
            notice_version text NOT NULL,
            language text NOT NULL CHECK (language IN ('en', 'ru', 'kk')),
            at timestamptz NOT NULL,
            PRIMARY KEY (holder, notice_version)
        )
        """
    )
    op.execute(
        """
        INSERT INTO cards.consent (holder, notice_version, language, at)
        SELECT DISTINCT ON (holder, notice_version) holder, notice_version, notice_language, ordered_at
        FROM cards.card ORDER BY holder, notice_version, ordered_at
        """
    )
    walls.append_only("cards.consent")
    walls.own_rows("cards.consent", "holder")
    walls.grant("cards.consent", api="SELECT, INSERT", worker="SELECT", report="SELECT")


def _exemptions() -> None:
    """Whose cards may be valid for longer than a non-resident's: two officers say so, by a status that stands."""
    op.execute(
        f"""
        CREATE TABLE cards.exemption (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            reason text NOT NULL CHECK (reason IN ('investor', 'entrepreneur', 'diplomat')),
            status uuid NOT NULL REFERENCES residency.status,
            evidence text NOT NULL CHECK (evidence ~ '^[A-Z]{{1,12}}(-[0-9]{{1,12}}){{1,3}}$'),
            proposed_by text NOT NULL CHECK (proposed_by {_OFFICER}), proposed_at timestamptz NOT NULL,
            decided_by text CHECK (decided_by {_OFFICER}), decided_at timestamptz,
            agreed boolean,
            ended_by text CHECK (ended_by {_OFFICER}), ended_at timestamptz,
            CONSTRAINT exemption_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT exemption_decided CHECK (num_nulls(decided_by, decided_at, agreed) IN (0, 3)),
            CONSTRAINT exemption_ended CHECK (num_nulls(ended_by, ended_at) IN (0, 2))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX exemption_open ON cards.exemption (holder)"
        " WHERE ended_at IS NULL AND agreed IS DISTINCT FROM false"
    )
    walls.own_rows("cards.exemption", "holder")
    decided = "decided_by, decided_at, agreed, ended_by, ended_at"
    walls.grant("cards.exemption", api=f"SELECT, INSERT, UPDATE ({decided})", worker="SELECT", report="SELECT")
    walls.refuse("cards.exemption", "INSERT", when="num_nonnulls(NEW.decided_by, NEW.ended_by) > 0")
    again = walls.redecided("decided_by", "decided_at", "agreed")
    walls.refuse("cards.exemption", "UPDATE", when=f"OLD.ended_by IS NOT NULL OR {again}")


def _lists() -> None:
    """Merchants that are paid nothing, and persons: by a keyed digest of a document, whoever holds it."""
    op.execute(
        """
        CREATE TABLE cards.listed_merchant (
            id uuid PRIMARY KEY,
            merchant text NOT NULL CHECK (merchant ~ '^[A-Za-z0-9 ._-]{1,40}$'),
            reason text NOT NULL CHECK (reason IN ('illegal_gambling', 'quasi_cash', 'fraud', 'regulator_order')),
            listed_by text NOT NULL, listed_at timestamptz NOT NULL,
            ended_by text, ended_at timestamptz,
            CONSTRAINT listed_merchant_ended CHECK (num_nulls(ended_by, ended_at) IN (0, 2))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX listed_merchant_now ON cards.listed_merchant (merchant) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX listed_merchant_listed ON cards.listed_merchant (id) WHERE ended_at IS NULL")
    ended = "UPDATE (ended_by, ended_at)"
    walls.grant("cards.listed_merchant", api=f"SELECT, INSERT, {ended}", posting="SELECT", report="SELECT")
    op.execute(
        """
        CREATE TABLE cards.listed_person (
            id uuid PRIMARY KEY,
            listing text NOT NULL CHECK (listing IN ('self_restricted', 'barred')),
            blind bytea NOT NULL CHECK (length(blind) = 32),
            holder uuid,
            until date,
            listed_by text NOT NULL, listed_at timestamptz NOT NULL,
            ended_by text, ended_at timestamptz,
            CONSTRAINT listed_person_ended CHECK (num_nulls(ended_by, ended_at) IN (0, 2))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX listed_person_now ON cards.listed_person (blind, listing) WHERE ended_at IS NULL")
    op.execute(
        "CREATE INDEX listed_person_holder ON cards.listed_person (holder)"
        " WHERE ended_at IS NULL AND holder IS NOT NULL"
    )
    op.execute("CREATE INDEX listed_person_until ON cards.listed_person (until) WHERE ended_at IS NULL")
    # The person is not told that somebody looks: neither the person nor who asks for them reads the list.
    walls.for_officers("cards.listed_person")
    walls.grant("cards.listed_person", api="SELECT, INSERT, UPDATE (ended_by, ended_at)", posting="SELECT")
    walls.grant("cards.listed_person", worker="SELECT, UPDATE (ended_by, ended_at)", report="SELECT")
    # Who came with a document is known to kyc by the same digest; neither list is read by who asks.
    op.execute(
        """
        CREATE FUNCTION app.recognise_listed(holder_ uuid, listing_ uuid) RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            UPDATE cards.listed_person SET holder = claim.resident FROM kyc.claim
            WHERE claim.kind = 'document' AND claim.blind = listed_person.blind AND listed_person.ended_at IS NULL
              AND listed_person.holder IS NULL
              AND (claim.resident = recognise_listed.holder_ OR listed_person.id = recognise_listed.listing_);
        END
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.recognise_listed FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.recognise_listed TO {walls.API}, {walls.WORKER}")


def _campaigns() -> None:
    """Do something to all cards of a basis, one after the other: moved to another basis, or wound down."""
    op.execute(
        f"""
        CREATE TABLE cards.campaign (
            id uuid PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('migration', 'wind_down')),
            basis text NOT NULL,
            to_basis text CHECK (to_basis <> basis),
            notice_version text,
            spends_until timestamptz,
            consent_until timestamptz,
            state text NOT NULL CHECK (
                state IN ('proposed', 'dropped', 'running', 'paused', 'done', 'rolling_back', 'rolled_back')
            ),
            place uuid,
            found_any boolean NOT NULL DEFAULT false,
            due_at timestamptz,
            proposed_by text NOT NULL CHECK (proposed_by {_OFFICER}), proposed_at timestamptz NOT NULL,
            approved_by text CHECK (approved_by {_OFFICER}), approved_at timestamptz,
            CONSTRAINT campaign_four_eyes CHECK (approved_by <> proposed_by),
            CONSTRAINT campaign_approved CHECK (num_nulls(approved_by, approved_at) IN (0, 2)),
            CONSTRAINT campaign_needs_two CHECK ((state IN ('proposed', 'dropped')) = (approved_by IS NULL)),
            CONSTRAINT campaign_migrates CHECK (
                num_nulls(to_basis, notice_version, consent_until) = CASE kind WHEN 'migration' THEN 0 ELSE 3 END
            ),
            CONSTRAINT campaign_winds_down CHECK ((kind = 'wind_down') = (spends_until IS NOT NULL)),
            CONSTRAINT campaign_due CHECK (due_at IS NULL OR state IN ('running', 'rolling_back'))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX campaign_open ON cards.campaign (basis)"
        " WHERE state IN ('proposed', 'running', 'paused', 'rolling_back')"
    )
    op.execute("CREATE INDEX campaign_due ON cards.campaign (due_at) WHERE due_at IS NOT NULL")
    moved, approved = "state, place, found_any, due_at", "consent_until, approved_by, approved_at"
    walls.grant("cards.campaign", api=f"SELECT, INSERT, UPDATE ({moved}, {approved})", posting="SELECT")
    walls.grant("cards.campaign", worker=f"SELECT, UPDATE ({moved})", report="SELECT")
    walls.refuse("cards.campaign", "INSERT", when="NEW.state <> 'proposed'")
    again = walls.redecided("approved_by", "approved_at", "consent_until")
    stray = f"OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN ({_LIFE})"
    walls.refuse("cards.campaign", "UPDATE", when=f"{again} OR {stray}")
    op.execute(
        """
        CREATE TABLE cards.campaign_card (
            campaign uuid NOT NULL REFERENCES cards.campaign,
            card uuid NOT NULL REFERENCES cards.card,
            holder uuid NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('waiting', 'moved', 'closed', 'rolled_back')),
            at timestamptz NOT NULL,
            PRIMARY KEY (campaign, card)
        )
        """
    )
    op.execute("CREATE INDEX campaign_card_holder ON cards.campaign_card (holder)")
    walls.own_rows("cards.campaign_card", "holder")
    rights = "SELECT, INSERT, UPDATE (outcome, at)"
    walls.grant("cards.campaign_card", api=rights, worker=rights, report="SELECT")


def _worker() -> None:
    """Let the worker renew, suspend, move and close cards: rows of the same history."""
    walls.grant("cards.card", worker="INSERT")
    walls.grant("cards.change", worker="INSERT")
    walls.grant("cards.circulation", worker="SELECT, UPDATE")
    op.execute(f"GRANT EXECUTE ON FUNCTION card_vault.{_PUT} TO {walls.WORKER}")
