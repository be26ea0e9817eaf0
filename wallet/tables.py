"""The tables of the schema `wallet`, as revision 0002 builds them."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid

from proof import journal

metadata = MetaData(schema="wallet")

lane = Table(
    "lane",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("relayed", BigInteger, nullable=False),
    Column("opens", Boolean, nullable=False),
)

#: The lines of wallet/chart.py; revision 0018.
chart = Table(
    "chart",
    metadata,
    Column("purpose", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("floor", BigInteger),
    Column("currency", Text),
    Column("label", Text),
    Column("about", Text, nullable=False),
)

holder = Table(
    "holder",
    metadata,
    Column("holder", Uuid, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid),
    Column("purpose", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("floor", BigInteger),
    Column("posted", BigInteger, nullable=False),
    Column("hold_out", BigInteger, nullable=False),
    Column("hold_in", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
)

transfer = Table(
    "transfer",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("debit", Uuid, nullable=False),
    Column("credit", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("of", Uuid),
    Column("linked", Uuid),
    Column("debit_version", BigInteger, nullable=False),
    Column("credit_version", BigInteger, nullable=False),
    Column("debit_posted", BigInteger, nullable=False),
    Column("credit_posted", BigInteger, nullable=False),
    Column("debit_hold_out", BigInteger, nullable=False),
    Column("credit_hold_in", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("effective", DateTime(timezone=True), nullable=False),
    Column("code", Text, nullable=False),
    Column("reference", Text, nullable=False),
)

hold = Table(
    "hold",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("debit", Uuid, nullable=False),
    Column("credit", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
)

block = Table(
    "block",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

# Built by revisions 0020 and 0030; see wallet/address.py.
address = Table(
    "address",
    metadata,
    Column("account", Uuid, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("iban", Text, nullable=False, unique=True),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("salt", LargeBinary, nullable=False),
)

#: What belongs together, on each of its lanes; revision 0018.
linked = Table(
    "linked",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("transfers", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

event = journal.table(metadata)

# Periods, daily closings, statements and their documents: revision 0019.

period = Table(
    "period",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("closed_until", Date, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("approved_at", DateTime(timezone=True)),
    Column("withdrawn_by", Text),
    Column("withdrawn_at", DateTime(timezone=True)),
)

#: How far the closings of a lane are: everything up to `seq` is in them, and `day` was over.
closed_day = Table(
    "closed_day",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("day", Date),
)

#: What an account had at the end of a day it moved on: the row with the highest version of the day.
closing = Table(
    "closing",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("account", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Uuid),
    Column("posted", BigInteger, nullable=False),
)

#: What was recorded on one day with the value date of another.
value_shift = Table(
    "value_shift",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("account", Uuid, primary_key=True),
    Column("recorded_on", Date, primary_key=True),
    Column("value_on", Date, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Uuid),
    Column("moved", BigInteger, nullable=False),
)

statement = Table(
    "statement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("code", LargeBinary, nullable=False, unique=True),
    Column("begins_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("opening_version", BigInteger, nullable=False),
    Column("closing_version", BigInteger, nullable=False),
    Column("opening", BigInteger, nullable=False),
    Column("closing", BigInteger, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("letterhead", LargeBinary, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("entries", BigInteger),
    Column("credits", BigInteger),
    Column("debits", BigInteger),
    Column("root", LargeBinary),
)

document = Table(
    "document",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("statement", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("format", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("ready_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
)

document_part = Table(
    "document_part",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("document", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
