"""The tables of the schema `residency`, as migrations/versions/0005_residency.py builds them."""

from sqlalchemy import (
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proof import journal

metadata = MetaData(schema="residency")

event = journal.table(metadata)

#: The condition of the index that allows one open application per person and service; equals case.OPEN.
STILL_OPEN = text("state NOT IN ('granted', 'refused', 'withdrawn')")

# A running total over `transition`, which it must name a row of: `version` and `state` are those of the latest one.
application = Table(
    "application",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("resident", Uuid, nullable=False),
    Column("service", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("answers", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("receipt", Text, unique=True),
    Column("submitted_at", DateTime(timezone=True)),
    Column("term_days", Integer),
    Column("calendar", Text),
    Column("overdue_on", Date),
    Column("due_at", DateTime(timezone=True)),
    ForeignKeyConstraint(
        ["id", "version", "state"],
        ["residency.transition.application_id", "residency.transition.sort", "residency.transition.state"],
        name="application_stands_at",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index(
        "application_one_open",
        "resident",
        "service",
        unique=True,
        postgresql_where=STILL_OPEN,
    ),
    Index("application_queue", "state", "submitted_at", "id", postgresql_where=text("submitted_at IS NOT NULL")),
    Index("application_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

transition = Table(
    "transition",
    metadata,
    Column("application_id", Uuid, primary_key=True),
    Column("sort", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("act", Text),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, Computed("CASE WHEN state IN ('granted', 'refused') THEN state END", persisted=True)),
    UniqueConstraint("application_id", "sort", "state", name="transition_reached"),
    ForeignKeyConstraint(["application_id"], ["residency.application.id"], name="transition_of"),
    ForeignKeyConstraint(
        ["application_id", "outcome"],
        ["residency.decision.application_id", "residency.decision.outcome"],
        name="transition_decided",
        use_alter=True,
    ),
)

# What each check of a filed application found; `version` is the transition that began the checks. For officers only.
finding = Table(
    "finding",
    metadata,
    Column("application_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(
        ["application_id", "version"],
        ["residency.transition.application_id", "residency.transition.sort"],
        name="finding_of_checks",
    ),
)

# For officers only: what one of them thought in one round; a round is opened by the transition whose `sort` it is.
review = Table(
    "review",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("application_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("officer", Uuid, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("application_id", "round", "officer", name="review_once"),
    UniqueConstraint("application_id", "round", "verdict", "officer", name="review_said"),
    ForeignKeyConstraint(
        ["application_id", "round"],
        ["residency.transition.application_id", "residency.transition.sort"],
        name="review_in_round",
    ),
)

# What officers write to each other and to the applicant, sealed with the applicant's data key. `told_at` is the
# transition the applicant was told with; `unsealed` is what was written before revision 0015 and waits to be sealed.
comment = Table(
    "comment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("review", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("audience", Text, nullable=False),
    Column("told_at", Integer),
    Column("sealed", LargeBinary),
    Column("unsealed", Text),
    UniqueConstraint("review", "audience"),
    ForeignKeyConstraint(["review"], ["residency.review.id"]),
    ForeignKeyConstraint(
        ["application_id", "told_at"],
        ["residency.transition.application_id", "residency.transition.sort"],
        name="comment_told",
    ),
    Index("comment_application", "application_id", "told_at"),
    Index("comment_unsealed", "id", postgresql_where=text("unsealed IS NOT NULL")),
)

decision = Table(
    "decision",
    metadata,
    Column("application_id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("first_officer", Uuid, nullable=False),
    Column("second_officer", Uuid, nullable=False),
    Column("reason", Text),
    Column("ground", Text),
    Column("complain_until", Date),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("verdict", Text, Computed("CASE outcome WHEN 'granted' THEN 'approve' ELSE 'refuse' END", persisted=True)),
    UniqueConstraint("application_id", "outcome", name="decision_outcome"),
    ForeignKeyConstraint(
        ["application_id", "round", "verdict", "first_officer"],
        [f"residency.review.{column}" for column in ("application_id", "round", "verdict", "officer")],
        name="decision_first",
    ),
    ForeignKeyConstraint(
        ["application_id", "round", "verdict", "second_officer"],
        [f"residency.review.{column}" for column in ("application_id", "round", "verdict", "officer")],
        name="decision_second",
    ),
)

# A running total over `status_change`, like `application` over `transition`.
status = Table(
    "status",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("resident", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("citizenship", Text, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("outcome", Text, Computed("'granted'", persisted=True)),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("assigned_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("scheme", "number", name="status_number"),
    UniqueConstraint("application_id", "kind", name="status_once"),
    ForeignKeyConstraint(
        ["application_id", "outcome"],
        ["residency.decision.application_id", "residency.decision.outcome"],
        name="status_decided",
    ),
    ForeignKeyConstraint(
        ["id", "version", "state"],
        ["residency.status_change.status_id", "residency.status_change.sort", "residency.status_change.state"],
        name="status_stands_at",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index("status_one_held", "resident", "kind", unique=True, postgresql_where=text("state <> 'revoked'")),
)

status_change = Table(
    "status_change",
    metadata,
    Column("status_id", Uuid, primary_key=True),
    Column("sort", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("ground", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("status_id", "sort", "state", name="status_change_reached"),
    ForeignKeyConstraint(["status_id"], ["residency.status.id"], name="status_change_of"),
)
