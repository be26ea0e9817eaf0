"""What cards spend, and the turnover of them all, as SQLAlchemy sees them; 0026_card_rules.py is what builds them."""

from sqlalchemy import BigInteger, Column, Date, ForeignKeyConstraint, Integer, LargeBinary, Table, Text, Uuid, text

from cards.tables import metadata

#: What a card (`subject`), a holder or the children on a card spent when: cards/spending/histogram.py,
#: cards/spending/habit.py.
velocity = Table(
    "velocity",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("scope", Text, primary_key=True),
    Column("subject", Uuid, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("buckets", LargeBinary, nullable=False),
    Column("habits", LargeBinary, nullable=False, server_default=text("''")),
)

#: What lanes were granted of a month's turnover, and how much of that nobody could refuse, beyond the cap.
turnover = Table(
    "turnover",
    metadata,
    Column("month", Date, primary_key=True),
    Column("most", BigInteger),
    Column("granted", BigInteger, nullable=False, server_default=text("0")),
    Column("beyond", BigInteger, nullable=False, server_default=text("0")),
)

#: What one lane was granted, and used of it; written under the lane's lock, or taken back by a lane in need.
turnover_slice = Table(
    "turnover_slice",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("month", Date, primary_key=True),
    Column("most", BigInteger),
    Column("granted", BigInteger, nullable=False, server_default=text("0")),
    Column("used", BigInteger, nullable=False, server_default=text("0")),
    ForeignKeyConstraint(["month"], ["cards.turnover.month"]),
)
