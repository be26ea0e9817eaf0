"""Files, papers, faces as SQLAlchemy sees them; migrations/versions/0035_kyc_papers.py is what builds them."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from kyc.tables import metadata

_TIME = DateTime(timezone=True)
_OF_PAPER = (["paper", "resident"], ["kyc.paper.id", "kyc.paper.resident"])
_OF_SESSION = (["session", "resident"], ["kyc.face_session.id", "kyc.face_session.resident"])

#: `content` is sealed with the resident's data key, and gone where something was found in it.
file = Table(
    "file",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("media", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("pages", Integer),
    Column("sha256", LargeBinary, nullable=False),
    Column("sent_sha256", LargeBinary, nullable=False),
    Column("removed", ARRAY(Text), nullable=False),
    Column("content", LargeBinary),
    Column("scan", Text, nullable=False),
    Column("scanner", Text),
    Column("found", Text),
    Column("scanned_at", _TIME),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("resident", "sent_sha256"),
    UniqueConstraint("id", "resident"),
    Index("file_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

paper = Table(
    "paper",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("mark", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("translated_to", Text),
    Column("notarised", Boolean, nullable=False),
    Column("details", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("id", "resident"),
    Index("paper_resident", "resident", "id"),
)

paper_file = Table(
    "paper_file",
    metadata,
    Column("paper", Uuid, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("file", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    UniqueConstraint("paper", "file"),
    ForeignKeyConstraint(*_OF_PAPER),
    ForeignKeyConstraint(["file", "resident"], ["kyc.file.id", "kyc.file.resident"]),
    Index("paper_file_file", "file"),
)

paper_verdict = Table(
    "paper_verdict",
    metadata,
    Column("paper", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("officer", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    ForeignKeyConstraint(*_OF_PAPER),
)

face_session = Table(
    "face_session",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("document", Uuid, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("selfie", Uuid),
    Column("expires_at", _TIME, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("ended_at", _TIME),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("id", "resident"),
    UniqueConstraint("resident", "document", "attempt"),
    ForeignKeyConstraint(["document", "resident"], ["kyc.document.id", "kyc.document.resident"]),
    ForeignKeyConstraint(["selfie", "resident"], ["kyc.file.id", "kyc.file.resident"]),
    Index("face_session_one", "resident", unique=True, postgresql_where=text("state IN ('open', 'waiting')")),
    Index("face_session_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

#: Scores and thresholds are ten-thousandths; `images` are digests of what was compared, in hex.
face_result = Table(
    "face_result",
    metadata,
    Column("session", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("score", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("images", ARRAY(Text), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    ForeignKeyConstraint(*_OF_SESSION),
)
