"""What is stored about chips, as migrations/versions/0031_kyc_documents.py builds it."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table

from kyc.tables import metadata

# Challenges that were used, until they would have expired: nothing tells whose they were.
spent_challenge = Table(
    "spent_challenge",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("spent_challenge_expiry", "expires_at"),
)
