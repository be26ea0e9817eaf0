"""What proves that a card is there: keys, PINs and chip counters in the vault; looks, tokens, challenges beside it.

As before no login role reads a table of the vault: each of its functions does one thing, for one role.
"""

from alembic import op

from migrations import card_proofs, walls

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_VAULT = "eresidency_card_vault"
_MINE = "NULLIF(current_setting('app.holder', true), '')::uuid"

_RIPE = "(key.version = 1 OR key.made_at <= now() - interval '1 minute')"

#: The functions of the vault, what each answers and does, and who may ask. Names and bodies are literals of this file.
_FUNCTIONS = {
    # A new version makes nothing until every process has had time to find it (`ripe`).
    "keys()": (
        """
        TABLE (usage text, zone text, version integer, algorithm text, key_version integer, wrapped_key bytea,
               sealed bytea, made_at timestamptz, ripe boolean)
        """,
        f"""
        SELECT key.usage, key.zone, key.version, key.algorithm, key.key_version, key.wrapped_key, key.sealed,
               key.made_at, {_RIPE}
        FROM card_vault.key
        """,
        (walls.API, walls.POSTING, walls.WORKER),
    ),
    "keep_key(name text, usage text, zone text, version integer, algorithm text, check_value text, key_version integer,"
    " wrapped_key bytea, sealed bytea, made_at timestamptz)": (
        "void",
        """
        INSERT INTO card_vault.key
        VALUES (keep_key.name, keep_key.usage, keep_key.zone, keep_key.version, keep_key.algorithm,
                keep_key.check_value, keep_key.key_version, keep_key.wrapped_key, keep_key.sealed, keep_key.made_at)
        """,
        (walls.WORKER,),
    ),
    "stale_keys(newest integer, at_most integer)": (
        "TABLE (name text, key_version integer, wrapped_key bytea)",
        """
        SELECT key.name, key.key_version, key.wrapped_key FROM card_vault.key
        WHERE key.key_version < stale_keys.newest
        ORDER BY key.key_version LIMIT stale_keys.at_most FOR UPDATE SKIP LOCKED
        """,
        (walls.WORKER,),
    ),
    "rewrap_key(name text, was integer, key_version integer, wrapped_key bytea)": (
        "void",
        """
        UPDATE card_vault.key SET key_version = rewrap_key.key_version, wrapped_key = rewrap_key.wrapped_key
        WHERE key.name = rewrap_key.name AND key.key_version = rewrap_key.was
        """,
        (walls.WORKER,),
    ),
    "keys_by_version()": (
        "TABLE (key_version integer, keys bigint)",
        "SELECT key.key_version, count(*) FROM card_vault.key GROUP BY key.key_version",
        (walls.WORKER,),
    ),
    # Which card has this number, and which version of the keys its codes are made with.
    "find(blind bytea)": (
        "TABLE (card uuid, plate_version integer)",
        "SELECT pan.card, pan.plate_version FROM card_vault.pan WHERE pan.blind = find.blind",
        (walls.POSTING,),
    ),
    "read(card uuid)": (
        "TABLE (plate_version integer, key_version integer, wrapped_key bytea, sealed bytea)",
        f"""
        SELECT pan.plate_version, pan.key_version, pan.wrapped_key, pan.sealed FROM card_vault.pan
        WHERE pan.card = read.card AND pan.holder = {_MINE}
        """,
        (walls.API,),
    ),
    # The holder's own word: a new PIN, with all its tries. The value itself is never answered to this role.
    "set_pin(card uuid, pvv bytea, version integer, at timestamptz)": (
        "boolean",
        f"""
        WITH kept AS (
            INSERT INTO card_vault.pin (card, holder, pvv, version, tries, set_at)
            SELECT pan.card, pan.holder, set_pin.pvv, set_pin.version, 0, set_pin.at FROM card_vault.pan
            WHERE pan.card = set_pin.card AND pan.holder = {_MINE}
            ON CONFLICT (card) DO UPDATE SET pvv = EXCLUDED.pvv, version = EXCLUDED.version, tries = 0,
                                             set_at = EXCLUDED.set_at
            RETURNING 1
        ) SELECT EXISTS (SELECT FROM kept)
        """,
        (walls.API,),
    ),
    "pin_of(card uuid)": (
        "TABLE (tries integer, set_at timestamptz)",
        f"SELECT pin.tries, pin.set_at FROM card_vault.pin WHERE pin.card = pin_of.card AND pin.holder = {_MINE}",
        (walls.API,),
    ),
    "unblock_pin(card uuid)": (
        "boolean",
        f"""
        WITH freed AS (
            UPDATE card_vault.pin SET tries = 0
            WHERE pin.card = unblock_pin.card AND pin.holder = {_MINE} RETURNING 1
        ) SELECT EXISTS (SELECT FROM freed)
        """,
        (walls.API,),
    ),
    # What a terminal's proofs are held against; the rows of PINs that were typed stay locked until they are counted.
    "plate_of(card uuid)": (
        "TABLE (plate_version integer, tries integer, tried_at timestamptz)",
        """
        SELECT pan.plate_version, coalesce(guess.tries, 0), guess.tried_at
        FROM card_vault.pan LEFT JOIN card_vault.guess ON guess.card = pan.card WHERE pan.card = plate_of.card
        """,
        (walls.POSTING,),
    ),
    "count_guesses(cards uuid[], tries integer[], tried_at timestamptz[])": (
        "void",
        """
        INSERT INTO card_vault.guess (card, tries, tried_at)
        SELECT * FROM unnest(count_guesses.cards, count_guesses.tries, count_guesses.tried_at)
        ON CONFLICT (card) DO UPDATE SET tries = EXCLUDED.tries, tried_at = EXCLUDED.tried_at
        """,
        (walls.POSTING,),
    ),
    "chips(cards uuid[])": (
        "TABLE (card uuid, highest integer, seen bigint)",
        "SELECT chip.card, chip.highest, chip.seen FROM card_vault.chip WHERE chip.card = ANY (chips.cards)",
        (walls.POSTING,),
    ),
    "typed_pins(cards uuid[])": (
        "TABLE (card uuid, pvv bytea, version integer, tries integer)",
        """
        SELECT pin.card, pin.pvv, pin.version, pin.tries FROM card_vault.pin
        WHERE pin.card = ANY (typed_pins.cards) ORDER BY pin.card FOR UPDATE
        """,
        (walls.POSTING,),
    ),
    "count_pins(cards uuid[], tries integer[])": (
        "void",
        """
        UPDATE card_vault.pin SET tries = counted.tries
        FROM unnest(count_pins.cards, count_pins.tries) AS counted (card, tries) WHERE pin.card = counted.card
        """,
        (walls.POSTING,),
    ),
    # At a terminal, with the old PIN: who types it is its holder.
    "change_pin(card uuid, pvv bytea, version integer, at timestamptz)": (
        "void",
        """
        UPDATE card_vault.pin SET pvv = change_pin.pvv, version = change_pin.version, tries = 0, set_at = change_pin.at
        WHERE pin.card = change_pin.card
        """,
        (walls.POSTING,),
    ),
    "count_chips(cards uuid[], highest integer[], seen bigint[])": (
        "void",
        """
        INSERT INTO card_vault.chip (card, highest, seen)
        SELECT * FROM unnest(count_chips.cards, count_chips.highest, count_chips.seen)
        ON CONFLICT (card) DO UPDATE SET highest = EXCLUDED.highest, seen = EXCLUDED.seen
        """,
        (walls.POSTING,),
    ),
}
_REPLACED = ("find(bytea)", "read(uuid)")
#: Of these the planner must know that they answer one row, or it reads all cards to join them with it.
_ONE = ("find", "read", "pin_of", "plate_of")


def upgrade() -> None:
    """Build it."""
    _vault()
    _lines()
    _looks()
    card_proofs.tokens()
    card_proofs.challenges()
    card_proofs.shops()


def downgrade() -> None:
    """Take it away; numbers stay readable, what was made with the keys does not."""
    for table in ("trusted_shop", "challenge", "token", "reveal"):
        op.execute(f"DROP TABLE cards.{table}")
    op.execute("DROP FUNCTION cards.first_of")
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION card_vault.{signature.partition('(')[0]}")
    # Before the table that the function asks.
    _put(columns="card, holder, blind, key_version, wrapped_key, sealed", newest="")
    for table in ("guess", "chip", "pin", "key"):
        op.execute(f"DROP TABLE card_vault.{table}")
    op.execute("ALTER TABLE card_vault.pan DROP COLUMN plate_version")
    _function(
        "find(blind bytea)",
        "uuid",
        "SELECT pan.card FROM card_vault.pan WHERE pan.blind = find.blind",
        (walls.POSTING,),
    )
    _function(
        "read(card uuid)",
        "TABLE (key_version integer, wrapped_key bytea, sealed bytea)",
        "SELECT pan.key_version, pan.wrapped_key, pan.sealed FROM card_vault.pan"
        f" WHERE pan.card = read.card AND pan.holder = {_MINE}",
        (walls.API,),
    )


def _vault() -> None:
    op.execute(
        """
        CREATE TABLE card_vault.key (
            name text PRIMARY KEY CHECK (starts_with(name, 'card-key:')),
            usage text NOT NULL CHECK (usage IN ('C0', 'V2', 'E0', 'M7', 'P0', 'M6', 'K1', 'D1')),
            zone text NOT NULL CHECK ((zone = '') = (usage IN ('C0', 'V2', 'E0', 'M7', 'D1'))),
            version integer NOT NULL CHECK (version > 0),
            algorithm text NOT NULL CHECK (algorithm IN ('T', 'A', 'E')),
            check_value text NOT NULL CHECK (check_value ~ '^[0-9A-F]{6}$'),
            key_version integer NOT NULL,
            wrapped_key bytea NOT NULL,
            sealed bytea NOT NULL,
            made_at timestamptz NOT NULL,
            UNIQUE (usage, zone, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE card_vault.pin (
            card uuid PRIMARY KEY REFERENCES card_vault.pan ON DELETE CASCADE,
            holder uuid NOT NULL,
            pvv bytea NOT NULL CHECK (length(pvv) = 4),
            version integer NOT NULL,
            tries integer NOT NULL CHECK (tries BETWEEN 0 AND 3),
            set_at timestamptz NOT NULL
        )
        """
    )
    # Bit n of `seen` says that the counter `highest` - n was used; what is older was used, or never will be.
    op.execute(
        """
        CREATE TABLE card_vault.chip (
            card uuid PRIMARY KEY REFERENCES card_vault.pan ON DELETE CASCADE,
            highest integer NOT NULL CHECK (highest BETWEEN 0 AND 65535),
            seen bigint NOT NULL
        )
        """
    )
    # How often somebody was wrong about what is printed on a card, since they were right.
    op.execute(
        """
        CREATE TABLE card_vault.guess (
            card uuid PRIMARY KEY REFERENCES card_vault.pan ON DELETE CASCADE,
            tries integer NOT NULL CHECK (tries >= 0),
            tried_at timestamptz NOT NULL
        )
        """
    )
    op.execute("ALTER TABLE card_vault.pan ADD COLUMN plate_version integer NOT NULL DEFAULT 1")
    for table in ("key", "pin", "chip", "guess"):
        op.execute(f"ALTER TABLE card_vault.{table} OWNER TO {_VAULT}")
    for signature in _REPLACED:
        op.execute(f"DROP FUNCTION card_vault.{signature}")
    # The codes of a new card are made with the newest keys.
    _put(
        columns="card, holder, blind, key_version, wrapped_key, sealed, plate_version",
        newest=f", coalesce((SELECT max(key.version) FROM card_vault.key WHERE key.usage = 'C0' AND {_RIPE}), 1)",
    )
    for signature, (answers, body, roles) in _FUNCTIONS.items():
        _function(signature, answers, body, roles)


def _put(*, columns: str, newest: str) -> None:
    _function(
        "put(card uuid, holder uuid, blind bytea, key_version integer, wrapped_key bytea, sealed bytea)",
        "boolean",
        f"""
        WITH kept AS (
            INSERT INTO card_vault.pan ({columns})
            VALUES (put.card, put.holder, put.blind, put.key_version, put.wrapped_key, put.sealed{newest})
            ON CONFLICT (blind) DO NOTHING RETURNING 1
        ) SELECT EXISTS (SELECT FROM kept)
        """,
        (walls.API,),
    )


def _function(signature: str, answers: str, body: str, roles: tuple[str, ...]) -> None:
    name = signature.partition("(")[0]
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION card_vault.{signature} RETURNS {answers} LANGUAGE sql
        SECURITY DEFINER {"ROWS 1" if name in _ONE and "TABLE" in answers else ""}
        SET search_path = pg_catalog, pg_temp BEGIN ATOMIC {body}; END
        """
    )
    op.execute(f"ALTER FUNCTION card_vault.{name} OWNER TO {_VAULT}")
    op.execute(f"REVOKE ALL ON FUNCTION card_vault.{name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION card_vault.{name} TO {', '.join(roles)}")


def _lines() -> None:
    # A card and all that came in its place are one line: what is counted and what is trusted goes by its first card.
    op.execute(
        """
        CREATE FUNCTION cards.first_of(card uuid) RETURNS uuid
        LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            first uuid := card;
            before uuid;
        BEGIN
            LOOP
                SELECT each.replaces INTO before FROM cards.card AS each WHERE each.id = first;
                EXIT WHEN before IS NULL;
                first := before;
            END LOOP;
            RETURN first;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION cards.first_of FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION cards.first_of TO {walls.API}, {walls.POSTING}, {walls.REPORT}")


def _looks() -> None:
    # A confirmed look at a number: good for one answer, to one key of a device, for a minute.
    op.execute(
        """
        CREATE TABLE cards.reveal (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            card uuid NOT NULL REFERENCES cards.card,
            jwk text NOT NULL,
            granted_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > granted_at),
            used_at timestamptz CHECK (used_at >= granted_at)
        )
        """
    )
    op.execute("CREATE INDEX reveal_card ON cards.reveal (card, granted_at)")
    walls.own_rows("cards.reveal", "holder")
    walls.grant("cards.reveal", api="SELECT, INSERT, UPDATE (used_at), DELETE", report="SELECT")
