"""The tables of the programme as SQLAlchemy sees them: migrations/versions/0023_programme.py, 0036_cards_later.py."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from cards.tables import metadata

_TIME = DateTime(timezone=True)
_NOW = text("ended_at IS NULL")

#: When a card that lives is to be renewed, and when it ends.
term = Table(
    "term",
    metadata,
    Column("card", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("renew_at", _TIME),
    Column("ends_at", _TIME, nullable=False),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("term_renew", "renew_at", postgresql_where=text("renew_at IS NOT NULL")),
    Index("term_ends", "ends_at"),
)

#: The child who carries a card of its parent's; `person` is sealed.
bearer = Table(
    "bearer",
    metadata,
    Column("card", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("person", LargeBinary, nullable=False),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
)

#: A plastic card on its way; one at a time. `address` and `tracking` are sealed.
parcel = Table(
    "parcel",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("card", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("carrier", Text),
    Column("tracking", LargeBinary),
    Column("state", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("shipped_at", _TIME),
    Column("ended_at", _TIME),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("parcel_open", "card", unique=True, postgresql_where=_NOW),
    Index("parcel_card", "card", "id"),
    Index("parcel_state", "state", "id", postgresql_where=_NOW),
)

#: Until when a holder's identity is verified, and when the worker looks next.
verification = Table(
    "verification",
    metadata,
    Column("holder", Uuid, primary_key=True),
    Column("verified_at", _TIME, nullable=False),
    Column("verified_until", Date),
    Column("due_at", _TIME),
    Index("verification_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

#: Which notices to consumers a holder accepted, each once.
consent = Table(
    "consent",
    metadata,
    Column("holder", Uuid, nullable=False),
    Column("notice_version", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("holder", "notice_version"),
)

#: Whose cards may be valid for longer, why, and by which status of theirs; two officers say so.
exemption = Table(
    "exemption",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Uuid, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("agreed", Boolean),
    Column("ended_by", Text),
    Column("ended_at", _TIME),
    Index(
        "exemption_open",
        "holder",
        unique=True,
        postgresql_where=text("ended_at IS NULL AND agreed IS DISTINCT FROM false"),
    ),
)

#: Merchants the programme pays nothing.
listed_merchant = Table(
    "listed_merchant",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("merchant", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("listed_by", Text, nullable=False),
    Column("listed_at", _TIME, nullable=False),
    Column("ended_by", Text),
    Column("ended_at", _TIME),
    Index("listed_merchant_now", "merchant", unique=True, postgresql_where=_NOW),
    Index("listed_merchant_listed", "id", postgresql_where=_NOW),
)

#: Persons on a list, by keyed digest of a document; `holder` once one of ours has shown it.
listed_person = Table(
    "listed_person",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("listing", Text, nullable=False),
    Column("blind", LargeBinary, nullable=False),
    Column("holder", Uuid),
    Column("until", Date),
    Column("listed_by", Text, nullable=False),
    Column("listed_at", _TIME, nullable=False),
    Column("ended_by", Text),
    Column("ended_at", _TIME),
    Index("listed_person_now", "blind", "listing", unique=True, postgresql_where=_NOW),
    Index("listed_person_holder", "holder", postgresql_where=text("ended_at IS NULL AND holder IS NOT NULL")),
    Index("listed_person_until", "until", postgresql_where=_NOW),
)

#: What is done to all cards of a basis, and how far it is: `place` is the last card looked at in this round.
campaign = Table(
    "campaign",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("to_basis", Text),
    Column("notice_version", Text),
    Column("spends_until", _TIME),
    Column("consent_until", _TIME),
    Column("state", Text, nullable=False),
    Column("place", Uuid),
    Column("found_any", Boolean, nullable=False, server_default=text("false")),
    Column("due_at", _TIME),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("approved_by", Text),
    Column("approved_at", _TIME),
    Index(
        "campaign_open",
        "basis",
        unique=True,
        postgresql_where=text("state IN ('proposed', 'running', 'paused', 'rolling_back')"),
    ),
    Index("campaign_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

#: What a campaign did to a card.
campaign_card = Table(
    "campaign_card",
    metadata,
    Column("campaign", Uuid, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("campaign", "card"),
    ForeignKeyConstraint(["campaign"], ["cards.campaign.id"]),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("campaign_card_holder", "holder"),
)
