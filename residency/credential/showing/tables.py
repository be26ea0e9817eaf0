"""The tables of what is shown as SQLAlchemy sees them; migrations/versions/0040_shown_codes.py is what builds them."""

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
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

from residency.credential.tables import metadata

_TIME = DateTime(timezone=True)

#: A code that stands, for three minutes at most. `sealed` holds exactly the fields the holder agreed to.
shown_code = Table(
    "shown_code",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("question", Text),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("session_hash", LargeBinary),
    Column("told", SmallInteger, nullable=False, server_default=text("0")),
    Column("scanned_at", _TIME),
    Column("withdrawn_at", _TIME),
    UniqueConstraint("code_hash"),
    Index("shown_code_expiry", "expires_at"),
)

#: Who verified whom: which fields by name, never what they said. `verifier` is the registered id of a client, None for
#: who only says who it is; `sealed` holds what it said, and how the verdict was.
showing = Table(
    "showing",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("question", Text),
    Column("fields", ARRAY(Text), nullable=False),
    Column("verifier", Text),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Index("showing_holder", "holder", "id"),
    Index("showing_at", "at"),
)
