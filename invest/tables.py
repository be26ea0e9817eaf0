"""The tables of the schema `invest`; migrations/versions/0008_invest.py is what builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
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
from sqlalchemy.dialects.postgresql import JSONB

from proof import journal

metadata = MetaData(schema="invest")
event = journal.table(metadata)
_TIME = DateTime(timezone=True)

consent_text = Table(
    "consent_text",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("valid_from", _TIME, nullable=False),
)

#: One row per opt-in and opt-out; the latest version is what holds.
consent = Table(
    "consent",
    metadata,
    Column("holder", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("text_version", Integer, ForeignKey("invest.consent_text.version"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("holder", "version"),
)

product = Table(
    "product",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("partner", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("jurisdiction", Text, nullable=False),
    Column("currency", Text, nullable=False),
)

terms = Table(
    "terms",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("product", Uuid, ForeignKey("invest.product.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("offered", Boolean, nullable=False),
    Column("valid_from", _TIME, nullable=False),
    UniqueConstraint("product", "version"),
)

preview = Table(
    "preview",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("product", Uuid, ForeignKey("invest.product.id"), nullable=False),
    Column("terms", Uuid, ForeignKey("invest.terms.id"), nullable=False),
    Column("quote", JSONB, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
)

#: What was agreed never changes; `state` to `leased_until` are the running end of `transition`, guarded by `version`.
placement = Table(
    "placement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("preview", Uuid, ForeignKey("invest.preview.id"), nullable=False, unique=True),
    Column("product", Uuid, ForeignKey("invest.product.id"), nullable=False),
    Column("terms", Uuid, ForeignKey("invest.terms.id"), nullable=False),
    Column("partner", Uuid, nullable=False),
    Column("principal_minor", BigInteger, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("matures_on", Date, nullable=False),
    Column("requested_at", _TIME, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("bank_reference", Text),
    Column("reason", Text),
    Column("trouble", Text),
    Column("due_at", _TIME),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("leased_until", _TIME),
    Index("placement_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("placement_matures", "matures_on", postgresql_where=text("due_at IS NULL AND state = 'booked'")),
    Index("placement_holder", "holder", "id"),
)

transition = Table(
    "transition",
    metadata,
    Column("placement", Uuid, ForeignKey("invest.placement.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("act", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("placement", "version"),
)
