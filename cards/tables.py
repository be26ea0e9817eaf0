"""The tables of this package as SQLAlchemy sees them; migrations/versions/0007_cards.py is what builds them."""

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
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from proof import journal

metadata = MetaData(schema="cards")
event = journal.table(metadata)
_TIME = DateTime(timezone=True)

#: One row: how many cards are alive, locked by whoever adds or closes one.
circulation = Table(
    "circulation",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("alive", Integer, nullable=False, server_default=text("0")),
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
    Index("card_holder", "holder", "id"),
)

#: State and limits, one row per change; the latest is the card as it is now.
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
    PrimaryKeyConstraint("card", "version"),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
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
    PrimaryKeyConstraint("lane", "id"),
    UniqueConstraint("lane", "network", "lifecycle", "card", postgresql_nulls_not_distinct=True),
    Index("payment_card", "card", "opened_at", "id", postgresql_where=text("card IS NOT NULL")),
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
)
