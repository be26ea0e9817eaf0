"""The tables of disputes in the schema `cards`: migrations/versions/0027_disputes.py, 0036_cards_later.py."""

from sqlalchemy import (
    ARRAY,
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

from cards.tables import metadata

_TIME = DateTime(timezone=True)
_NOTHING = text("0")
_OPEN = text("closed_at IS NULL")

#: `words` is what the person says, sealed under the holder's key.
dispute = Table(
    "dispute",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("payment", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("network", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("since_on", Date, nullable=False),
    Column("words", LargeBinary),
    Column("state", Text, nullable=False),
    Column("turn", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("submitted_at", _TIME),
    Column("due_at", _TIME),
    Column("remind_at", _TIME),
    Column("credited_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("recovered_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("lost_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("parked_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("owed_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("take_back_minor", BigInteger, nullable=False, server_default=_NOTHING),
    Column("take_back_at", _TIME),
    Column("reversible", Boolean, nullable=False, server_default=text("true")),
    Column("reversible_until", _TIME),
    Column("credit_due_at", _TIME),
    Column("ended_at", _TIME),
    Column("closed_at", _TIME),
    ForeignKeyConstraint(["lane", "payment"], ["cards.payment.lane", "cards.payment.id"]),
    Index("dispute_holder", "holder", "id"),
    Index("dispute_payment", "lane", "payment"),
    Index("dispute_queue", "due_at", "id", postgresql_where=_OPEN),
    Index(
        "dispute_due",
        text("LEAST(due_at, remind_at, credit_due_at, take_back_at)"),
        "id",
        postgresql_where=_OPEN,
    ),
)

#: `content` is a file as it was handed in, sealed under the holder's key.
evidence = Table(
    "dispute_evidence",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dispute", Uuid, ForeignKey("cards.dispute.id"), nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("media", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("dispute", "sha256"),
)

#: Which files the network of a dispute has, and what it calls them; or why it will not have one.
shown = Table(
    "dispute_shown",
    metadata,
    Column("evidence", Uuid, ForeignKey("cards.dispute_evidence.id"), primary_key=True),
    Column("dispute", Uuid, nullable=False),
    Column("reference", Text),
    Column("refused", Text),
    Column("at", _TIME, nullable=False),
    Index("dispute_shown_dispute", "dispute"),
)

hop = Table(
    "dispute_hop",
    metadata,
    Column("dispute", Uuid, ForeignKey("cards.dispute.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("act", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("evidence", ARRAY(Uuid), nullable=False),
    Column("source", Text),
    Column("why", Text),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("due_at", _TIME),
    PrimaryKeyConstraint("dispute", "number"),
    UniqueConstraint("dispute", "source"),
)

#: What the network is to be told about a hop, until it has heard; due by the machine's clock.
errand = Table(
    "dispute_errand",
    metadata,
    Column("dispute", Uuid, ForeignKey("cards.dispute.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("due_at", _TIME),
    Column("leased_until", _TIME),
    Column("attempts", Integer, nullable=False, server_default=_NOTHING),
    Column("trouble", Text),
    Column("done_at", _TIME),
    PrimaryKeyConstraint("dispute", "number"),
    Index("dispute_errand_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

write_off = Table(
    "dispute_write_off",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dispute", Uuid, ForeignKey("cards.dispute.id"), nullable=False),
    Column("what", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
    Index("dispute_write_off_open", "dispute", unique=True, postgresql_where=text("decided_by IS NULL")),
)
