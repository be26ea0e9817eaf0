"""What belongs to payments beside them and their elements (cards/tables.py): migrations/versions/0025, 0036, 0044."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from cards.tables import metadata

_TIME = DateTime(timezone=True)

#: Every answer to a question about a card of ours, with what was asked (no secrets) and what was known then.
decision = Table(
    "decision",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("features", JSONB, nullable=False),
    PrimaryKeyConstraint("lane", "payment", "number"),
    ForeignKeyConstraint(
        ["lane", "payment", "number"], ["cards.element.lane", "cards.element.payment", "cards.element.number"]
    ),
    Index("decision_card", "card", "at"),
    Index("decision_at", "at"),
)

#: Payments for which the operator lent something it has not got back, and when it asks again.
loan = Table(
    "loan",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("due_at", _TIME, nullable=False),
    PrimaryKeyConstraint("lane", "payment"),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
    Index("loan_due", "due_at"),
)

#: Refunds and clearings of which nobody knows yet what they are about, and when somebody looks again.
loose = Table(
    "loose",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("due_at", _TIME, nullable=False),
    PrimaryKeyConstraint("lane", "payment"),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
    Index("loose_due", "due_at"),
)

#: What a holder let pass once that they had forbidden, until when, and what it was used by.
allowance = Table(
    "allowance",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("card", Uuid, ForeignKey("cards.card.id"), nullable=False),
    Column("payment", Uuid, nullable=False, unique=True),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("passing", ARRAY(Text), nullable=False),
    Column("network", Text, nullable=False),
    Column("merchant", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("granted_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("used_by", Uuid),
    Column("used_at", _TIME),
    Index("allowance_open", "card", postgresql_where=text("used_at IS NULL")),
    Index("allowance_holder", "holder", "id"),
)

#: What each place that stands in for the books may promise of what is left, in ten thousandths, until then.
standin_share = Table(
    "standin_share",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("place", Uuid, nullable=False),
    Column("part", Integer, nullable=False),
    Column("ends_at", _TIME, nullable=False),
)

#: Which payment another one is about (cards/payments/matching.py).
link = Table(
    "link",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("about", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("lane", "payment"),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
    ForeignKeyConstraint(["lane", "about"], ["cards.payment.lane", "cards.payment.id"]),
    Index("link_about", "lane", "about"),
)
