"""The tables of the credential as SQLAlchemy sees them; migrations/versions/0006_credential.py is what builds them.

Nothing here says anything about a person but an id: no name, no holder key, no salt and no signature is kept.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from proof import journal

metadata = MetaData(schema="credential")
event = journal.table(metadata)
_TIME = DateTime(timezone=True)

#: A running total over `transition`: what the holder has, whatever number of copies his wallets keep of it. By the real
#: clock: `due_at` is when the worker looks at it, `until` when a superseded one ends, `reminded_for` the end of its
#: copies that the holder was told of.
credential = Table(
    "credential",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("holder", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("until", _TIME),
    Column("reminded_for", _TIME),
    ForeignKeyConstraint(
        ["id", "version", "state"],
        ["credential.transition.credential", "credential.transition.sort", "credential.transition.state"],
        name="credential_stands_at",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index(
        "credential_one_alive",
        "holder",
        "kind",
        unique=True,
        postgresql_where=text("state NOT IN ('revoked', 'superseded')"),
    ),
    Index(
        "credential_due",
        "due_at",
        postgresql_where=text("due_at IS NOT NULL AND state IN ('active', 'superseded')"),
    ),
)

transition = Table(
    "transition",
    metadata,
    Column("credential", Uuid, nullable=False),
    Column("sort", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("act", Text),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("credential", "sort"),
    UniqueConstraint("credential", "sort", "state", name="transition_reached"),
    ForeignKeyConstraint(["credential"], ["credential.credential.id"], name="transition_of"),
)

#: One answer of the credential endpoint: some copies for one wallet, `device` being the thumbprint of its DPoP key.
#: `document` and `iin` name in kyc what was said by it; what came before 0039 names neither.
issuance = Table(
    "issuance",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("credential", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("configuration", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("notification_hash", LargeBinary, nullable=False),
    Column("grade", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("document", Uuid),
    Column("iin", Uuid),
    UniqueConstraint("notification_hash", name="issuance_notified_by"),
    ForeignKeyConstraint(["credential"], ["credential.credential.id"], name="issuance_of"),
    Index("issuance_credential", "credential"),
)

#: Public: version counts what changed in it. At most one list is open for new entries.
status_list = Table(
    "status_list",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("size", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("opened_at", _TIME, nullable=False),
    Column("closed_at", _TIME),
    Index("status_list_one_open", text("(closed_at IS NULL)"), unique=True, postgresql_where=text("closed_at IS NULL")),
)

#: Public, but only together with a credential does an entry point to anybody.
entry = Table(
    "entry",
    metadata,
    Column("list", Uuid, nullable=False),
    Column("idx", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("list", "idx"),
    ForeignKeyConstraint(["list"], ["credential.status_list.id"], name="entry_of"),
    Index("entry_set", "list", "idx", postgresql_where=text("status <> 0")),
)

copy = Table(
    "copy",
    metadata,
    Column("list", Uuid, nullable=False),
    Column("idx", Integer, nullable=False),
    Column("issuance", Uuid, nullable=False),
    Column("credential", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    PrimaryKeyConstraint("list", "idx"),
    ForeignKeyConstraint(["list", "idx"], ["credential.entry.list", "credential.entry.idx"], name="copy_entry"),
    ForeignKeyConstraint(["issuance"], ["credential.issuance.id"], name="copy_of"),
    ForeignKeyConstraint(["credential"], ["credential.credential.id"], name="copy_credential"),
    Index("copy_by_credential", "credential"),
)

#: Copies that ended with a phone while others of their credential live on, in wallets that are elsewhere.
voided = Table(
    "voided",
    metadata,
    Column("issuance", Uuid, primary_key=True),
    Column("credential", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    ForeignKeyConstraint(["issuance"], ["credential.issuance.id"], name="voided_issuance"),
    ForeignKeyConstraint(["credential"], ["credential.credential.id"], name="voided_of"),
    Index("voided_credential", "credential"),
    Index("voided_holder", "holder"),
)

#: What a wallet told us became of an issuance; told twice it is one row.
notice = Table(
    "notice",
    metadata,
    Column("issuance", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("issuance", "event"),
    ForeignKeyConstraint(["issuance"], ["credential.issuance.id"], name="notice_of"),
)

#: What a verifier asked through us, and what came of it. `sealed` holds the request with its key, then the verdict; it
#: goes within the hour, and nobody but who asked reads it.
presentation = Table(
    "presentation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("verifier", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("conclusion", Text),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("response_code_hash", LargeBinary),
    Column("at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("answered_at", _TIME),
    Index("presentation_expiry", "expires_at"),
)

#: What a wallet asked for and its holder may not have yet. `sealed` holds the keys it proved; it goes when it is met.
deferred = Table(
    "deferred",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("configuration", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Index("deferred_holder", "holder"),
    Index("deferred_expiry", "expires_at"),
)

#: Nonces that wallets have used, kept until they would have expired.
spent_nonce = Table(
    "spent_nonce",
    metadata,
    Column("nonce", LargeBinary, primary_key=True),
    Column("expires_at", _TIME, nullable=False),
    Index("spent_nonce_expiry", "expires_at"),
)
