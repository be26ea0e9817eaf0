"""The tables of the schema `kyc`, as migrations/versions/0004_kyc.py builds them."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
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
    Column("document", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("inputs_hash", LargeBinary, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("confidential", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(*_OF_DOCUMENT),
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

# Which lists each document's holder was last looked up in; what differs from those in force is due (worker's queue).
screened = Table(
    "screened",
    metadata,
    Column("document", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("lists", Text, nullable=False),
    ForeignKeyConstraint(*_OF_DOCUMENT),
    Index("screened_lists", "lists"),
)

# A list by the digest of its content: the same content is stored once, however often it is fetched.
list_snapshot = Table(
    "list_snapshot",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

listed_name = Table(
    "listed_name",
    metadata,
    Column("digest", LargeBinary, ForeignKey("kyc.list_snapshot.digest"), primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("normal", Text, nullable=False),
    Column("born", ARRAY(Text), nullable=False),
    Column("keys", ARRAY(Text), nullable=False),
    Index("listed_name_keys", "keys", postgresql_using="gin"),
)

# Which content each source stands at, and when to ask it again; its history is in the events `list.replaced`.
list_source = Table(
    "list_source",
    metadata,
    Column("source", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("digest", LargeBinary, ForeignKey("kyc.list_snapshot.digest")),
    Column("etag", Text),
    Column("checked_at", DateTime(timezone=True)),
)
