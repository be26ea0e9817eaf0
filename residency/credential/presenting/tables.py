"""Foreign issuers and their lists as SQLAlchemy sees them; 0041_foreign_issuers.py and 0047_roots.py build them.

Nothing here is about a person: who issues, and lists whose entries only a holder and his verifier can find.
"""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from residency.credential.tables import metadata

_TIME = DateTime(timezone=True)

#: An entry of the trust list: one officer's proposal, and what another one said. It never changes after that.
foreign_issuer = Table(
    "foreign_issuer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("url", Text),
    Column("vcts", ARRAY(Text), nullable=False),
    Column("doc_types", ARRAY(Text), nullable=False),
    Column("certificates", ARRAY(LargeBinary), nullable=False),
    Column("legal_ground", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lists_at", Text),
    Column("status_age_max_s", Integer, nullable=False),
    Column("begins_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
    Column("crl_at", Text),
)

#: That an issuer is not believed any more, before its term: one officer is enough to stop believing.
foreign_issuer_end = Table(
    "foreign_issuer_end",
    metadata,
    Column("issuer", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("ended_at", _TIME, nullable=False),
    ForeignKeyConstraint(["issuer"], ["credential.foreign_issuer.id"]),
)

#: The newest of each list that a document of a foreign issuer named or somebody brought, of revoked signers too.
foreign_list = Table(
    "foreign_list",
    metadata,
    Column("issuer", Uuid, nullable=False),
    Column("uri", Text, nullable=False),
    Column("token", LargeBinary),
    Column("signed_at", _TIME),
    Column("expires_at", _TIME),
    Column("due_at", _TIME),
    Column("named_at", _TIME, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("trouble", Text),
    PrimaryKeyConstraint("issuer", "uri"),
    ForeignKeyConstraint(["issuer"], ["credential.foreign_issuer.id"]),
    Index("foreign_list_due", "due_at"),
)
