"""The tables of the schema `app` that revision 0001 builds; sign-in and partners add theirs to the same metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from proof import journal

metadata = MetaData(schema="app")

clock = Table(
    "clock",
    metadata,
    Column("only_row", Boolean, primary_key=True),
    Column("advanced_by", Interval, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("trace", Text),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("money", Boolean, nullable=False, server_default=true()),
)

feed = Table(
    "feed",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("aggregate", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("holder", Uuid),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("body", JSONB, nullable=False),
    Column("relayed_at", DateTime(timezone=True), nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

tree_head = Table(
    "tree_head",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kid", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("heartbeat", DateTime(timezone=True)),
)

# Built by revision 0004; see app/vault.py.
resident_key = Table(
    "resident_key",
    metadata,
    Column("holder", Uuid, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

# The anchors and the security log, built by revision 0016; see app/anchor.py, app/sink.py, app/security.py.
anchor = Table(
    "anchor",
    metadata,
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("minute", DateTime(timezone=True), nullable=False, unique=True),
    Column("jws", Text, nullable=False),
)

anchor_head = Table(
    "anchor_head",
    metadata,
    Column("anchor", BigInteger, ForeignKey("app.anchor.no"), primary_key=True, autoincrement=False),
    Column("log", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Index("anchor_head_log", "log", "position", "anchor"),
)

anchor_receipt = Table(
    "anchor_receipt",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("anchor", BigInteger, ForeignKey("app.anchor.no"), primary_key=True, autoincrement=False),
    Column("receipt", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

anchor_sink = Table(
    "anchor_sink",
    metadata,
    Column("name", Text, primary_key=True),
    Column("delivered", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("trouble", Text),
)

security_event = Table(
    "security_event",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("role", Text),
    Column("subject", Uuid),
    Column("address", LargeBinary),
    Column("count", Integer, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("security_event_kind", "kind", "position"),
)

# Built by revision 0014, written by its function alone; see app/access.py.
access = Table(
    "access",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person", Uuid, nullable=False),
    Column("actor", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("sees", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("about", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("shown_from", DateTime(timezone=True)),
)

event = journal.table(metadata)
