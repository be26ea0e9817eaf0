"""Rules, judgements, declarations and reviews of risk as SQLAlchemy sees them; 0034_kyc_risk.py is what builds them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
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

from kyc.tables import metadata

_TIME = DateTime(timezone=True)

#: What a version of a rule says; it never changes.
risk_version = Table(
    "risk_version",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("drafted_at", _TIME, nullable=False),
    UniqueConstraint("rule", "version"),
    UniqueConstraint("id", "drafted_by"),
)

#: The life of a version; the latest step is its state.
risk_step = Table(
    "risk_step",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
    Column("version", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("by_officer", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("version", "state"),
    ForeignKeyConstraint(["version", "drafted_by"], ["kyc.risk_version.id", "kyc.risk_version.drafted_by"]),
)

#: Judgements, only ever added to; `facts` is their one written form, sealed, over which they are replayed. `unsealed`
#: is what was written before revision 0043 and waits to be sealed.
assessment = Table(
    "assessment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("facts", LargeBinary),
    Column("unsealed", Text),
    Column("rules", ARRAY(Text), nullable=False),
    Column("medium_from", Integer, nullable=False),
    Column("high_from", Integer, nullable=False),
    Column("score", Integer, nullable=False),
    Column("band", Text, nullable=False),
    Column("floor", Text, nullable=False),
    Column("inputs_hash", LargeBinary, nullable=False),
    Column("outcome_hash", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("resident", "number"),
    Index("assessment_at", "at", "id"),
    Index("assessment_unsealed", "id", postgresql_where=text("unsealed IS NOT NULL")),
)

#: Where a version applied, in force or in its shadow; why, follows from the facts.
risk_hit = Table(
    "risk_hit",
    metadata,
    Column("assessment", Uuid, nullable=False),
    Column("version", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("points", Integer, nullable=False),
    Column("floor", Text),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("assessment", "version"),
    ForeignKeyConstraint(["assessment"], ["kyc.assessment.id"]),
    ForeignKeyConstraint(["version"], ["kyc.risk_version.id"]),
    Index("risk_hit_version", "version", "at", "assessment"),
    Index("risk_hit_resident", "resident"),
)

#: A version tried on facts of the past, and the report of it.
risk_backtest = Table(
    "risk_backtest",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Uuid, nullable=False),
    Column("since", _TIME, nullable=False),
    Column("until", _TIME, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("done_at", _TIME),
    Column("report", JSONB),
    Column("hash", LargeBinary),
    ForeignKeyConstraint(["version"], ["kyc.risk_version.id"]),
    Index("risk_backtest_version", "version", "id"),
    Index("risk_backtest_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

#: Where somebody's money comes from, as they say, in codes and in words: sealed. Every version stays.
declaration = Table(
    "declaration",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("codes", LargeBinary),
    Column("unsealed", Text),
    Column("papers", ARRAY(Uuid), nullable=False),
    Column("words", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("resident", "version"),
    UniqueConstraint("id", "resident"),
    Index("declaration_unsealed", "id", postgresql_where=text("unsealed IS NOT NULL")),
)

#: What an officer said to a declaration. It is said once; what was asked for comes as another declaration.
declaration_look = Table(
    "declaration_look",
    metadata,
    Column("declaration", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("asks", ARRAY(Text), nullable=False),
    Column("by_officer", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    ForeignKeyConstraint(["declaration", "resident"], ["kyc.declaration.id", "kyc.declaration.resident"]),
    Index("declaration_look_resident", "resident"),
)

#: What the outside is to be asked about somebody, again and again: one row for each of the two questions.
exposure = Table(
    "exposure",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("due_at", _TIME, nullable=False),
    Column("trouble", Text),
    UniqueConstraint("resident", "kind"),
    Index("exposure_due", "due_at"),
)

#: What it answered. `matches` are references and scores; names and headlines are in `found`, sealed.
exposure_answer = Table(
    "exposure_answer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("matches", JSONB, nullable=False),
    Column("found", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Index("exposure_answer_of", "resident", "kind", "id"),
)

#: Two officers' word in the place of what was computed: a band for a time, or that a match is somebody else.
risk_override = Table(
    "risk_override",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("what", Text, nullable=False),
    Column("band", Text),
    Column("entity", Text),
    Column("reason", Text, nullable=False),
    Column("note", LargeBinary),
    Column("expires_on", Date, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
    Index("risk_override_of", "resident", "what"),
    Index("risk_override_open", "resident", "what", text("coalesce(entity, '')"), unique=True,
          postgresql_where=text("agreed IS NULL")),
)  # fmt: skip

#: When somebody is to be judged next, and when verified again: two queues of the worker in one row.
risk_profile = Table(
    "risk_profile",
    metadata,
    Column("resident", Uuid, primary_key=True),
    Column("due_at", _TIME),
    Column("why", Text),
    Column("review_at", _TIME),
    Column("review_why", Text),
    Column("verified_at", _TIME),
    Index("risk_profile_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("risk_profile_review", "review_at", postgresql_where=text("review_at IS NOT NULL")),
)

#: That somebody was asked to be verified again, and what came of it: the person reads it.
identity_review = Table(
    "identity_review",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("until", Date, nullable=False),
    Column("overdue_at", _TIME),
    Column("done_at", _TIME),
    Index("identity_review_open", "resident", unique=True, postgresql_where=text("done_at IS NULL")),
    Index("identity_review_resident", "resident"),
)
