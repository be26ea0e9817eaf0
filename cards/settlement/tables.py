"""The tables of settlement in the schema `cards`: migrations/settlement.py, versions/0036_cards_later.py."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
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

from cards.tables import element, metadata

_TIME = DateTime(timezone=True)
_FILE = "cards.settlement_file.id"
_RECORD = ["cards.settlement_record.file", "cards.settlement_record.no"]

file = Table(
    "settlement_file",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("network", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("cutoff_at", _TIME, nullable=False),
    Column("settles_on", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("records", Integer, nullable=False),
    Column("debits_minor", BigInteger, nullable=False),
    Column("credits_minor", BigInteger, nullable=False),
    Column("interchange_minor", BigInteger, nullable=False),
    Column("fees_minor", BigInteger, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("taken_at", _TIME, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", _TIME),
    Column("settled_at", _TIME),
    UniqueConstraint("network", "sequence"),
    Index("settlement_file_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

record = Table(
    "settlement_record",
    metadata,
    Column("file", Uuid, ForeignKey(_FILE), nullable=False),
    Column("no", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lifecycle", Text, nullable=False),
    Column("element", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("interchange_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("merchant_name", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("merchant_category", Text, nullable=False),
    Column("merchant_country", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    PrimaryKeyConstraint("file", "no"),
    Index("settlement_record_name", "lifecycle", "element"),
)

#: What the network has to settle, by when we heard of it.
element_settles = Index(
    "element_settles",
    element.c.at,
    postgresql_where=text("kind IN ('clearing', 'refund') OR kind = 'fee' AND NOT ours"),
)

match = Table(
    "settlement_match",
    metadata,
    Column("file", Uuid, nullable=False),
    Column("no", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("lane", Integer),
    Column("payment", Uuid),
    Column("element", Integer),
    Column("dispute", Uuid),
    Column("ours_minor", BigInteger),
    Column("ours_currency", Text),
    PrimaryKeyConstraint("file", "no"),
    ForeignKeyConstraint(["file", "no"], _RECORD),
    Index(
        "settlement_match_once",
        "payment",
        "element",
        unique=True,
        postgresql_where=text("payment IS NOT NULL AND outcome <> 'duplicate'"),
    ),
)

break_ = Table(
    "settlement_break",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("network", Text, nullable=False),
    Column("file", Uuid, ForeignKey(_FILE), nullable=False),
    Column("kind", Text, nullable=False),
    Column("no", Integer),
    Column("lane", Integer, nullable=False),
    Column("payment", Uuid),
    Column("element", Integer),
    Column("card", Uuid),
    Column("direction", Integer, nullable=False),
    Column("theirs_minor", BigInteger),
    Column("theirs_currency", Text),
    Column("ours_minor", BigInteger),
    Column("ours_currency", Text),
    Column("difference_minor", BigInteger, nullable=False),
    Column("left_to_officers", Boolean, nullable=False, server_default=text("false")),
    Column("opened_at", _TIME, nullable=False),
    Column("owner", Text),
    Column("resolution", Text),
    Column("resolved_at", _TIME),
    Column("resolved_by", Text),
    Column("version", Integer, nullable=False),
    UniqueConstraint("file", "no"),
    ForeignKeyConstraint(["file", "no"], _RECORD),
    Index(
        "settlement_break_absent",
        "payment",
        "element",
        unique=True,
        postgresql_where=text("kind = 'missing_at_network'"),
    ),
    Index("settlement_break_open", "network", "opened_at", "id", postgresql_where=text("resolved_at IS NULL")),
)

proposal = Table(
    "settlement_proposal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("about", Uuid, ForeignKey("cards.settlement_break.id"), nullable=False),
    Column("resolution", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
    Index("settlement_proposal_open", "about", unique=True, postgresql_where=text("decided_by IS NULL")),
)

#: A file that was refused, or waits for one before it.
refusal = Table(
    "settlement_refusal",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("network", Text),
    Column("sequence", Integer),
    Column("line", Integer),
    Column("why", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)

report = Table(
    "settlement_report",
    metadata,
    Column("file", Uuid, ForeignKey(_FILE), primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("jws", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)

#: Days of networks whose file had not come by its hour, and when it came.
missing = Table(
    "settlement_missing",
    metadata,
    Column("network", Text, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("link", Text, nullable=False),
    Column("expected_by", _TIME, nullable=False),
    Column("found_at", _TIME, nullable=False),
    Column("arrived_at", _TIME),
    Index("settlement_missing_open", "expected_by", postgresql_where=text("arrived_at IS NULL")),
)
