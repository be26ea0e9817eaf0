"""The tables of the schema `wallet`, as revision 0002 builds them."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid

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

event = journal.table(metadata)
