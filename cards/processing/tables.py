"""The tables of cards that others process, in the schema `cards`; migrations/versions/0029_card_processors.py."""

from sqlalchemy import (
    Column,
    DateTime,
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

#: What a processor calls things of ours. Of a card also what it was last asked to make true, and since when it changed.
reference = Table(
    "processor_reference",
    metadata,
    Column("processor", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ours", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("status", Text),
    Column("permits", LargeBinary),
    Column("due_at", _TIME),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("processor", "reference"),
    UniqueConstraint("processor", "kind", "ours"),
    Index("processor_reference_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("processor_reference_ours", "ours"),
)

#: What a processor is asked, in the order of its line; `sealed` until it has ended.
command = Table(
    "command",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("processor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("line", Uuid, nullable=False),
    Column("about", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("sealed", LargeBinary),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("leased_until", _TIME),
    Column("trouble", Text),
    Column("reason", Text),
    Column("asked_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Index("command_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("command_line", "line", "id", postgresql_where=text("due_at IS NOT NULL")),
    Index("command_holder", "holder", "id"),
)

#: What a processor told, by its own name.
event = Table(
    "processor_event",
    metadata,
    Column("processor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("happened_at", _TIME, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("found_by", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("leased_until", _TIME),
    Column("outcome", Text),
    Column("settled_at", _TIME),
    PrimaryKeyConstraint("processor", "event"),
    Index("processor_event_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("processor_event_about", "processor", "about"),
)

#: Up to when everything a processor told is known to be here.
cursor = Table(
    "processor_cursor",
    metadata,
    Column("processor", Text, primary_key=True),
    Column("complete_until", _TIME, nullable=False),
    Column("due_at", _TIME, nullable=False),
)
