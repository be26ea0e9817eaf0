"""The tables of an account's life in the schema `app`, as revision 0015 builds them."""

from sqlalchemy import Boolean, Column, Date, DateTime, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, Uuid

from app.tables import metadata

_TIME = DateTime(timezone=True)

#: One row per yes and per no; the latest version of a purpose is what holds.
consent = Table(
    "consent",
    metadata,
    Column("holder", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("text_version", Text, nullable=False),
    Column("text_sha256", LargeBinary, nullable=False),
    Column("language", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("session", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("holder", "purpose", "version"),
)

#: Where the end of an account stands; who did what is in the journal.
closure = Table(
    "closure",
    metadata,
    Column("holder", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("requested_at", _TIME, nullable=False),
    Column("closes_at", _TIME, nullable=False),
    Column("erases_on", Date),
    Column("due_at", _TIME),
)

#: A copy of everything we hold of a person; `bundle` is sealed and is there from `ready_at` until it is fetched.
export = Table(
    "export",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("requested_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("ready_at", _TIME),
    Column("expires_at", _TIME),
    Column("sha256", LargeBinary),
    Column("bundle", LargeBinary),
    Column("taken_at", _TIME),
)

#: When each kind of what is kept for a term is looked at next.
retention = Table(
    "retention",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("due_at", _TIME, nullable=False),
)
