"""The tables of cases, as migrations/versions/0033_kyc_cases.py builds them.

`case` is a running total over `case_move`, which it must name a row of; `case_edge` is the table of kyc/cases/life.py,
and the database lets no move be stored that it does not hold. What a resident's own request can't say is in revision
0046.
"""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from kyc.tables import metadata

# `told` are the codes (kyc/cases/reasons.toml) of what the person is to do, `answer_by` until when; `due_at` is when an
# officer should have acted. `decided` digests what the last decision meant.
case = Table(
    "case",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("resident", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("decisions", Integer, nullable=False),
    Column("decided", LargeBinary),
    Column("attempts", Integer, nullable=False),
    Column("told", ARRAY(Text), nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("answer_by", DateTime(timezone=True)),
    UniqueConstraint("resident", "purpose", name="case_one"),
    UniqueConstraint("id", "resident", name="case_of"),
    ForeignKeyConstraint(
        ["id", "version", "state"],
        ["kyc.case_move.case_id", "kyc.case_move.sort", "kyc.case_move.state"],
        name="case_stands_at",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index("case_queue", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
    Index("case_answers", "answer_by", postgresql_where=text("answer_by IS NOT NULL")),
    Index("case_settles", "id", postgresql_where=text("state = 'approved'")),
)

case_edge = Table(
    "case_edge",
    metadata,
    Column("before", Text, primary_key=True),
    Column("act", Text, primary_key=True),
    Column("state", Text, nullable=False),
    UniqueConstraint("before", "act", "state", name="case_edge_leads"),
)

# The rules of kyc/cases/required.py that decide now, for the database's own question whether a document lacks anything.
case_rules = Table(
    "case_rules",
    metadata,
    Column("version", Text, primary_key=True),
    *(Column(name, ARRAY(Text), nullable=False) for name in ("required", "bound", "besides", "lasts")),
    Column("answers", JSONB, nullable=False),
    Column("answered", ARRAY(Text), nullable=False),
)

# For officers only. `reason` is a code of the catalogue; what two officers decided stands in `case_verdict`.
case_move = Table(
    "case_move",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("sort", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("before", Text),
    Column("act", Text),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("earlier", Integer, Computed("CASE WHEN sort > 1 THEN sort - 1 END", persisted=True)),
    Column("outcome", Text, Computed("CASE WHEN act IN ('grant', 'refuse') THEN act END", persisted=True)),
    UniqueConstraint("case_id", "sort", "state", name="case_move_reached"),
    ForeignKeyConstraint(["case_id", "resident"], ["kyc.case.id", "kyc.case.resident"], name="case_move_of"),
    ForeignKeyConstraint(
        ["case_id", "earlier", "before"],
        ["kyc.case_move.case_id", "kyc.case_move.sort", "kyc.case_move.state"],
        name="case_move_follows",
    ),
    ForeignKeyConstraint(
        ["before", "act", "state"],
        ["kyc.case_edge.before", "kyc.case_edge.act", "kyc.case_edge.state"],
        name="case_move_leads",
    ),
    ForeignKeyConstraint(
        ["case_id", "sort", "outcome"],
        ["kyc.case_verdict.case_id", "kyc.case_verdict.sort", "kyc.case_verdict.outcome"],
        name="case_move_decided",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    CheckConstraint("(sort = 1) = (before IS NULL)", name="case_move_begins"),
)

# What follows from the first `records` looks, as it was written down, byte for byte. For officers only.
case_decision = Table(
    "case_decision",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("records", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["case_id", "resident"], ["kyc.case.id", "kyc.case.resident"], name="case_decision_of"),
)

# One officer at a time works on a case: the one action that is not ended.
case_action = Table(
    "case_action",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("officer", Uuid, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Column("lapses_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    ForeignKeyConstraint(["case_id", "resident"], ["kyc.case.id", "kyc.case.resident"], name="case_action_of"),
    Index("case_action_pending", "case_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

# For officers only: what one of them said in one round, over the first `records` looks; `note` is sealed. A round is
# the move that opened it.
case_review = Table(
    "case_review",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("officer", Uuid, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("note", LargeBinary),
    Column("records", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("case_id", "round", "officer", name="case_review_once"),
    UniqueConstraint("case_id", "round", "verdict", "officer", "records", name="case_review_said"),
    ForeignKeyConstraint(
        ["case_id", "round"], ["kyc.case_move.case_id", "kyc.case_move.sort"], name="case_review_in_round"
    ),
)

# What two officers decided who saw the same looks; `sort` is the move it was decided with. A refusal has its ground and
# its term of appeal.
case_verdict = Table(
    "case_verdict",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("sort", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("first_officer", Uuid, nullable=False),
    Column("second_officer", Uuid, nullable=False),
    Column("reason", Text),
    Column("ground", Text),
    Column("appeal_until", Date),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("case_id", "sort", "outcome", name="case_verdict_outcome"),
    ForeignKeyConstraint(["case_id", "resident"], ["kyc.case.id", "kyc.case.resident"], name="case_verdict_of"),
    *(
        ForeignKeyConstraint(
            ["case_id", "round", "outcome", f"{which}_officer", "records"],
            [f"kyc.case_review.{column}" for column in ("case_id", "round", "verdict", "officer", "records")],
            name=f"case_verdict_{which}",
        )
        for which in ("first", "second")
    ),
    CheckConstraint("first_officer <> second_officer", name="case_verdict_four_eyes"),
)

# What the person wrote against a refusal, sealed; one appeal against each.
case_appeal = Table(
    "case_appeal",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("sort", Integer, primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("resident", Uuid, nullable=False),
    Column("words", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(
        ["case_id", "sort"], ["kyc.case_verdict.case_id", "kyc.case_verdict.sort"], name="case_appeal_against"
    ),
)
