"""Rules, what they found and how they were tried, as SQLAlchemy sees them; 0026_card_rules.py is what builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
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
from sqlalchemy.dialects.postgresql import JSONB

from cards.tables import metadata

_TIME = DateTime(timezone=True)

#: What a version of a rule says; it never changes.
rule_version = Table(
    "rule_version",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("rule", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("action", Text, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("drafted_at", _TIME, nullable=False),
    UniqueConstraint("rule", "version"),
    UniqueConstraint("id", "drafted_by"),
    Index("rule_name", "name", unique=True, postgresql_where=text("version = 1")),
)

#: The life of a version; the latest step is its state.
rule_step = Table(
    "rule_step",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
    Column("version", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("by_officer", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("version", "state"),
    ForeignKeyConstraint(["version", "drafted_by"], ["cards.rule_version.id", "cards.rule_version.drafted_by"]),
)

#: Where a rule applied, in force or in its shadow, and why.
rule_result = Table(
    "rule_result",
    metadata,
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("version", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("action", Text, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("because", JSONB, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("lane", "payment", "number", "version"),
    ForeignKeyConstraint(["version"], ["cards.rule_version.id"]),
    Index("rule_result_version", "version", "at", "payment", "number"),
)

#: A version tried on questions of the past, and the report of it.
backtest = Table(
    "backtest",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Uuid, nullable=False),
    Column("since", _TIME, nullable=False),
    Column("until", _TIME, nullable=False),
    Column("as_of", _TIME, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("done_at", _TIME),
    Column("report", JSONB(none_as_null=True)),
    Column("hash", LargeBinary),
    ForeignKeyConstraint(["version"], ["cards.rule_version.id"]),
    Index("backtest_version", "version", "id"),
    Index("backtest_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)
