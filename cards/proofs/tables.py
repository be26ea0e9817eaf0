"""The tables of what proves a card, as SQLAlchemy sees them: 0024_card_secrets.py, 0028_card_link.py, 0036."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from cards.tables import metadata, vault

_TIME = DateTime(timezone=True)

#: A confirmed look at a number: for one answer, to the key `jwk` of a device.
reveal = Table(
    "reveal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("jwk", Text, nullable=False),
    Column("granted_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("used_at", _TIME),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("reveal_card", "card", "granted_at"),
)

#: What stands for a card in a wallet or at one shop; `reference` is the token service's name for it.
token = Table(
    "token",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("network", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("requestor", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    Column("merchant", Text),
    Column("state", Text, nullable=False),
    Column("paused_by", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("decision", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("code_tries", Integer, nullable=False, server_default=text("0")),
    Column("code_expires_at", _TIME),
    Column("requested_at", _TIME, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("network", "reference"),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("token_card", "card", "requested_at"),
    Index("token_holder", "holder", "id"),
)

#: A purchase that its holder is asked to agree to (3-D Secure); `transaction` is the network's name for it.
challenge = Table(
    "challenge",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("card", Uuid, nullable=False),
    Column("network", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("merchant_name", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("merchant_country", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("answered_at", _TIME),
    Column("approved", Boolean),
    Column("step_up", Uuid),
    Column("used_at", _TIME),
    UniqueConstraint("network", "transaction"),
    UniqueConstraint("card", "sequence"),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
    Index("challenge_holder", "holder", "id"),
)

#: Where a line of cards, named by its first, was proved once without being there.
trusted_shop = Table(
    "trusted_shop",
    metadata,
    Column("card", Uuid, primary_key=True),
    Column("network", Text, primary_key=True),
    Column("merchant", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("since", _TIME, nullable=False),
    ForeignKeyConstraint(["card"], ["cards.card.id"]),
)

#: In the schema that no login role can read: the keys of the cards, PIN values and their tries, chips' counters.
key = Table(
    "key",
    vault,
    Column("name", Text, primary_key=True),
    Column("usage", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("check_value", Text, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("made_at", _TIME, nullable=False),
    UniqueConstraint("usage", "zone", "version"),
)
pin = Table(
    "pin",
    vault,
    Column("card", Uuid, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("pvv", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("set_at", _TIME, nullable=False),
    ForeignKeyConstraint(["card"], ["card_vault.pan.card"], ondelete="CASCADE"),
)
chip = Table(
    "chip",
    vault,
    Column("card", Uuid, primary_key=True),
    Column("highest", Integer, nullable=False),
    Column("seen", BigInteger, nullable=False),
    ForeignKeyConstraint(["card"], ["card_vault.pan.card"], ondelete="CASCADE"),
)
guess = Table(
    "guess",
    vault,
    Column("card", Uuid, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("tried_at", _TIME, nullable=False),
    ForeignKeyConstraint(["card"], ["card_vault.pan.card"], ondelete="CASCADE"),
)
