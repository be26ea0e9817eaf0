"""The tables of the issuance log as SQLAlchemy sees them; migrations/versions/0042_issuance_log.py builds them."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from residency.credential.tables import metadata

#: What leads from a copy to its entry in the log. It is the holder's, and goes when the holder is erased.
leaf = Table(
    "leaf",
    metadata,
    Column("commitment", LargeBinary, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("list", Uuid, nullable=False),
    Column("idx", Integer, nullable=False),
    Column("issuance", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    UniqueConstraint("list", "idx", name="leaf_of"),
    ForeignKeyConstraint(["issuance"], ["credential.issuance.id"], name="leaf_issuance"),
    ForeignKeyConstraint(["list", "idx"], ["credential.copy.list", "credential.copy.idx"], name="leaf_copy"),
    Index("leaf_issuance", "issuance"),
)

#: Leaves that no head covers yet.
log_waiting = Table(
    "log_waiting",
    metadata,
    Column("commitment", LargeBinary, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

#: Public: the log itself. Some entries are of copies, some of nothing; only a holder knows one when he sees it.
log_entry = Table(
    "log_entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary, nullable=False),
    UniqueConstraint("commitment", name="log_entry_once"),
)

#: Public: the full subtrees above the entries, from the blocks upward; they follow from the entries.
log_node = Table(
    "log_node",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx"),
)

#: Public: what was signed about the first `size` entries; `prev` is the SHA-256 of the head before.
log_head = Table(
    "log_head",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("prev", LargeBinary),
    Column("jws", Text, nullable=False),
    UniqueConstraint("prev", name="log_head_follows", postgresql_nulls_not_distinct=True),
)
