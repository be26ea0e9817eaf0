"""Numbers of persons as SQLAlchemy sees them; migrations/versions/0035_kyc_papers.py is what builds them."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, Uuid, text

from kyc.tables import metadata

_TIME = DateTime(timezone=True)

#: `value` is sealed with the resident's data key; by `blind`, a keyed digest, an equal one is found again.
identifier = Table(
    "identifier",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("resident", Uuid, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("blind", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Index("identifier_resident", "resident", "id"),
    Index(
        "identifier_once",
        "resident",
        "scheme",
        "country",
        "blind",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)
