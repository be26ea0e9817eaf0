"""The tables of the schema `kyc`, as migrations/versions/0004_kyc.py builds them."""

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
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proof import journal

metadata = MetaData(schema="kyc")

event = journal.table(metadata)

# `person` holds what the document says about its holder and `kyc.evidence.files` what was read, both sealed with the
# resident's data key; in clear is only what is decided by: whose document it is, since when and until when.
document = Table(
    "document",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("format", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("nationality_class", Text, nullable=False),
    Column("expires", Date, nullable=False),
    Column("grade", Text, nullable=False),
    Column("person", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("id", "resident"),
    Index("document_resident", "resident", "id"),
)

_OF_DOCUMENT = (["document", "resident"], ["kyc.document.id", "kyc.document.resident"])

evidence = Table(
    "evidence",
    metadata,
    Column("document", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("files", LargeBinary, nullable=False),
    ForeignKeyConstraint(*_OF_DOCUMENT),
)

check = Table(
    "check",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("document", Uuid),
    Column("resident", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("inputs_hash", LargeBinary, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("confidential", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("evidence", ARRAY(Text), nullable=False),
    Column("ms", Integer, nullable=False),
    Column("inside", Boolean, nullable=False, server_default=text("false")),
    ForeignKeyConstraint(*_OF_DOCUMENT),
    ForeignKeyConstraint(["case_id", "resident"], ["kyc.case.id", "kyc.case.resident"], name="check_of_case"),
    UniqueConstraint("case_id", "seq", name="check_nth"),
    Index("check_document", "document", "id"),
)

decision = Table(
    "decision",
    metadata,
    Column("document", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(*_OF_DOCUMENT),
    Index("decision_resident", "resident", "document", "version"),
)

# Who first showed a document, or came as a person, by keyed digest. Only the function kyc.claim_first reaches it.
claim = Table(
    "claim",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("blind", LargeBinary, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("document", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
