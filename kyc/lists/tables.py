"""The tables of lists, as migrations/versions/0032_kyc_screening.py builds them."""

from sqlalchemy import Column, DateTime, ForeignKey, Integer, LargeBinary, Table, Text

from kyc.tables import metadata

# An entity by the digest of what a list says of it: stored once, however many versions of the list it is in.
listed_entity = Table(
    "listed_entity",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A version of a list: `members` are the digests of its entities in order, and `digest` is theirs.
list_snapshot = Table(
    "list_snapshot",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

# Which version each source stands at, and when to ask it again.
list_source = Table(
    "list_source",
    metadata,
    Column("source", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("digest", LargeBinary, ForeignKey("kyc.list_snapshot.digest")),
    Column("etag", Text),
    Column("checked_at", DateTime(timezone=True)),
)

# All versions that were in force together, with the rules that compared: everybody is looked up in an edition.
list_edition = Table(
    "list_edition",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rules", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

list_part = Table(
    "list_part",
    metadata,
    Column("edition", Integer, ForeignKey("kyc.list_edition.number"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("digest", LargeBinary, ForeignKey("kyc.list_snapshot.digest"), nullable=False),
)
