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
    _instant("limited_until", nullable=True),
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
    Column("device", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
    Column("name", LargeBinary),
    Column("backed_up", Boolean, nullable=False, server_default=text("false")),
    _instant("removed_at", nullable=True),
    Column("removed_why", Text),
    _instant("regressed_at", nullable=True),
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
    Column("binding", LargeBinary),
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
    Column("passkey", ForeignKey(passkey.c.id)),
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
    _instant("at"),
    Column("scopes", ARRAY(Text), nullable=False),
)

client_key = Table(
    "client_key",
    metadata,
    Column("subject", ForeignKey(subject.c.id), primary_key=True),
    Column("kid", Text, primary_key=True),
    Column("thumbprint", Text, nullable=False),
    Column("jwk", JSONB, nullable=False),
    _instant("valid_from"),
    _instant("valid_to", nullable=True),
    UniqueConstraint("subject", "thumbprint"),
)

wallet_client = Table(
    "wallet_client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("redirect_uris", ARRAY(Text), nullable=False),
    _instant("at"),
    _instant("suspended_at", nullable=True),
    Column("provider", ForeignKey("app.wallet_provider.id")),
)

authorization_request = Table(
    "authorization_request",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("client", ForeignKey(wallet_client.c.id), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("state", Text),
    Column("code_challenge", Text, nullable=False),
    Column("jkt", Text, nullable=False),
    Column("configurations", ARRAY(Text), nullable=False),
    Column("detailed", Boolean, nullable=False),
    _instant("expires_at"),
    _instant("opened_at", nullable=True),
    Column("covered", LargeBinary),
    Column("challenge", LargeBinary),
    _instant("decide_by", nullable=True),
    _instant("decided_at", nullable=True),
    Column("provider", ForeignKey("app.wallet_provider.id")),
    Column("instance", Text),
    Index("authorization_request_expiry", "expires_at"),
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("client", ForeignKey(wallet_client.c.id), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("jkt", Text, nullable=False),
    Column("configurations", ARRAY(Text), nullable=False),
    Column("detailed", Boolean, nullable=False),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    Column("session", ForeignKey(session.c.id)),
    Column("provider", ForeignKey("app.wallet_provider.id")),
    Column("instance", Text),
    Column("device", Uuid),
    Index("authorization_code_expiry", "expires_at"),
)

officer_grant = Table(
    "officer_grant",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("officer", ForeignKey(subject.c.id), nullable=False),
    Column("duty", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    _instant("proposed_at"),
    Column("approved_by", Text),
    _instant("approved_at", nullable=True),
    Column("ended_by", Text),
    _instant("ended_at", nullable=True),
    Index("officer_grant_one", "officer", "duty", unique=True, postgresql_where=text("ended_at IS NULL")),
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
    Column("device", Uuid),
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
    Column("session", ForeignKey(session.c.id)),
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

spent_assertion = Table(
    "spent_assertion",
    metadata,
    Column("minted_by", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    _instant("expires_at"),
    Index("spent_assertion_expiry", "expires_at"),
)

quota = Table(
    "quota",
    metadata,
    Column("who", Text, primary_key=True),
    Column("policy", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),
    _instant("expires_at"),
    Index("quota_expiry", "expires_at"),
    prefixes=["UNLOGGED"],
)

epoch = Table(
    "epoch",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    prefixes=["UNLOGGED"],
)

suspension = Table(
    "suspension",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("reason", Text, nullable=False),
    Column("suspended_by", Text, nullable=False),
    _instant("at"),
    Column("lift_reason", Text),
    Column("lift_proposed_by", Text),
    Column("lifted_by", Text),
    _instant("lifted_at", nullable=True),
    Index("suspension_standing", "subject", unique=True, postgresql_where=text("lifted_at IS NULL")),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("blind", LargeBinary, nullable=False),
    Column("language", Text, nullable=False),
    _instant("at"),
    _instant("verified_at", nullable=True),
    Column("findable", Boolean, nullable=False, server_default=text("false")),
    Index("contact_of", "subject", "at"),
)

verification = Table(
    "verification",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
    Index("verification_expiry", "expires_at"),
)

sending = Table(
    "sending",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("expires_at", DateTime(timezone=True), primary_key=True),
    Column("sent", Integer, nullable=False),
    Index("sending_expiry", "expires_at"),
)

message = Table(
    "message",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", Uuid, nullable=False),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _instant("expires_at"),
    _instant("due_at", nullable=True),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Index("message_expiry", "expires_at"),
)

recovery = Table(
    "recovery",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", Uuid, nullable=False),
    Column("jkt", Text, nullable=False),
    _instant("at"),
    _instant("expires_at"),
    _instant("proven_at", nullable=True),
    Column("shown", SmallInteger, nullable=False, server_default=text("0")),
    _instant("identified_at", nullable=True),
    _instant("finished_at", nullable=True),
    Column("passkey", ForeignKey(passkey.c.id)),
    Index("recovery_subject", "subject", "at"),
)

attestation = Table(
    "attestation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject", ForeignKey(subject.c.id), nullable=False),
    Column("session", ForeignKey(session.c.id), nullable=False),
    Column("platform", Text, nullable=False),
    Column("client_hash", LargeBinary, nullable=False),
    Column("evidence", LargeBinary),
    _instant("at"),
    _instant("due_at", nullable=True),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("verdict", Text),
    Column("findings", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _instant("settled_at", nullable=True),
    Index("attestation_of", "subject", "at"),
)
