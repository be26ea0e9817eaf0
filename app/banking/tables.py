"""The tables of banking in the schema `app`; migrations/versions/0021_banking.py is what builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
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

from app.partners import tables as partner_tables
from app.tables import metadata

_TIME = DateTime(timezone=True)
_PARTNER = partner_tables.partner.c.id

#: `details` is {"iban", "bic"}, sealed under the holder's key; `account` the ledger's account that mirrors it.
bank_account = Table(
    "bank_account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("currency", Text, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("details", LargeBinary),
    Column("reported_minor", BigInteger),
    Column("reported_at", _TIME),
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("asked_at", _TIME, nullable=False),
    Column("opened_at", _TIME),
    Index(
        "bank_account_one",
        "holder",
        "partner",
        "currency",
        unique=True,
        postgresql_where=text("state <> 'refused'"),
    ),
)

#: `details` is {"name", "iban"}, sealed under the holder's key.
beneficiary = Table(
    "beneficiary",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("details", LargeBinary, nullable=False),
    Column("bic", Text),
    Column("own", Boolean, nullable=False),
    Column("named", Text, nullable=False),
    Column("saved_at", _TIME, nullable=False),
    Column("checked_at", _TIME),
    Column("removed_at", _TIME),
    Index("beneficiary_holder", "holder", "id"),
)

fx_quote = Table(
    "fx_quote",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("bank_quote", Text, nullable=False),
    Column("fixed", Text, nullable=False),
    Column("sells_minor", BigInteger, nullable=False),
    Column("sells_currency", Text, nullable=False),
    Column("buys_minor", BigInteger, nullable=False),
    Column("buys_currency", Text, nullable=False),
    Column("rate", Text, nullable=False),
    Column("reference_rate", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_account", Uuid, nullable=False),
    Column("target_account", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
)

bank_order = Table(
    "bank_order",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("holder", Uuid),
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("about", Uuid, nullable=False),
    Column("quote", Uuid, ForeignKey("app.fx_quote.id"), unique=True),
    Column("lane", Integer, nullable=False),
    Column("source", Uuid),
    Column("target", Uuid),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("gets_minor", BigInteger),
    Column("gets_currency", Text),
    Column("operation", Text),
    Column("rail", Text),
    Column("promised_from", _TIME),
    Column("promised_by", _TIME),
    Column("requested_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("bank_reference", Text),
    Column("reason", Text),
    Column("trouble", Text),
    Column("due_at", _TIME),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("leased_until", _TIME),
    Index("bank_order_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("bank_order_holder", "holder", "kind", "id"),
    Index("bank_order_about", "about"),
    Index("bank_order_promised", "promised_by", postgresql_where=text("promised_by IS NOT NULL")),
    Index(
        "bank_order_refund",
        "about",
        unique=True,
        postgresql_where=text("kind = 'refund' AND state NOT IN ('rejected', 'returned')"),
    ),
)

bank_order_step = Table(
    "bank_order_step",
    metadata,
    Column("order", Uuid, ForeignKey("app.bank_order.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("holder", Uuid),
    Column("act", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("order", "version"),
)

#: `reference` is what a payer writes, without its dashes.
topup = Table(
    "topup",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("amount_minor", BigInteger),
    Column("at", _TIME, nullable=False),
    Index("topup_holder", "holder", "id"),
)

incoming = Table(
    "incoming",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("message", Uuid, ForeignKey("app.inbox.id")),
    Column("holder", Uuid),
    Column("topup", Uuid, ForeignKey("app.topup.id")),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("lane", Integer),
    Column("stage", Text, nullable=False),
    Column("reason", Text),
    Column("promised_from", _TIME, nullable=False),
    Column("promised_by", _TIME, nullable=False),
    Column("announced_at", _TIME, nullable=False),
    Column("received_at", _TIME),
    Column("ended_at", _TIME),
    Column("aged_at", _TIME),
    Column("version", Integer, nullable=False),
    UniqueConstraint("partner", "payment_id"),
    Index("incoming_holder", "holder", "id"),
    Index("incoming_topup", "topup", postgresql_where=text("topup IS NOT NULL")),
    Index("incoming_suspended", "received_at", "id", postgresql_where=text("stage = 'suspended'")),
    Index("incoming_promised", "promised_by"),
)

incoming_stage = Table(
    "incoming_stage",
    metadata,
    Column("incoming", Uuid, ForeignKey("app.incoming.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("holder", Uuid),
    Column("stage", Text, nullable=False),
    Column("why", Text),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("incoming", "version"),
)

suspense_proposal = Table(
    "suspense_proposal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incoming", Uuid, ForeignKey("app.incoming.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("account", Uuid),
    Column("reason", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("verdict", Text),
    Index("suspense_proposal_open", "incoming", unique=True, postgresql_where=text("verdict IS NULL")),
    Index(
        "suspense_proposal_match",
        "incoming",
        unique=True,
        postgresql_where=text("verdict = 'approved' AND action = 'match'"),
    ),
)

#: `body` is the file as it came, sealed under the bank's key.
bank_statement = Table(
    "bank_statement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("day", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("opening_minor", BigInteger, nullable=False),
    Column("closing_minor", BigInteger, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("partner", "day", "currency"),
)

bank_statement_entry = Table(
    "bank_statement_entry",
    metadata,
    Column("statement", Uuid, ForeignKey("app.bank_statement.id"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    PrimaryKeyConstraint("statement", "no"),
    Index("bank_statement_entry_reference", "reference"),
)

safeguarding = Table(
    "safeguarding",
    metadata,
    Column("partner", Uuid, ForeignKey(_PARTNER), nullable=False),
    Column("day", Date, nullable=False),
    Column("no", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("books_minor", BigInteger, nullable=False),
    Column("statement_minor", BigInteger),
    Column("unexplained_minor", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("jws", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("partner", "day", "no"),
    Index("safeguarding_alarm", "day", postgresql_where=text("outcome IN ('differs', 'no_statement')")),
)
