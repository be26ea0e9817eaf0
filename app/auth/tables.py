"""The tables of sign-in in the schema `app`, as revision 0003 builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.tables import metadata


def _instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


subject = Table(
    "subject",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    _instant("at"),
    _instant("suspended_at", nullable=True),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("aaguid", Uuid, nullable=False),
    Column("synced", Boolean, nullable=False),
    _instant("at"),
    _instant("used_at"),
    Index("passkey_subject", "subject"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
)

challenge = Table(
    "challenge",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("challenge", LargeBinary, nullable=False, unique=True),
    Column("invitation", ForeignKey(invitation.c.hash)),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    Index("challenge_expiry", "expires_at"),
)

session = Table(
    "session",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("jkt", Text),
    Column("scope", Text, nullable=False),
    _instant("at"),
    _instant("expires_at"),
    _instant("ended_at", nullable=True),
    Column("ended_why", Text),
    Index("session_subject", "subject", "at"),
)

refresh = Table(
    "refresh",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session", ForeignKey(session.c.id), nullable=False),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    _instant("at"),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    UniqueConstraint("session", "generation"),
    Index("refresh_one_live", "session", unique=True, postgresql_where=text("used_at IS NULL")),
)

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False, unique=True),
    Column("jwks", JSONB, nullable=False),
    _instant("at"),
)

pre_authorized_code = Table(
    "pre_authorized_code",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("configurations", ARRAY(Text), nullable=False),
    Column("tx_code_hash", LargeBinary),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    Index("pre_authorized_code_expiry", "expires_at"),
)

step_up = Table(
    "step_up",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("operation", Text, nullable=False),
    Column("covered", LargeBinary, nullable=False),
    Column("challenge", LargeBinary, nullable=False, unique=True),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    Column("passkey", ForeignKey(passkey.c.id)),
    Column("client_data", LargeBinary),
    Column("authenticator_data", LargeBinary),
    Column("signature", LargeBinary),
)

spent_jti = Table(
    "spent_jti",
    metadata,
    Column("minted_by", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    _instant("expires_at"),
    Index("spent_jti_expiry", "expires_at"),
    prefixes=["UNLOGGED"],
)
