"""Where plastic cards are sent: sealed under the holder's key, and opened for the holder and for who sends them."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from cards.card import Card
from cards.processing.processor import Destination
from cards.programme import shipping
from cards.programme.shipping import Parcel
from proof.kms import Kms

TABLE = "cards.parcel"


async def address(db: AsyncConnection, kms: Kms, card: Card, to: Destination, *, at: datetime) -> Parcel:
    """Have a card that was locked sent there; the story speaks for its holder. Raises WrongState, ParcelOnItsWay."""
    made = ids.new()
    keys = await vault.of(db, kms, card.holder, at)
    return await shipping.address(db, card, made, sealed(keys, to, made), at=at)


def sealed(keys: vault.Vault, to: Destination, parcel: UUID) -> bytes:
    """Seal an address for its parcel."""
    return keys.seal(msgspec.json.encode(to), table=TABLE, column="address", row=parcel)


def opened(keys: vault.Vault, parcel: Parcel) -> Destination:
    """Open the address of a parcel."""
    said = keys.open(parcel.address, table=TABLE, column="address", row=parcel.id)
    return msgspec.json.decode(said, type=Destination)


async def last(db: AsyncConnection, kms: Kms, card: Card) -> Destination | None:
    """Say where a card was last to be sent; the story speaks for its holder."""
    tries = await shipping.of_card(db, card.id)
    return opened(await vault.existing(db, kms, card.holder), tries[0]) if tries else None


def tracking(keys: vault.Vault, parcel: Parcel) -> str | None:
    """Open the number a parcel is tracked by."""
    if parcel.tracking is None:
        return None
    return keys.open(parcel.tracking, table=TABLE, column="tracking", row=parcel.id).decode()
