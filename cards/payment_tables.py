"""What belongs to payments beside them and their elements (cards/tables.py), as revision 0025 builds it."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
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

#: Which payment another one is about (cards/matching.py).
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
