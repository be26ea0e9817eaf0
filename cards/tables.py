"""The tables of this package as SQLAlchemy sees them: migrations/versions/0007_cards.py, and 0023, 0025, 0029."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proof import journal

metadata = MetaData(schema="cards")
event = journal.table(metadata)
_TIME = DateTime(timezone=True)

#: One row: how many cards are alive and how many hold them, locked by whoever adds or closes one.
circulation = Table(
    "circulation",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("alive", Integer, nullable=False, server_default=text("0")),
    Column("holders", Integer, nullable=False, server_default=text("0")),
)

#: What never changes of a card.
card = Table(
    "card",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("form", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("issuance_basis", Text, nullable=False),
    Column("notice_version", Text, nullable=False),
    Column("notice_language", Text, nullable=False),
    Column("ordered_at", _TIME, nullable=False),
    Column("processor", Text, nullable=False, server_default=text("'own'")),
    Column("replaces", Uuid),
    Column("exemption", Text),
    ForeignKeyConstraint(["replaces"], ["cards.card.id"]),
    Index("card_holder", "holder", "id"),
    Index("card_replaces", "replaces", postgresql_where=text("replaces IS NOT NULL")),
)

#: State, flags, limits and controls, one row per change; the latest is the card as it is now
#: (cards/programme/change.py).
change = Table(
    "change",
    metadata,
    Column("card", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("per_payment_max_minor", BigInteger),
    Column("per_day_max_minor", BigInteger),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("closed_for", Text),
    Column("frozen", Boolean, nullable=False, server_default=text("false")),
    Column("suspended", JSONB(none_as_null=True)),
    Column("controls", JSONB(none_as_null=True)),
    Column("trips", JSONB(none_as_null=True)),
    Column("per_week_max_minor", BigInteger),
    Column("per_month_max_minor", BigInteger),
    Column("per_year_max_minor", BigInteger),
    Column("parent", Uuid),
    Column("issuance_basis", Text),
    Column("notice_version", Text),
    PrimaryKeyConstraint("card", "version"),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    ForeignKeyConstraint(["parent"], ["cards.card.id"]),
    Index("change_parent", "parent", postgresql_where=text("parent IS NOT NULL")),
)

#: What never changes of a payment. Rows of a lane are written by that lane's batch alone.
payment = Table(
    "payment",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("network", Text, nullable=False),
    Column("lifecycle", Text, nullable=False),
    Column("card", Uuid),
    Column("holder", Uuid),
    Column("account", Uuid),
    Column("currency", Text, nullable=False),
    Column("merchant_name", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("merchant_category", Text, nullable=False),
    Column("merchant_country", Text, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("merchant_city", Text),
    PrimaryKeyConstraint("lane", "id"),
    UniqueConstraint("lane", "network", "lifecycle", "card", postgresql_nulls_not_distinct=True),
    Index("payment_card", "card", "opened_at", "id", postgresql_where=text("card IS NOT NULL")),
    Index("payment_merchant", "card", "merchant_id", "opened_at", postgresql_where=text("card IS NOT NULL")),
    Index("payment_holder", "holder", "opened_at", "id", postgresql_where=text("holder IS NOT NULL")),
)

#: What the network told us about a payment, and what the house did by itself (no source).
element = Table(
    "element",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("holder", Uuid),
    Column("kind", Text, nullable=False),
    Column("source", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("short_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("final", Boolean, nullable=False, server_default=text("false")),
    Column("reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("at", _TIME, nullable=False),
    Column("fee_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("markup_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("buffer_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("asked_minor", BigInteger),
    Column("told_minor", BigInteger),
    Column("single", Boolean, nullable=False, server_default=text("false")),
    Column("ours", Boolean, nullable=False, server_default=text("false")),
    Column("operation", Text),
    Column("channel", Text),
    Column("stand_in", Text),
    Column("cause", Text),
    Column("original_minor", BigInteger),
    Column("original_currency", Text),
    Column("rate", Numeric),
    Column("interchange_minor", BigInteger),
    Column("of", Text),
    Column("subject", Text),
    PrimaryKeyConstraint("lane", "payment", "number"),
    UniqueConstraint("lane", "payment", "source"),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
)

#: Payments of which a merchant may still take something: the wallet's hold behind it, and when that lapses.
promise = Table(
    "promise",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("hold", Uuid),
    Column("due_at", _TIME, nullable=False),
    PrimaryKeyConstraint("lane", "payment"),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
    Index("promise_due", "due_at"),
)

#: Card numbers, sealed, in a schema of their own that no login role can read: see the functions of the migration.
vault = MetaData(schema="card_vault")
pan = Table(
    "pan",
    vault,
    Column("card", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("blind", LargeBinary, nullable=False, unique=True),
    Column("key_version", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("plate_version", Integer, nullable=False, server_default=text("1")),
)
