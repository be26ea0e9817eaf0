"""Where wrapped data keys lie, so that a new key of keys wraps them anew: app/rotation.py, `eresidency kek retire`."""

import msgspec


class Wrap(msgspec.Struct, frozen=True):
    """Where wrapped keys are: how some are taken that are not by the newest KEK, put back, and counted.

    `take` answers owner, version and blob beside what `put` needs to find the row again.
    """

    table: str
    column: str
    take: str
    put: str
    count: str


def _table(table: str, column: str, keys: tuple[str, ...], owner: str) -> Wrap:
    found = " AND ".join(f"{key} = :{key}" for key in keys)
    return Wrap(
        table,
        column,
        take=f"""
        SELECT {", ".join(keys)}, {owner} AS owner, kek_version AS version, {column} AS blob FROM {table}
        WHERE kek_version < :newest ORDER BY kek_version LIMIT :size FOR UPDATE SKIP LOCKED
        """,  # noqa: S608  names of the list below
        put=f"UPDATE {table} SET kek_version = :version, {column} = :blob WHERE {found}",  # noqa: S608  as above
        count=f"SELECT kek_version AS version, count(*) AS keys FROM {table} GROUP BY kek_version",  # noqa: S608  as above
    )


WRAPPED = (
    _table("app.resident_key", "wrapped", ("holder",), "holder::text"),
    _table("kyc.cohort_key", "wrapped", ("cohort",), "'cohort:' || cohort"),
    _table("app.partner", "data_key", ("id",), "'partner:' || id"),
    _table("app.partner_key", "secret", ("partner", "kid"), "'partner:' || partner || '/' || kid"),
    _table("app.message", "wrapped", ("id",), "'message ' || id"),
    _table("app.payee", "wrapped", ("holder",), "'app.payee ' || holder"),
    _table("app.payment_note", "wrapped", ("id",), "'app.payment_note ' || id"),
    _table("credential.presentation", "wrapped", ("id",), "'credential.presentation ' || id"),
    _table("credential.shown_code", "wrapped", ("id",), "'credential.shown_code ' || id"),
    _table("credential.showing", "wrapped", ("id",), "'credential.showing ' || id"),
    _table("credential.deferred", "wrapped", ("id",), "'credential.deferred ' || id"),
    # No role reads the vault of the card numbers; three functions of its owner do this (0014).
    Wrap(
        "card_vault.pan",
        "wrapped_key",
        take="""
        SELECT card, 'card:' || card AS owner, key_version AS version, wrapped_key AS blob
        FROM card_vault.stale(:newest, :size)
        """,
        put="SELECT card_vault.rewrap(:card, :was, :version, :blob)",
        count="SELECT key_version AS version, cards AS keys FROM card_vault.key_versions()",
    ),
    Wrap(
        "card_vault.key",
        "wrapped_key",
        take="""
        SELECT name, name AS owner, key_version AS version, wrapped_key AS blob
        FROM card_vault.stale_keys(:newest, :size)
        """,
        put="SELECT card_vault.rewrap_key(:name, :was, :version, :blob)",
        count="SELECT key_version AS version, keys FROM card_vault.keys_by_version()",
    ),
)
