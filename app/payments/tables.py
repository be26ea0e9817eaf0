"""The tables of payments in the schema `app`, as revision 0020 builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from app.tables import metadata

_TIME = DateTime(timezone=True)

#: What others may be told of a person, under a key of its own.
payee = Table(
    "payee",
    metadata,
    Column("holder", Uuid, primary_key=True),
    Column("document", Uuid, nullable=False),
    Column("by_account", Boolean, nullable=False),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
)

#: What two people write to each other with a payment; `id` is that of the transfer, request or order it is about.
note = Table(
    "payment_note",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("reader", Uuid),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
)

#: Who may not ask `holder` for money; revision 0030.
blocked = Table(
    "blocked",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("person", Uuid, nullable=False),
    Column("money_request", Uuid, ForeignKey("app.money_request.id"), nullable=False),
    Column("at", _TIME, nullable=False),
)

split = Table(
    "split",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("own", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)

#: `holder` asks; `payer` is None where anybody may pay who has its id.
money_request = Table(
    "money_request",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("payer", Uuid),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("split", ForeignKey(split.c.id)),
    Column("made_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("transfer", Uuid, unique=True),
    Column("told", Integer, nullable=False, server_default=text("0")),
)

standing_order = Table(
    "standing_order",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("payee", Uuid, nullable=False),
    Column("payee_lane", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("every", SmallInteger, nullable=False),
    Column("first_on", Date, nullable=False),
    Column("days_off", Text, nullable=False),
    Column("until_on", Date),
    Column("payments_max", Integer),
    Column("state", Text, nullable=False),
    Column("next_no", Integer, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("due_at", _TIME),
    Column("version", Integer, nullable=False),
    Column("step_up", Uuid),
    Column("made_at", _TIME, nullable=False),
)

standing_payment = Table(
    "standing_payment",
    metadata,
    Column("standing_order", ForeignKey(standing_order.c.id), primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("holder", Uuid, nullable=False),
    Column("planned_on", Date, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("transfer", Uuid, unique=True),
    Column("at", _TIME, nullable=False),
)

#: `sealed` are the payer's own words for each item, in order, under the payer's key.
payment_list = Table(
    "payment_list",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("account", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("paid", Integer, nullable=False, server_default=text("0")),
    Column("paid_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("refused", Integer, nullable=False, server_default=text("0")),
    Column("step_up", Uuid),
    Column("made_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("due_at", _TIME),
    Column("done_at", _TIME),
)

payment_item = Table(
    "payment_item",
    metadata,
    Column("list", ForeignKey(payment_list.c.id), primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("holder", Uuid, nullable=False),
    Column("payee", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("transfer", Uuid, unique=True),
    Column("refused", Text),
)
