"""The tables of limits, restrictions and adjustments in the schema `app`, as revision 0022 builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)

from app.tables import metadata

_TIME = DateTime(timezone=True)

#: What was spent on a day, by operation.
allowance_use = Table(
    "allowance_use",
    metadata,
    Column("holder", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("operation", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("holder", "day", "operation"),
)

#: What a person set for themselves: `minor` now, `raised_to` from `raised_from` on; None is no limit of their own.
own_limit = Table(
    "own_limit",
    metadata,
    Column("holder", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("minor", BigInteger),
    Column("raised_to", BigInteger),
    Column("raised_from", _TIME),
    Column("version", Integer, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("holder", "name"),
)

#: What officers do to restrictions and why really; the person concerned never reads it.
restriction_act = Table(
    "restriction_act",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("restriction", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("act", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text),
    Column("note", LargeBinary),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
)

#: A restriction as the person sees it.
restriction = Table(
    "restriction",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("imposed_at", _TIME, nullable=False),
    Column("review_due", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("overdue_since", _TIME),
    Column("lifted_at", _TIME),
    Column("by_act", Uuid, nullable=False),
    Column("lift_act", Uuid),
    Column("agreed", Boolean, Computed("true", persisted=True)),
)

restriction_response = Table(
    "restriction_response",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("restriction", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
)

restriction_appeal = Table(
    "restriction_appeal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("restriction", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("answer_due", _TIME, nullable=False),
    Column("outcome", Text),
    Column("decided_at", _TIME),
)

#: Who decided an appeal, beside the two who had imposed.
restriction_verdict = Table(
    "restriction_verdict",
    metadata,
    Column("appeal", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("by_act", Uuid, nullable=False),
    Column("first_officer", Text, nullable=False),
    Column("second_officer", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("note", LargeBinary),
    Column("at", _TIME, nullable=False),
)

adjustment = Table(
    "adjustment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("wallet", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("purpose", Text),
    Column("label", Text),
    Column("minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reverses", Uuid),
    Column("effective", _TIME),
    Column("evidence", Text, nullable=False),
    Column("note", LargeBinary),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("state", Text, nullable=False),
    Column("transfer", Uuid),
)
