"""The tables of wallets that somebody vouches for, in the schema `app`, as revisions 0038 and 0045 build them."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.auth.tables import session, subject
from app.tables import metadata

_TIME = DateTime(timezone=True)

wallet_provider = Table(
    "wallet_provider",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("root", LargeBinary, nullable=False, unique=True),
    Column("valid_from", _TIME, nullable=False),
    Column("valid_to", _TIME),
    Column("at", _TIME, nullable=False),
)

wallet_status_list = Table(
    "wallet_status_list",
    metadata,
    Column("uri", Text, primary_key=True),
    Column("provider", ForeignKey(wallet_provider.c.id), nullable=False),
    Column("token", LargeBinary),
    Column("due_at", _TIME, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Index("wallet_status_list_due", "due_at"),
)

wallet_session = Table(
    "wallet_session",
    metadata,
    Column("session", ForeignKey(session.c.id), primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("configurations", ARRAY(Text), nullable=False),
    Column("detailed", Boolean, nullable=False),
    Column("provider", ForeignKey(wallet_provider.c.id)),
    Column("instance", Text),
    Column("device", Uuid),
    Index("wallet_session_subject", "subject"),
)
