"""The tables of partners in the schema `app`; migrations/versions/0009_partner.py is what builds them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from app.tables import metadata

_TIME = DateTime(timezone=True)

#: `data_key` is the key, wrapped, under which what the partner sends is stored.
partner = Table(
    "partner",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("base_url", Text),
    Column("kek_version", Integer, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("enrolled_at", _TIME, nullable=False),
    Column("country", Text, nullable=False, server_default="KZ"),
)

#: Secrets shared with a partner, for its webhooks alone; its public keys are those of its client (app/auth/tables.py).
partner_key = Table(
    "partner_key",
    metadata,
    Column("partner", Uuid, ForeignKey("app.partner.id"), nullable=False),
    Column("kid", Text, nullable=False),
    Column("kek_version", Integer, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("valid_from", _TIME, nullable=False),
    Column("valid_to", _TIME),
    PrimaryKeyConstraint("partner", "kid"),
)

#: `body` is sealed; `sha256` is of the raw bytes.
inbox = Table(
    "inbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner", Uuid, ForeignKey("app.partner.id"), nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sent_at", _TIME, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("kind", Text),
    Column("due_at", _TIME),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("leased_until", _TIME),
    Column("outcome", Text),
    Column("settled_at", _TIME),
    UniqueConstraint("partner", "webhook_id"),
    Index("inbox_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("inbox_parked", "partner", "id", postgresql_where=text("state = 'parked'")),
)

#: Messages that came under the id of another one.
inbox_conflict = Table(
    "inbox_conflict",
    metadata,
    Column("partner", Uuid, ForeignKey("app.partner.id"), nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("received_at", _TIME, nullable=False),
    PrimaryKeyConstraint("partner", "webhook_id", "sha256"),
)

#: Money a partner reported, once per payment: to a holder, or suspended for a reason.
partner_payment = Table(
    "partner_payment",
    metadata,
    Column("partner", Uuid, ForeignKey("app.partner.id"), nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("message", Uuid, ForeignKey("app.inbox.id"), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("holder", Uuid),
    Column("transfer", Uuid, nullable=False, unique=True),
    Column("suspended_for", Text),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("partner", "payment_id"),
    Index("partner_payment_suspended", "at", postgresql_where=text("suspended_for IS NOT NULL")),
)

#: `sequence` numbers the deliveries of the subscription without gaps; `version` counts what was changed of it.
subscription = Table(
    "subscription",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner", Uuid, ForeignKey("app.partner.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("sees", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("trouble", Text),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_at", _TIME, nullable=False),
    Index("subscription_partner", "partner"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("subscription", Uuid, ForeignKey("app.subscription.id"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
    Column("position", BigInteger, ForeignKey("app.feed.position"), nullable=False),
    Column("aggregate", Uuid, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("leased_until", _TIME),
    Column("trouble", Text),
    Column("settled_at", _TIME),
    Column("trace", Text),
    PrimaryKeyConstraint("subscription", "sequence"),
    UniqueConstraint("subscription", "position"),
    Index("delivery_due", "subscription", "due_at", "sequence", postgresql_where=text("due_at IS NOT NULL")),
    Index("delivery_position", "position"),
    Index("delivery_waiting", "subscription", "aggregate", "sequence", postgresql_where=text("due_at IS NOT NULL")),
)
